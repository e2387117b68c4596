//! Finds `setinputstring(char *string)` in an Almquist shell, dash or busybox, by what it does: no build of them exports a
//! function. Every string that such a shell evaluates passes there: `-c` text, `eval`, traps, `ENV`, prompts, backquotes.
//!
//! ```c
//! pushfile(); parsefile->nextc = string; parsefile->nleft = strlen(string); parsefile->buf = NULL;
//! ```
//!
//! Looked for among all functions that are called: one that stores the 32-bit result of a call which was given its first
//! argument, behind it that argument, and behind that a zero, as `struct parsefile` has had them since dash 0.5.5.

mod amd64;
mod arm64;

use std::collections::BTreeSet;

use object::{
    Architecture, Object, ObjectSegment, SegmentFlags,
    elf::{PF_W, PF_X},
};

/// Parts of a file that are executed, and bytes of them, that are looked at: shells have one, of a megabyte or two. Who makes others makes
/// them to be searched for long.
const SEGMENTS: usize = 4;
const CODE_BYTES: usize = 8 << 20;
/// Functions that are looked at in each; Debian's busybox has 250 that may be it.
const CANDIDATES: usize = 4096;
/// Instructions looked at of a function.
const INSTRUCTIONS: usize = 90;
/// A function's bytes in front of where it stores the length.
const FUNCTION_BYTES: usize = 160;
/// Bytes between the two stores.
const NEAR: usize = 64;

/// Where it begins in the file, bytes; `None` where nothing or more than one thing looks like it.
pub(crate) fn find(binary: &[u8]) -> Option<u64> {
    let file = object::File::parse(binary).ok()?;
    let starts = match file.architecture() {
        Architecture::X86_64 => amd64::starts,
        Architecture::Aarch64 => arm64::starts,
        _ => return None,
    };
    // The kernel puts no probe where the program may write.
    let executed = file
        .segments()
        .filter(|segment| matches!(segment.flags(), SegmentFlags::Elf { p_flags } if p_flags & PF_X != 0 && p_flags & PF_W == 0));
    // Two that show the same bytes are one.
    let ranges: BTreeSet<(u64, u64)> =
        executed.map(|segment| segment.file_range()).take(SEGMENTS + 1).collect();
    let bytes: u64 = ranges.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
    if ranges.len() > SEGMENTS || bytes > CODE_BYTES as u64 {
        return None;
    }
    let mut found = BTreeSet::new();
    for (in_file, size) in ranges {
        let end = in_file.checked_add(size).and_then(|end| usize::try_from(end).ok());
        let Some(code) = end.and_then(|end| binary.get(in_file as usize..end)) else { continue };
        found.extend(starts(code).into_iter().map(|at| in_file + at as u64));
    }
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

/// Of the functions that are called, those in which one of these stores may stand; none where there are too many of them.
fn around(mut called: Vec<usize>, stores: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    called.sort_unstable();
    called.dedup();
    let near = stores.flat_map(|at| {
        let first = called.partition_point(|start| start + FUNCTION_BYTES < at);
        called[first..].iter().copied().take_while(move |start| *start <= at)
    });
    let mut found = BTreeSet::new();
    for start in near {
        found.insert(start);
        if found.len() > CANDIDATES {
            return BTreeSet::new();
        }
    }
    found
}

/// Offsets in structures that something was stored at.
#[derive(Default)]
struct Stored {
    string: Vec<u64>,
    length: Vec<u64>,
    zero: Vec<u64>,
}

impl Stored {
    /// `nleft`, `nextc` and `buf` one behind the other.
    fn is_input(&self) -> bool {
        let is_there = |offsets: &[u64], at: u64| offsets.contains(&at);
        self.length.iter().any(|at| {
            let behind = |bytes| at.checked_add(bytes);
            behind(8).is_some_and(|at| is_there(&self.string, at))
                && behind(16).is_some_and(|at| is_there(&self.zero, at))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_in_the_shells_of_this_machine() {
        for path in ["/bin/dash", "/bin/busybox"] {
            let Ok(binary) = std::fs::read(path) else { continue };
            assert!(find(&binary).is_some(), "{path}");
        }
        for path in ["/bin/bash", "/bin/ls", "/bin/mksh"] {
            let Ok(binary) = std::fs::read(path) else { continue };
            assert_eq!(find(&binary), None, "{path}");
        }
        assert_eq!(find(b"\x7fELF and then nothing of it"), None);
    }

    /// The head of a 64-bit ELF image of a machine, with as many executable segments, of the whole file or each a byte shorter than
    /// the one before.
    fn image(machine: u16, segments: u16, shorter: u64, code: &[u8]) -> Vec<u8> {
        let size = 64 + 56 * usize::from(segments) + code.len();
        let mut image = b"\x7fELF\x02\x01\x01".to_vec();
        image.resize(16, 0);
        image.extend([2, 0]);
        image.extend(machine.to_le_bytes());
        image.extend(1u32.to_le_bytes());
        image.extend([0u64, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
        image.extend(0u32.to_le_bytes());
        image.extend([64u16, 56, segments, 64, 0, 0].iter().flat_map(|half| half.to_le_bytes()));
        for n in 0..u64::from(segments) {
            let size = size as u64 - n * shorter;
            image.extend([1u32, 5].iter().flat_map(|word| word.to_le_bytes()));
            image.extend([0, 0, 0, size, size, 4096].iter().flat_map(|word| word.to_le_bytes()));
        }
        image.extend(code);
        image
    }

    #[test]
    fn it_is_found_once_or_not_at_all() {
        let (code, at) = arm64::tests::sample();
        let head = |segments: usize| 64 + 56 * segments;
        assert_eq!(find(&image(183, 1, 0, &code)), Some((head(1) + at) as u64));
        assert_eq!(find(&image(183, 4, 1, &code)), Some((head(4) + at) as u64), "parts that overlap");
        assert_eq!(find(&image(183, 5, 1, &code)), None, "more parts than a shell has");
        assert_eq!(find(&image(183, 1, 0, &[&code[..], &code[..]].concat())), None, "two such functions");
        assert_eq!(around((0..CANDIDATES).collect(), 0..CANDIDATES).len(), CANDIDATES);
        assert!(around((0..=CANDIDATES).collect(), 0..=CANDIDATES).is_empty());
    }

    #[test]
    fn what_is_made_to_be_searched_for_long_is_left_soon() {
        for (machine, call, store) in [
            // `call` to itself, and stores of a length and of a string.
            (62, &[0xe8, 0xfb, 0xff, 0xff, 0xff][..], &[0x89, 0x43, 0x10, 0x48, 0x89, 0x5b, 0x18][..]),
            (183, &0x9400_0000_u32.to_le_bytes()[..], &[0x60, 0x12, 0x00, 0xb9, 0x75, 0x0e, 0x00, 0xf9][..]),
        ] {
            let code = [call, store].concat().repeat((7 << 20) / (call.len() + store.len()));
            for segments in [1, 60, 60_000] {
                let image = image(machine, segments, 0, &code);
                let begun = std::time::Instant::now();
                assert_eq!(find(&image), None);
                assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{machine} {segments}");
            }
        }
    }
}
