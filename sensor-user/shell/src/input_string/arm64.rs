//! How it looks on arm64.

use std::collections::BTreeSet;

use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction, Opcode, Operand, ShiftStyle, SizeCode};

use super::{INSTRUCTIONS, NEAR, Stored, around};

/// Bytes of an instruction.
const WORD: usize = 4;
/// The register that holds an argument and a result, that which is always zero, and the stack pointer.
const ARGUMENT: u16 = 0;
const ZERO: u16 = 31;
const STACK: u16 = 31;
const FRAME: u16 = 29;

/// Where functions that look like it begin in this code.
pub(super) fn starts(code: &[u8]) -> Vec<usize> {
    candidates(code).into_iter().filter(|at| sets_the_input(&code[*at..])).collect()
}

/// Functions, by the direct calls in this code, in which a length may be stored in front of a string.
fn candidates(code: &[u8]) -> BTreeSet<usize> {
    let words: Vec<u32> = code.as_chunks::<WORD>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let target = |(at, word): (usize, &u32)| {
        // `bl`: 26 bits of words, with a sign.
        let offset = ((word << 6) as i32) >> 6;
        (word >> 26 == 0b100_101).then(|| usize::try_from(at as i64 + i64::from(offset)).ok())?
    };
    let called = words.iter().enumerate().filter_map(target).filter(|at| *at < words.len());
    let stores = words.iter().enumerate().filter(|(at, word)| {
        stored_32(**word).into_iter().flatten().any(|offset| {
            let near = &words[at.saturating_sub(NEAR / WORD)..words.len().min(at + NEAR / WORD)];
            near.iter().any(|word| stored_64(*word).contains(&Some(offset + 8)))
        })
    });
    around(called.map(|at| at * WORD).collect(), stores.map(|(at, _)| at * WORD))
}

/// `str wN, [xM, #offset]`, `stur`, or `stp` of two such: the offset, bytes; of a pair both.
fn stored_32(word: u32) -> [Option<u32>; 2] {
    stored(word, 0xb900_0000, 0xb800_0000, 0x2900_0000, 4)
}

/// The same of `xN`.
fn stored_64(word: u32) -> [Option<u32>; 2] {
    stored(word, 0xf900_0000, 0xf800_0000, 0xa900_0000, 8)
}

fn stored(word: u32, scaled: u32, unscaled: u32, pair: u32, bytes: u32) -> [Option<u32>; 2] {
    if word & 0xffc0_0000 == scaled {
        return [Some((word >> 10 & 0xfff) * bytes), None];
    }
    if word & 0xffe0_0c00 == unscaled {
        // Nine bits with a sign; a structure's fields are not in front of it.
        return [Some(word >> 12 & 0x1ff).filter(|offset| *offset < 0x100), None];
    }
    if word & 0xffc0_0000 == pair {
        let first = (word >> 15 & 0x7f) * bytes;
        return [Some(first), Some(first + bytes)];
    }
    [None, None]
}

/// What registers hold, a bit for each.
#[derive(Default)]
struct Holds {
    string: u32,
    length: u32,
    zero: u32,
}

impl Holds {
    fn each(&mut self) -> [&mut u32; 3] {
        [&mut self.string, &mut self.length, &mut self.zero]
    }

    fn forget(&mut self, register: u16) {
        self.each().into_iter().for_each(|held| *held &= !bit(register));
    }

    /// Both hold the same now.
    fn copy(&mut self, to: u16, from: u16) {
        for held in self.each() {
            let is_held = *held & bit(from) != 0;
            *held = *held & !bit(to) | if is_held { bit(to) } else { 0 };
        }
    }

    /// A function was called: it keeps x19 to x29, and gives the length of the string that it was given, if it was.
    fn call(&mut self) {
        let is_length = self.string & bit(ARGUMENT) != 0;
        let kept = (19..=29).map(bit).fold(0, |all, one| all | one);
        self.each().into_iter().for_each(|held| *held &= kept);
        if is_length {
            self.length |= bit(ARGUMENT);
        }
    }
}

fn bit(register: u16) -> u32 {
    1 << (register & 31)
}

/// Does the function that begins here store its argument, the length of it and a zero in the way that is looked for?
fn sets_the_input(code: &[u8]) -> bool {
    let decoder = InstDecoder::default();
    let mut stored = Stored::default();
    let mut holds = Holds { string: bit(ARGUMENT), ..Holds::default() };
    // Where on the stack the string is kept.
    let mut spilled: Vec<(u16, i32)> = Vec::new();
    for word in code.as_chunks::<WORD>().0.iter().take(INSTRUCTIONS) {
        let Ok(instruction) = decoder.decode(&mut U8Reader::new(word)) else { return false };
        let Instruction { opcode, operands } = instruction;
        match (opcode, operands) {
            (Opcode::RET | Opcode::RETAA | Opcode::RETAB | Opcode::BR, _) => break,
            (Opcode::UDF | Opcode::BRK, _) => return false,
            (Opcode::B, [Operand::PCOffset(offset), ..]) if offset <= 0 || stored.is_input() => break,
            (Opcode::BL | Opcode::BLR, _) => holds.call(),
            (
                Opcode::STR | Opcode::STUR,
                [Operand::Register(size, from), Operand::RegPreIndex(base, offset, _), ..],
            ) => {
                store(&mut stored, &mut spilled, &holds, size, &[from], base, offset);
            }
            (
                Opcode::STP,
                [
                    Operand::Register(size, first),
                    Operand::Register(_, second),
                    Operand::RegPreIndex(base, offset, _),
                    ..,
                ],
            ) => store(&mut stored, &mut spilled, &holds, size, &[first, second], base, offset),
            (Opcode::LDR, [Operand::Register(_, to), Operand::RegPreIndex(base, offset, _), ..]) => {
                load(&spilled, &mut holds, &[to], base, offset);
            }
            (
                Opcode::LDP,
                [
                    Operand::Register(_, first),
                    Operand::Register(_, second),
                    Operand::RegPreIndex(base, offset, _),
                    ..,
                ],
            ) => load(&spilled, &mut holds, &[first, second], base, offset),
            // `mov` between registers.
            (
                Opcode::ORR,
                [
                    Operand::Register(_, to),
                    Operand::Register(_, ZERO),
                    Operand::RegShift(ShiftStyle::LSL, 0, _, from),
                    ..,
                ],
            ) => {
                if from == ZERO {
                    holds.forget(to);
                    holds.zero |= bit(to);
                } else {
                    holds.copy(to, from);
                }
            }
            (Opcode::MOVZ, [Operand::Register(_, to), Operand::ImmShift(0, 0), ..]) => {
                holds.forget(to);
                holds.zero |= bit(to);
            }
            // Nothing else that has a register first and is no store leaves it as it was.
            (opcode, [Operand::Register(_, to) | Operand::RegisterOrSP(_, to), ..])
                if !is_read_only(opcode) =>
            {
                holds.forget(to);
            }
            _ => {}
        }
    }
    stored.is_input()
}

/// Does it leave its first operand as it is?
fn is_read_only(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::CBZ | Opcode::CBNZ | Opcode::TBZ | Opcode::TBNZ | Opcode::STRB | Opcode::STRH | Opcode::CCMP
    )
}

fn store(
    stored: &mut Stored,
    spilled: &mut Vec<(u16, i32)>,
    holds: &Holds,
    size: SizeCode,
    registers: &[u16],
    base: u16,
    offset: i32,
) {
    let (is_whole, bytes) = if size == SizeCode::X { (true, 8) } else { (false, 4) };
    for (from, at) in registers.iter().zip((offset..).step_by(bytes)) {
        // Register 31 is zero as a value.
        let is_held = |held: u32| *from != ZERO && held & bit(*from) != 0;
        let is_string = is_whole && is_held(holds.string);
        if matches!(base, STACK | FRAME) {
            spilled.retain(|there| *there != (base, at));
            if is_string {
                spilled.push((base, at));
            }
            continue;
        }
        let Ok(at) = u64::try_from(at) else { continue };
        if is_string {
            stored.string.push(at);
        }
        if !is_whole && is_held(holds.length) {
            stored.length.push(at);
        }
        if is_whole && (*from == ZERO || is_held(holds.zero)) {
            stored.zero.push(at);
        }
    }
}

fn load(spilled: &[(u16, i32)], holds: &mut Holds, registers: &[u16], base: u16, offset: i32) {
    for (to, at) in registers.iter().zip((offset..).step_by(8)) {
        holds.forget(*to);
        if spilled.contains(&(base, at)) {
            holds.string |= bit(*to);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Assembled from: a function that calls both; at byte 12 one that keeps its argument on the stack, calls, stores the argument
    /// at 24, its length at 16 and zero at 32; at byte 68 one that does so with the length of another string.
    const WORDS: [u32; 27] = [
        0x9400_0003,
        0x9400_0010,
        0xd65f_03c0,
        0xa9be_7bfd,
        0x9100_03fd,
        0xf900_0bf3,
        0xf900_0fe0,
        0x9400_0012,
        0xaa00_03f3,
        0xf940_0fe0,
        0xf900_0e60,
        0x9400_000f,
        0xb900_1260,
        0xf900_127f,
        0xf940_0bf3,
        0xa8c2_7bfd,
        0xd65f_03c0,
        0xa9be_7bfd,
        0xf900_0c20,
        0xaa01_03e0,
        0x9400_0006,
        0xb900_1020,
        0xf900_103f,
        0xa8c2_7bfd,
        0xd65f_03c0,
        0xd65f_03c0,
        0xd65f_03c0,
    ];

    /// The code, and where the function begins in it.
    pub(crate) fn sample() -> (Vec<u8>, usize) {
        (WORDS.iter().flat_map(|word| word.to_le_bytes()).collect(), 12)
    }

    #[test]
    fn the_function_is_told_from_one_that_stores_another_strings_length() {
        let (code, _) = sample();
        assert_eq!(starts(&code), [12]);
        // `stur` means the same.
        let mut other = code.clone();
        other[48..52].copy_from_slice(&0xb801_0260_u32.to_le_bytes());
        // And the only one: the other function's length is not stored.
        other[84..88].copy_from_slice(&0xd503_201f_u32.to_le_bytes());
        assert_eq!(starts(&other), [12]);
        // Whatever the bytes are, the answer comes.
        for at in 0..code.len() {
            starts(&code[at..]);
        }
    }
}
