//! Functions of a shell that probes are attached to, found in its table of dynamic symbols: bash exports its own for
//! loadable builtins, so they are there in a stripped binary too.

use object::{
    Object, ObjectSegment, ObjectSymbol, SegmentFlags,
    elf::{PF_W, PF_X},
};

use crate::{
    input_string,
    profile::{Evaluates, Profile},
};

/// Symbols looked at: bash exports some 2,300. Each may have a name as long as the file.
const SYMBOLS_MAX: usize = 16_384;

/// Where the functions begin in the file, bytes from its start; `None` where the binary does not export them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbePoints {
    /// Every string that the shell evaluates passes here, with the reason ([`Evaluates::WithReason`]).
    pub evaluates: Option<u64>,
    /// Every string that the shell evaluates passes here, without a reason (the other kinds of [`Evaluates`]).
    pub input_string: Option<u64>,
    /// Returns every line that is entered ([`Profile::reads_lines_by`]). Missing where bash links readline dynamically.
    pub reads_lines: Option<u64>,
}

impl ProbePoints {
    /// Looks a profile's functions up in an ELF image. Whatever the image holds, the answer is within its executable part.
    pub fn of(binary: &[u8], profile: &Profile) -> Self {
        if profile.evaluates_by == Some(Evaluates::InputString) {
            return Self { input_string: input_string::find(binary), ..Self::default() };
        }
        if profile.evaluates_by.is_none() && profile.reads_lines_by.is_none() {
            return Self::default();
        }
        let Ok(file) = object::File::parse(binary) else { return Self::default() };
        let offset_of = |name: &str| {
            let is_it = |symbol: &object::Symbol<'_, '_>| {
                symbol.is_definition() && symbol.name_bytes().is_ok_and(|found| found == name.as_bytes())
            };
            let symbol = file.dynamic_symbols().take(SYMBOLS_MAX).find(is_it)?;
            file.segments().find_map(|segment| {
                let SegmentFlags::Elf { p_flags } = segment.flags() else { return None };
                let into = symbol.address().checked_sub(segment.address())?;
                let (start, size) = segment.file_range();
                // The kernel puts no probe where the program may write.
                (p_flags & PF_X != 0 && p_flags & PF_W == 0 && into < size)
                    .then(|| start.checked_add(into))
                    .flatten()
            })
        };
        let (mut evaluates, mut input_string) = (None, None);
        match profile.evaluates_by {
            Some(Evaluates::WithReason(name)) => evaluates = offset_of(name),
            Some(Evaluates::Metafied(name)) => input_string = offset_of(name),
            Some(Evaluates::InputString) | None => {}
        }
        Self { evaluates, input_string, reads_lines: profile.reads_lines_by.and_then(offset_of) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bash;

    #[test]
    fn what_is_no_elf_image_has_no_functions() {
        for image in [&b""[..], b"\x7fELF\x02\x01\x01 and then nothing of it"] {
            assert_eq!(ProbePoints::of(image, &bash::PROFILE), ProbePoints::default());
        }
    }

    #[test]
    fn bash_exports_both() {
        let Ok(bash) = std::fs::read("/bin/bash") else { return };
        let found = ProbePoints::of(&bash, &bash::PROFILE);
        assert!(found.evaluates.is_some_and(|at| at > 0 && at < bash.len() as u64));
        assert!(found.reads_lines.is_some());
    }
}
