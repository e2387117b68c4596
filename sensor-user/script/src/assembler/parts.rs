//! What is behind the kept bytes of a long script: it is cut into parts that are scripts of their own, so that nothing hides
//! behind a limit. A part begins with the last bytes of what was before it, and is given up when the next one begins.

use ebpf::event::Header;

use super::{Assembler, ShellId};
use crate::{capture::Output, script::Source};

/// Bytes that a part repeats: what attacks in a few lines fits.
pub(super) const OVERLAP: usize = 4096;

/// The parts of a text that is there as a whole, each with where it begins.
pub(super) fn of(text: &[u8], part_bytes: usize) -> impl Iterator<Item = (usize, &[u8])> {
    (0..text.len().max(1)).step_by(part_bytes).map(move |at| {
        let start = at.saturating_sub(OVERLAP);
        (start, &text[start..text.len().min(at + part_bytes)])
    })
}

/// Bytes of a script.
pub(super) struct Piece<'a> {
    /// Where the first is.
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
    /// They may have been read as script.
    pub(super) may_run: bool,
}

impl Assembler {
    /// Takes in bytes of a script as far as they are behind what is kept of it.
    pub(super) fn read_beyond(
        &mut self,
        id: ShellId,
        main: usize,
        header: &Header,
        piece: &Piece<'_>,
        emit: &mut dyn FnMut(Output),
    ) {
        let Piece { start, bytes, may_run } = *piece;
        let part_bytes = self.limits.script_bytes as u64;
        let end = start.saturating_add(bytes.len() as u64);
        let mut at = start.max(part_bytes);
        while at < end {
            let number = at / part_bytes;
            let stop = end.min((number + 1).saturating_mul(part_bytes));
            let piece = &bytes[(at - start) as usize..(stop - start) as usize];
            let Some(index) = self.part(id, main, number, header, emit) else { return };
            let Some(script) = self.shells.get(&id).and_then(|shell| shell.scripts.get(index)) else {
                return;
            };
            // What was known is handed over before other bytes take its place.
            if script.content.would_change(at - script.offset, piece) {
                self.begin_version(id, index, header.time_ns, emit);
            }
            let Some(script) = self.shells.get_mut(&id).and_then(|shell| shell.scripts.get_mut(index)) else {
                return;
            };
            script.last_ns = header.time_ns;
            let pos = at - script.offset;
            if self.write(id, index, Some(pos), piece, self.limits.script_bytes + OVERLAP, emit)
                && let Some(script) = self.shells.get_mut(&id).and_then(|shell| shell.scripts.get_mut(index))
            {
                script.news_may_run |= may_run;
            }
            at = stop;
        }
    }

    /// The script that holds this part; begun when it is not there, and then the part before it ends.
    fn part(
        &mut self,
        id: ShellId,
        main: usize,
        number: u64,
        header: &Header,
        emit: &mut dyn FnMut(Output),
    ) -> Option<usize> {
        let shell = self.shells.get_mut(&id)?;
        let script = shell.scripts.get(main)?;
        let (of, origin, path, writer) = (script.ordinal, script.origin, script.path.clone(), script.writer);
        let source = Source::Part { of, number };
        if let Some(index) = shell.scripts.iter().position(|s| s.source == source) {
            return Some(index);
        }
        let is_before = |source: Source| matches!(source, Source::Part { of: other, .. } if other == of);
        let before = shell.scripts.iter().position(|s| is_before(s.source));
        let text = shell.scripts[before.unwrap_or(main)].content.bytes();
        // What is far before it does not belong to it.
        let is_next = before.is_some() || number == 1;
        let overlap = if is_next { text[text.len().saturating_sub(OVERLAP)..].to_vec() } else { Vec::new() };
        let lossy = shell.scripts[main].lossy;
        if let Some(before) = before {
            self.give_up(id, before, emit);
        }
        let shell = self.shells.get_mut(&id)?;
        let index = shell.add(origin, source, header.time_ns);
        let script = &mut shell.scripts[index];
        script.path = path;
        script.writer = writer;
        script.lossy |= lossy;
        script.offset = number * self.limits.script_bytes as u64 - overlap.len() as u64;
        script.content.write(0, &overlap, overlap.len());
        self.counts.scripts += 1;
        Some(index)
    }
}
