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
/// A 32-bit register is stored at another's address, with an offset of a byte.
fn is_length(bytes: &[u8]) -> bool {
    bytes[0] == STORE && bytes[1] & 0xc0 == 0x40 && bytes[1] & 7 != 4
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
        // Where the argument is, in registers and on the stack; which registers are zero; where its length is.
        let mut string = vec![Register::RDI];
        let mut spilled: Vec<(Register, u64)> = Vec::new();
        let mut zeros: Vec<Register> = Vec::new();
        let mut length: Vec<Register> = Vec::new();
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
                    length.retain(|r| is_kept(*r));
                    if string.contains(&Register::RDI) {
                        length.push(Register::RAX);
                    }
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
                        if is_register && from != i.op1_register() && length.contains(&from) {
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
                    let is_length = moves
                        && i.op1_kind() == OpKind::Register
                        && length.contains(&whole(i.op1_register()));
                    let is_zero = i.mnemonic() == Mnemonic::Xor && i.op0_register() == i.op1_register();
                    string.retain(|r| *r != to);
                    zeros.retain(|r| *r != to);
                    length.retain(|r| *r != to);
                    if is_length {
                        length.push(to);
                    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A function as compilers write it for size: the length goes into another register before it is stored.
    fn sample(store_length: &[u8]) -> Vec<u8> {
        let parts: [&[u8]; 12] = [
            // call the function below
            &[0xe8, 0x01, 0x00, 0x00, 0x00, 0xc3],
            // push %rbx; mov %rdi,%rbx
            &[0x53, 0x48, 0x89, 0xfb],
            // call something; mov (%rip),%rax
            &[0xe8, 0x40, 0x00, 0x00, 0x00],
            &[0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00],
            // mov %rbx,0x18(%rax); mov %rbx,%rdi; call strlen
            &[0x48, 0x89, 0x58, 0x18],
            &[0x48, 0x89, 0xdf],
            &[0xe8, 0x30, 0x00, 0x00, 0x00],
            // mov %rax,%rcx; mov (%rip),%rax
            &[0x48, 0x89, 0xc1],
            &[0x48, 0x8b, 0x05, 0x00, 0x01, 0x00, 0x00],
            store_length,
            // xor %esi,%esi; mov %rsi,0x20(%rax)
            &[0x31, 0xf6, 0x48, 0x89, 0x70, 0x20],
            &[0x5b, 0xc3],
        ];
        let mut code = parts.concat();
        code.resize(code.len() + 0x80, 0x90);
        code
    }

    #[test]
    fn a_length_in_any_register_is_followed() {
        // mov %ecx,0x10(%rax)
        assert_eq!(starts(&sample(&[0x89, 0x48, 0x10])), [6]);
        // mov %edx,0x10(%rax): nobody knows what that is.
        assert!(starts(&sample(&[0x89, 0x50, 0x10])).is_empty());
        // mov %rcx,0x10(%rax): as a length of 64 bits it is none.
        assert!(starts(&sample(&[0x48, 0x89, 0x48, 0x10])).is_empty());
    }
}
