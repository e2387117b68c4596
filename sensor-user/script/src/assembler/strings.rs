//! Strings in a shell's memory: what it evaluates, and the lines that its editor returned.

use std::hash::{BuildHasher, RandomState};

use ebpf::{
    event::{FLAG_CUT, FLAG_MORE, Header, TEXT_TYPED, Text, Writer},
    limit::{CHUNK_BYTES, CHUNKS_PER_READ},
};

use super::{Assembler, ShellId, parts};
use event::until_nul;
use shell::Evaluates;

use crate::{
    capture::{Origin, Output},
    content::Content,
    script::{Partial, Source},
    shell_process::ShellProcess,
};

/// Evaluated strings of a shell that are known again.
const EVALUATED: usize = 64;
/// The same line twice within this time came from two probes on one file (kernels without cookies): to prompt and read
/// takes longer, even when lines are pasted.
const TWICE_NS: u64 = 50_000;

/// In zsh's strings it stands before a byte of which one bit is turned over.
const META: u8 = 0x83;

/// A string of zsh as it was written.
fn unmetafied(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        match (byte, rest.as_slice().first()) {
            (META, Some(&marked)) => {
                out.push(marked ^ 0x20);
                rest.next();
            }
            _ => out.push(byte),
        }
    }
    out
}

impl Assembler {
    /// Takes a piece of a string in.
    pub(super) fn string(
        &mut self,
        id: ShellId,
        header: &Header,
        text: &Text,
        bytes: &[u8],
        emit: &mut dyn FnMut(Output),
    ) {
        let room = self.arriving_room(id);
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let mut string = shell.strings.remove(&header.tgid).filter(|_| text.offset > 0).unwrap_or_default();
        // As much as the kernel half sends: it is judged in parts.
        let limit = (CHUNK_BYTES * CHUNKS_PER_READ).min(text.total as usize);
        let lost = string.content.take_piece(u64::from(text.offset), bytes, limit, room);
        string.lossy |= lost > 0 || header.flags & FLAG_CUT != 0 || header.lost > 0;
        shell.told = true;
        let cgroup = shell.exec.cgroup;
        let is_last = header.flags & FLAG_MORE == 0;
        if is_last {
            self.complete(id, header, text, string, emit);
        } else {
            string.of = Some((*header, *text));
            shell.strings.insert(header.tgid, string);
        }
        // The kernel half hands over only so much of one string.
        if lost > 0 || header.flags & FLAG_CUT != 0 {
            self.cut(cgroup, lost);
        }
    }

    /// Makes do with strings of which the rest has not come: it was lost.
    pub(super) fn settle_strings(&mut self, id: ShellId, before_ns: u64, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let late: Vec<Partial> =
            shell.strings.extract_if(|_, s| s.is_late(before_ns)).map(|(_, s)| s).collect();
        for mut string in late {
            if let Some((header, text)) = string.of.take() {
                string.lossy = true;
                self.complete(id, &header, &text, string, emit);
            }
        }
    }

    fn complete(
        &mut self,
        id: ShellId,
        header: &Header,
        text: &Text,
        mut string: Partial,
        emit: &mut dyn FnMut(Output),
    ) {
        let limit = CHUNK_BYTES * CHUNKS_PER_READ;
        let beyond = u64::from(text.total).saturating_sub(limit as u64);
        self.counts.cut_bytes += beyond;
        string.lossy |= string.content.has_holes();
        let metafies = self
            .shells
            .get(&id)
            .is_some_and(|shell| matches!(shell.family.profile().evaluates_by, Some(Evaluates::Metafied(_))));
        if metafies && string.content.bytes().contains(&META) {
            let plain = unmetafied(string.content.bytes());
            let mut content = Content::default();
            content.write(0, &plain, plain.len());
            string.content = content;
        }
        if text.what == TEXT_TYPED {
            self.typed(id, header, &string, emit);
        } else {
            self.evaluated(id, header, text, &string, emit);
        }
    }

    /// A line that was entered: it stands for the keys that made it.
    fn typed(&mut self, id: ShellId, header: &Header, line: &Partial, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let index = shell.scripts.iter().position(|s| s.origin == Origin::Interactive).unwrap_or_else(|| {
            self.counts.scripts += 1;
            shell.add(Origin::Interactive, Source::Editor, header.time_ns)
        });
        let script = &mut shell.scripts[index];
        let bytes = line.content.bytes();
        let repeated = script.entered > 0
            && header.time_ns.saturating_sub(script.last_ns) < TWICE_NS
            && script.content.bytes()[..script.entered]
                .strip_suffix(b"\n")
                .is_some_and(|b| b.ends_with(bytes));
        if repeated {
            return;
        }
        script.source = Source::Editor;
        script.keystrokes = false;
        script.content.truncate(script.entered);
        script.lossy |= line.lossy;
        script.last_ns = header.time_ns;
        let limit = self.limits.script_bytes;
        self.write(id, index, None, &[bytes, b"\n"].concat(), limit, emit);
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let script = &mut shell.scripts[index];
        script.entered = script.content.bytes().len();
        self.emit_one(id, index, header.time_ns, emit);
    }

    /// A string that bash evaluates. It is emitted at once and not kept: nothing can be added to it.
    fn evaluated(
        &mut self,
        id: ShellId,
        header: &Header,
        text: &Text,
        string: &Partial,
        emit: &mut dyn FnMut(Output),
    ) {
        let script_bytes = self.limits.script_bytes;
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let by = until_nul(&text.by);
        let by_shell = text.by_shell != 0;
        let bytes = string.content.bytes();
        let command = by_shell && by == b"-c";
        if command && shell.scripts.iter().any(|s| s.origin == Origin::Command) {
            // Its argument told it already.
            return;
        }
        if !by_shell && let Some(index) = shell.has_read(bytes, script_bytes) {
            let script = &mut shell.scripts[index];
            if script.candidate {
                script.candidate = false;
                let (path, writer) = (script.path.clone(), script.writer);
                self.counts.scripts += 1;
                self.emit_one(id, index, header.time_ns, emit);
                // What is behind the kept bytes was not looked at while it could have been data.
                self.parts_of_sourced(id, header, string, &(path, writer), emit);
            }
            return;
        }
        let hash = self.hashes.hash_one(bytes);
        if shell.evaluated.contains(&hash) {
            self.counts.evaluated_again += 1;
            return;
        }
        if shell.evaluated.len() >= EVALUATED {
            shell.evaluated.pop_front();
        }
        shell.evaluated.push_back(hash);
        // Command and process substitutions stand in the text around them, mostly; so may what comes without a reason.
        let is_substitution = by_shell && by.ends_with(b" substitution");
        // Only bash prints a command anew.
        let is_held = is_substitution && shell.holds(bytes, false)
            || by_shell && by.is_empty() && shell.holds(bytes, true);
        if is_held {
            return;
        }
        let origin = match (command, by_shell || !by.contains(&b'/')) {
            (true, _) => Origin::Command,
            (false, true) => Origin::Eval,
            (false, false) => Origin::Sourced,
        };
        let text = string.content.bytes();
        for (start, part) in parts::of(text, self.limits.script_bytes) {
            let Some(shell) = self.shells.get_mut(&id) else { return };
            let index = shell.add(origin, Source::Memory, header.time_ns);
            shell.scripts[index].reader = header.tgid;
            let script = &mut shell.scripts[index];
            script.content.write(0, part, part.len());
            script.content.is_of_size(string.content.seen_bytes().saturating_sub(start as u64));
            script.offset = start as u64;
            script.lossy |= string.lossy;
            script.evaluated_by = (!command && !by.is_empty()).then(|| by.to_vec());
            self.counts.scripts += 1;
            if command && start == 0 {
                // Kept as any other script of an argument is, so that what it evaluates has a parent.
                self.emit_one(id, index, header.time_ns, emit);
                self.keep_judged(id, index);
            } else {
                self.emit_and_drop(id, index, header.time_ns, emit);
            }
        }
    }
}

impl Assembler {
    /// Emits what is behind the kept bytes of a sourced file, of which the whole is known by the string that was evaluated.
    fn parts_of_sourced(
        &mut self,
        id: ShellId,
        header: &Header,
        string: &Partial,
        (path, writer): &(Option<Vec<u8>>, Option<Writer>),
        emit: &mut dyn FnMut(Output),
    ) {
        for (start, part) in parts::of(string.content.bytes(), self.limits.script_bytes).skip(1) {
            let Some(shell) = self.shells.get_mut(&id) else { return };
            let index = shell.add(Origin::Sourced, Source::Memory, header.time_ns);
            let script = &mut shell.scripts[index];
            script.reader = header.tgid;
            script.content.write(0, part, part.len());
            script.content.is_of_size(string.content.seen_bytes().saturating_sub(start as u64));
            (script.offset, script.lossy) = (start as u64, string.lossy);
            (script.path, script.writer) = (path.clone(), *writer);
            self.counts.scripts += 1;
            self.emit_and_drop(id, index, header.time_ns, emit);
        }
    }
}

impl ShellProcess {
    /// The sourced file that this was read from: bash hands one to the same function as any string, without its NULs.
    fn has_read(&self, bytes: &[u8], script_bytes: usize) -> Option<usize> {
        self.scripts.iter().rposition(|s| {
            let read = s.content.bytes();
            let cut = read.len() >= script_bytes && s.content.seen_bytes() > read.len() as u64;
            s.origin == Origin::Sourced
                && (read == bytes
                    || cut && bytes.starts_with(read)
                    || read.len() > bytes.len()
                        && read.len() - s.content.nuls() == bytes.len()
                        && read.iter().filter(|b| **b != 0).eq(bytes))
        })
    }
}

/// Keys hashes so that nobody can make strings that pass for each other.
pub(super) type Hashes = RandomState;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_zsh_are_as_they_were_written() {
        assert_eq!(unmetafied(b"\xc3\x83\x83\x83\xa3 a"), b"\xc3\xa3\x83 a");
        assert_eq!(unmetafied(b"a\x83"), b"a\x83");
    }
}
