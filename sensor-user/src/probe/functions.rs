//! Functions of a shell that probes are attached to, found in its table of dynamic symbols: bash exports its own
//! for loadable builtins, so they are there in a stripped binary too.

use object::{Object, ObjectSegment, ObjectSymbol, SegmentFlags, elf::PF_X};

/// Where the functions begin in the file, bytes from its start; `None` where the binary does not export them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Functions {
    /// `parse_and_execute`: every string that bash evaluates.
    pub parse_and_execute: Option<u64>,
    /// `readline`: every line that is entered. Missing where bash links the library of that name dynamically.
    pub readline: Option<u64>,
}

impl Functions {
    /// Looks them up in an ELF image. Whatever the image holds, the answer is within its executable part.
    pub fn of(binary: &[u8]) -> Self {
        let Ok(file) = object::File::parse(binary) else { return Self::default() };
        let offset_of = |name: &str| {
            let symbol = file.dynamic_symbols().find(|s| s.is_definition() && s.name() == Ok(name))?;
            file.segments().find_map(|segment| {
                let SegmentFlags::Elf { p_flags } = segment.flags() else { return None };
                let into = symbol.address().checked_sub(segment.address())?;
                let (start, size) = segment.file_range();
                (p_flags & PF_X != 0 && into < size).then(|| start.checked_add(into)).flatten()
            })
        };
        Self { parse_and_execute: offset_of("parse_and_execute"), readline: offset_of("readline") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_image_has_no_functions() {
        assert_eq!(Functions::of(b""), Functions::default());
        assert_eq!(Functions::of(b"\x7fELF\x02\x01\x01 and then nothing of it"), Functions::default());
    }

    #[test]
    fn bash_exports_both() {
        let Ok(bash) = std::fs::read("/bin/bash") else { return };
        let found = Functions::of(&bash);
        assert!(found.parse_and_execute.is_some_and(|at| at > 0 && at < bash.len() as u64));
        assert!(found.readline.is_some());
    }
}
