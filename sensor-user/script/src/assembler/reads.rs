//! What shells read: which script it belongs to, and what is done with it.

use ebpf::event::{FLAG_CUT, FLAG_MORE, Header, Read};

use super::{Assembler, ShellId, emit::BLOCK_BYTES, parts::Piece};
use crate::{
    capture::{Origin, Output},
    script::Source,
    shell_process::{Place, ShellProcess},
};

/// What a script takes besides its bytes, with a long path.
const SCRIPT_BYTES: usize = 8 * 1024;

/// Does this shell read scripts in other blocks?
fn is_of_odd_blocks(shell: &ShellProcess, read: &Read) -> bool {
    shell.family.profile().reads.block_bytes.is_some_and(|bytes| bytes != read.count)
}

impl Assembler {
    /// Puts what a shell read in its place.
    pub(super) fn read(
        &mut self,
        id: ShellId,
        header: Header,
        read: &Read,
        bytes: &[u8],
        emit: &mut dyn FnMut(Output),
    ) {
        let id = self.shell_that_reads(id, &header, read, emit);
        let Some(shell) = self.shells.get(&id) else { return };
        let needed = bytes.len() + SCRIPT_BYTES;
        if self.budget.room(shell.exec.cgroup) < needed && shell.place(read).is_some() {
            self.make_room(id, Source::Inode { dev: read.dev, ino: read.ino }, needed, emit);
        }
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let index = match shell.place(read) {
            None => return,
            Some(Place::Existing(index)) => index,
            // An empty file is a script, too; an empty pipe is none.
            Some(Place::New(origin)) if bytes.is_empty() => {
                if origin != Origin::Sourced && read.pos == 0 && read.size == 0 {
                    self.empty_script(id, origin, &header, read, emit);
                }
                return;
            }
            // A shell that looks at its file first refuses binaries.
            Some(Place::New(Origin::File))
                if bytes.starts_with(b"\x7fELF")
                    && shell.family.profile().reads.sniff_bytes == Some(read.count) =>
            {
                return;
            }
            // A library that is loaded, or what was compiled before, is no text.
            Some(Place::New(Origin::Sourced))
                if bytes.starts_with(b"\x7fELF")
                    || is_of_odd_blocks(shell, read) && bytes[..bytes.len().min(64)].contains(&0) =>
            {
                return;
            }
            Some(Place::New(origin)) => self.begin_script(id, origin, &header, read, emit),
        };
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let reads = &shell.family.profile().reads;
        let Some(script) = shell.scripts.get_mut(index) else { return };
        let (edits_lines, script_fd_min) = (reads.edits_lines, reads.script_fd_min);
        // What was known is handed over before other bytes take its place, and they make another script.
        let overwrites = u64::try_from(read.pos).is_ok_and(|pos| script.content.would_change(pos, bytes));
        if overwrites && !script.candidate {
            self.begin_version(id, index, header.time_ns, emit);
        }
        let Some(script) = self.shells.get_mut(&id).and_then(|shell| shell.scripts.get_mut(index)) else {
            return;
        };
        // A shell that edits lines itself reads keys.
        script.keystrokes |= script.origin == Origin::Interactive && (read.count == 1 || edits_lines);
        script.by_script_descriptor |= read.fd >= script_fd_min;
        let may_run = read.fd == 0 || read.fd >= script_fd_min || read.count >= BLOCK_BYTES;
        script.is_file |= read.pos >= 0;
        script.reader = header.tgid;
        let is_cut = header.flags & FLAG_CUT != 0;
        script.lossy |= is_cut;
        script.last_ns = header.time_ns;
        let before_seen = script.content.seen_bytes();
        let changed =
            self.write(id, index, u64::try_from(read.pos).ok(), bytes, self.limits.script_bytes, emit);
        let Some(script) = self.shells.get_mut(&id).and_then(|shell| shell.scripts.get_mut(index)) else {
            return;
        };
        script.news_may_run |= changed && may_run;
        let (is_candidate, seen_bytes) = (script.candidate, script.content.seen_bytes());
        if is_cut && let Some(cgroup) = self.shells.get(&id).map(|shell| shell.exec.cgroup) {
            self.cut(cgroup, 0);
        }
        if !is_candidate && seen_bytes > self.limits.script_bytes as u64 {
            let start = u64::try_from(read.pos).unwrap_or(before_seen);
            self.read_beyond(id, index, &header, &Piece { start, bytes, may_run }, emit);
        }
        let Some(shell) = self.shells.get(&id) else { return };
        let Some(script) = shell.scripts.get(index) else { return };
        let ended = read.ret == 0;
        // At its end all of it is judged, also if nothing came.
        if !(script.changed || ended && script.is_due_as_a_whole()) || header.flags & FLAG_MORE != 0 {
            return;
        }
        let complete = read.pos >= 0 && script.content.is_complete(read.size, self.limits.script_bytes);
        if script.candidate {
            return;
        }
        let doubled = script.content.seen_bytes() >= 2 * script.whole_bytes.max(512);
        if complete || ended || doubled && script.whole_bytes > 0 {
            let (cgroup, bytes) = (shell.exec.cgroup, script.content.bytes().len());
            // If not now, then when nothing comes for a while.
            if self.pace.admits(cgroup, bytes, header.time_ns) {
                self.emit_one(id, index, header.time_ns, emit);
            }
        }
    }

    /// Hands a script over as it was read so far; what is read from here on is another version of it.
    pub(super) fn begin_version(
        &mut self,
        id: ShellId,
        index: usize,
        now_ns: u64,
        emit: &mut dyn FnMut(Output),
    ) {
        let Some(script) = self.shells.get(&id).and_then(|shell| shell.scripts.get(index)) else { return };
        let before = script.ordinal;
        self.hand_over(id, index, now_ns, emit);
        self.give_up_parts(id, before, emit);
        let Some(shell) = self.shells.get_mut(&id) else { return };
        emit(Output::Finished(shell.id_of(&shell.scripts[index]), shell.exec.cgroup));
        let writer = shell.writer;
        let script = &mut shell.scripts[index];
        if let (Some(writer), Source::Inode { dev, ino }) = (writer, script.source)
            && (writer.dev, writer.ino) == (dev, ino)
        {
            script.writer = Some(writer);
        }
        script.ordinal = shell.scripts_made;
        (script.emitted_bytes, script.whole_bytes, script.is_whole_due) = (0, 0, false);
        shell.scripts_made += 1;
        self.counts.scripts += 1;
    }

    /// The shell that a read belongs to: a child that was to execute a file without `#!` is one of its own from here on.
    fn shell_that_reads(
        &mut self,
        id: ShellId,
        header: &Header,
        read: &Read,
        emit: &mut dyn FnMut(Output),
    ) -> ShellId {
        if header.tgid == id.0 {
            return id;
        }
        let Some(forked) = self.forked.get(&header.tgid).copied() else { return id };
        let Some(shell) = self.shells.get_mut(&id) else { return id };
        if !shell.runs_file_itself(read) {
            return id;
        }
        let own = shell.running_file(header, &forked);
        self.leave(header.tgid, emit);
        let id = (header.tgid, header.exec_ns);
        self.follow(id, own, emit);
        id
    }

    /// Adds a script that is read from a file or stream; a shell that reads files without end loses its oldest.
    fn begin_script(
        &mut self,
        id: ShellId,
        origin: Origin,
        header: &Header,
        read: &Read,
        emit: &mut dyn FnMut(Output),
    ) -> usize {
        let Some(shell) = self.shells.get_mut(&id) else { return usize::MAX };
        if shell.scripts.len() >= self.limits.scripts_per_shell
            // Its first is the one that the others belong to.
            && shell.scripts.len() > 1
        {
            self.give_up(id, 1, emit);
        }
        let room = self.room(id);
        let Some(shell) = self.shells.get_mut(&id) else { return usize::MAX };
        let source = Source::Inode { dev: read.dev, ino: read.ino };
        let path = shell.announced.take().filter(|(s, _)| *s == source).map(|(_, path)| path);
        // Only whoever keeps too much has no room for it.
        let path = path.filter(|path| path.len() <= room);
        let candidate = origin == Origin::Sourced && shell.tells_sourced();
        let index = shell.add(origin, source, header.time_ns);
        let writer = shell.writer.filter(|writer| (writer.dev, writer.ino) == (read.dev, read.ino));
        shell.scripts[index].writer = writer;
        let reads = &shell.family.profile().reads;
        if origin == Origin::File
            && read.fd >= reads.script_fd_min
            && read.count > 1
            && is_of_odd_blocks(shell, read)
        {
            shell.odd_block = Some(read.count);
        }
        shell.scripts[index].path = path;
        shell.scripts[index].candidate = candidate;
        self.counts.scripts += u64::from(!candidate);
        index
    }

    fn empty_script(
        &mut self,
        id: ShellId,
        origin: Origin,
        header: &Header,
        read: &Read,
        emit: &mut dyn FnMut(Output),
    ) {
        let index = self.begin_script(id, origin, header, read, emit);
        self.emit_one(id, index, header.time_ns, emit);
    }
}
