//! How it looks on `x86_64`.

use std::collections::BTreeSet;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use super::{INSTRUCTIONS, NEAR, Stored, around};

/// Where functions that look like it begin in this code.
pub(super) fn starts(code: &[u8]) -> Vec<usize> {
    candidates(code).into_iter().filter(|at| Function { code, at: *at }.sets_the_input()).collect()
}

/// Functions, by the direct calls in this code, in which a length may be stored in front of a string. Bytes that only look like a
/// call add some that are none.
fn candidates(code: &[u8]) -> BTreeSet<usize> {
    let calls = code.windows(5).enumerate().filter(|(_, w)| w[0] == CALL);
    let target = |(at, w): (usize, &[u8])| {
        let offset = i32::from_le_bytes([w[1], w[2], w[3], w[4]]);
        usize::try_from(at as i64 + 5 + i64::from(offset)).ok()
    };
    let called = calls.filter_map(target).filter(|target| *target < code.len()).collect();
    let stores =
        code.windows(3).enumerate().filter(|(at, w)| is_length(w) && is_near_string(code, *at, w[2]));
    around(called, stores.map(|(at, _)| at))
}

/// The opcode of a near call, and that of a store of a register.
const CALL: u8 = 0xe8;
const STORE: u8 = 0x89;
/// `mov %eax, offset(%register)` with an offset of a byte.
fn is_length(bytes: &[u8]) -> bool {
    bytes[0] == STORE && bytes[1] & 0xf8 == 0x40 && bytes[1] & 7 != 4
}

/// Is a 64-bit register stored near this place, eight bytes behind that offset?
fn is_near_string(code: &[u8], at: usize, offset: u8) -> bool {
    let near = &code[at.saturating_sub(NEAR)..code.len().min(at + NEAR)];
    near.windows(4).any(|w| {
        matches!(w[0], 0x48 | 0x49 | 0x4c | 0x4d)
            && w[1] == STORE
            && w[2] & 0xc0 == 0x40
            && w[3] == offset.wrapping_add(8)
    })
}

struct Function<'a> {
    code: &'a [u8],
    at: usize,
}

impl Function<'_> {
    fn sets_the_input(&self) -> bool {
        let mut decoder = Decoder::with_ip(64, &self.code[self.at..], self.at as u64, DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        let mut stored = Stored::default();
        // Where the argument is, in registers and on the stack; which registers are zero; whether EAX is its length.
        let mut string = vec![Register::RDI];
        let mut spilled: Vec<(Register, u64)> = Vec::new();
        let mut zeros: Vec<Register> = Vec::new();
        let mut is_length = false;
        for _ in 0..INSTRUCTIONS {
            if !decoder.can_decode() {
                return false;
            }
            decoder.decode_out(&mut instruction);
            let i = &instruction;
            let to_memory = i.op_count() > 1 && i.op0_kind() == OpKind::Memory;
            let to_register = i.op_count() > 0 && i.op0_kind() == OpKind::Register;
            let place = (i.memory_base(), i.memory_displacement64());
            match i.mnemonic() {
                Mnemonic::INVALID | Mnemonic::Int3 | Mnemonic::Hlt | Mnemonic::Ud2 => return false,
                Mnemonic::Ret => break,
                Mnemonic::Jmp
                    if i.op0_kind() != OpKind::NearBranch64
                        || i.near_branch_target() <= i.ip()
                        || stored.is_input() =>
                {
                    break;
                }
                Mnemonic::Call => {
                    is_length = string.contains(&Register::RDI);
                    string.retain(|r| is_kept(*r));
                    zeros.retain(|r| is_kept(*r));
                }
                Mnemonic::Mov | Mnemonic::And if to_memory => {
                    let is_register = i.op1_kind() == OpKind::Register;
                    let from = if is_register { whole(i.op1_register()) } else { Register::None };
                    let is_string = is_register && string.contains(&i.op1_register());
                    if is_on_stack(i) {
                        spilled.retain(|there| *there != place);
                        if is_string {
                            spilled.push(place);
                        }
                    } else if i.memory_base() != Register::RIP && i.memory_index() == Register::None {
                        if is_string {
                            stored.string.push(place.1);
                        }
                        if is_register && is_length && i.op1_register() == Register::EAX {
                            stored.length.push(place.1);
                        }
                        if zeros.contains(&from) || !is_register && i.immediate(1) == 0 {
                            stored.zero.push(place.1);
                        }
                    }
                }
                _ if to_register && writes(i) => {
                    let to = whole(i.op0_register());
                    let moves = i.mnemonic() == Mnemonic::Mov;
                    let is_string = moves
                        && (i.op1_kind() == OpKind::Register && string.contains(&i.op1_register())
                            || i.op1_kind() == OpKind::Memory && spilled.contains(&place));
                    let is_zero = i.mnemonic() == Mnemonic::Xor && i.op0_register() == i.op1_register();
                    string.retain(|r| *r != to);
                    zeros.retain(|r| *r != to);
                    is_length &= to != Register::RAX;
                    if is_string {
                        string.push(to);
                    }
                    if is_zero {
                        zeros.push(to);
                    }
                }
                _ => {}
            }
        }
        stored.is_input()
    }
}

/// Does it write its first operand?
fn writes(i: &Instruction) -> bool {
    !matches!(i.mnemonic(), Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push | Mnemonic::Nop)
        && i.code() != Code::INVALID
}

fn is_on_stack(i: &Instruction) -> bool {
    i.memory_base() == Register::RSP
        || i.memory_base() == Register::RBP && (i.memory_displacement64() as i64) < 0
}

/// The 64-bit register that a 32-bit one is half of.
fn whole(register: Register) -> Register {
    let halves = Register::EAX as usize..=Register::R15D as usize;
    let n = register as usize;
    if !halves.contains(&n) {
        return register;
    }
    Register::try_from(Register::RAX as usize + n - Register::EAX as usize).unwrap_or(register)
}

/// Is the register the same after a call?
fn is_kept(register: Register) -> bool {
    matches!(
        register,
        Register::RBX | Register::RBP | Register::R12 | Register::R13 | Register::R14 | Register::R15
    )
}
