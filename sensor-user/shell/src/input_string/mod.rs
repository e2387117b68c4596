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

use object::{Architecture, Object, ObjectSegment, SegmentFlags, elf::PF_X};

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
    let mut found = Vec::new();
    for segment in file.segments() {
        let SegmentFlags::Elf { p_flags } = segment.flags() else { continue };
        if p_flags & PF_X == 0 {
            continue;
        }
        let Ok(code) = segment.data() else { continue };
        let (in_file, _) = segment.file_range();
        found.extend(starts(code).into_iter().map(|at| in_file + at as u64));
    }
    match found[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// Of the functions that are called, those in which one of these stores may stand.
fn around(mut called: Vec<usize>, stores: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    called.sort_unstable();
    called.dedup();
    stores
        .flat_map(|at| {
            let first = called.partition_point(|start| start + FUNCTION_BYTES < at);
            called[first..].iter().copied().take_while(move |start| *start <= at)
        })
        .collect()
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
}
