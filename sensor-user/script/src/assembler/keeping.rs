//! How much is kept of shells: what a cgroup reads beyond its share of memory is counted, and given up.

use super::{Assembler, ShellId};
use crate::{
    capture::{Origin, Output},
    content::Written,
    script::{Script, Source},
};

impl Assembler {
    /// How much more may be kept of a shell.
    pub(super) fn room(&self, id: ShellId) -> usize {
        self.shells.get(&id).map_or(0, |shell| self.budget.room(shell.exec.cgroup))
    }

    /// How much more of what arrives in pieces may wait for the rest, of a shell.
    pub(super) fn arriving_room(&self, id: ShellId) -> usize {
        self.shells.get(&id).map_or(0, |shell| self.arriving.room(shell.exec.cgroup))
    }

    /// Accounts for what is kept of a shell.
    pub(super) fn account(&mut self, id: ShellId) {
        if let Some(shell) = self.shells.get_mut(&id) {
            let (kept, arriving) = (shell.kept_bytes(), shell.arriving_bytes());
            self.budget.account(shell.exec.cgroup, shell.accounted.0, kept);
            self.arriving.account(shell.exec.cgroup, shell.accounted.1, arriving);
            shell.accounted = (kept, arriving);
        }
    }

    /// A script of a shell is cut for want of memory, by so many bytes.
    pub(super) fn cut(&mut self, cgroup: u64, bytes: u64) {
        self.counts.memory_cut_bytes += bytes;
        *self.cut.entry(cgroup).or_default() += 1;
    }

    /// Writes into a script of a shell at a position, or behind its last byte: at most `limit` bytes are kept, and no more than there
    /// is room for. What is not kept for want of room is judged by itself. True when this taught anything new.
    pub(super) fn write(
        &mut self,
        id: ShellId,
        index: usize,
        pos: Option<u64>,
        bytes: &[u8],
        limit: usize,
        emit: &mut dyn FnMut(Output),
    ) -> bool {
        let room = self.room(id);
        let Some(shell) = self.shells.get_mut(&id) else { return false };
        let cgroup = shell.exec.cgroup;
        let Some(script) = shell.scripts.get_mut(index) else { return false };
        let (kept, seen) = (script.content.bytes().len(), script.content.seen_bytes());
        let may_keep = limit.min(kept.saturating_add(room));
        let at = pos.unwrap_or(seen);
        let Written { changed, lost } = script.content.write_within(at, bytes, limit, may_keep);
        let grown = (script.content.bytes().len() - kept) as u64 + lost;
        if changed {
            script.learn(at, bytes.len());
        }
        if script.candidate {
            // What is behind the limit of others is kept in parts.
            self.counts.cut_bytes += (script.content.seen_bytes() - seen).saturating_sub(grown);
        }
        if lost > 0 {
            script.lossy = true;
            let is_candidate = script.candidate;
            self.cut(cgroup, lost);
            if !is_candidate {
                self.judge_alone(id, index, at, bytes, emit);
            }
        }
        self.account(id);
        changed
    }

    /// Emits bytes of a script that are not kept, without what stands before them: what attacks in a block is found all the same.
    fn judge_alone(
        &mut self,
        id: ShellId,
        index: usize,
        at: u64,
        bytes: &[u8],
        emit: &mut dyn FnMut(Output),
    ) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let Some(script) = shell.scripts.get(index) else { return };
        let (of, origin, reader, last_ns) = (script.ordinal, script.origin, script.reader, script.last_ns);
        let (path, writer, offset) = (script.path.clone(), script.writer, script.offset.saturating_add(at));
        let alone = shell.add(origin, Source::Part { of, number: 0 }, last_ns);
        let script = &mut shell.scripts[alone];
        (script.path, script.writer) = (path, writer);
        (script.reader, script.lossy, script.offset) = (reader, true, offset);
        script.content.write(0, bytes, bytes.len());
        self.counts.scripts += 1;
        self.emit_and_drop(id, alone, last_ns, emit);
    }

    /// Gives up what a shell sourced before, the oldest first, until there is room for so many bytes of another of its scripts. What
    /// was not judged yet is handed over.
    pub(super) fn make_room(
        &mut self,
        id: ShellId,
        source: Source,
        bytes: usize,
        emit: &mut dyn FnMut(Output),
    ) {
        while self.room(id) < bytes {
            let Some(shell) = self.shells.get(&id) else { return };
            let may_go = |s: &Script| {
                s.origin == Origin::Sourced && s.source != source && matches!(s.source, Source::Inode { .. })
            };
            let Some(oldest) = shell.scripts.iter().position(may_go) else { return };
            self.give_up(id, oldest, emit);
        }
    }

    /// Hands over what was not judged yet of a script and of its parts, and forgets them.
    pub(super) fn give_up(&mut self, id: ShellId, index: usize, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let is_told = shell.tells_sourced() && !shell.is_silent();
        let Some(script) = shell.scripts.get_mut(index) else { return };
        let ordinal = script.ordinal;
        self.counts.scripts += u64::from(script.settle(is_told));
        let now = script.last_ns;
        self.hand_over(id, index, now, emit);
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let script = shell.scripts.remove(index);
        if !script.candidate {
            emit(Output::Finished(shell.id_of(&script), shell.exec.cgroup));
        }
        self.give_up_parts(id, ordinal, emit);
        self.account(id);
    }

    /// Emits what was not judged yet of a script, before it is no more. Who makes many versions of long scripts has so many judged
    /// for a second, and of the others only what is new: to look through them takes the time of all.
    pub(super) fn hand_over(&mut self, id: ShellId, index: usize, now_ns: u64, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get(&id) else { return };
        let Some(script) = shell.scripts.get(index).filter(|script| script.is_due_as_a_whole()) else {
            return;
        };
        let (cgroup, bytes) = (shell.exec.cgroup, script.content.bytes().len());
        if self.pace.admits(cgroup, bytes, now_ns) {
            self.emit_one(id, index, now_ns, emit);
            return;
        }
        let news = script.news.clone().unwrap_or_default();
        let news = (news.start as usize).min(bytes)..(news.end as usize).min(bytes);
        let (at, text) = (news.start as u64, script.content.bytes()[news].to_vec());
        self.cut(cgroup, 0);
        if !text.is_empty() {
            self.judge_alone(id, index, at, &text, emit);
        }
    }

    /// As above, the parts of the script of this ordinal.
    pub(super) fn give_up_parts(&mut self, id: ShellId, ordinal: u32, emit: &mut dyn FnMut(Output)) {
        let is_part = |s: &Script| matches!(s.source, Source::Part { of, .. } if of == ordinal);
        while let Some(part) = self.shells.get(&id).and_then(|shell| shell.scripts.iter().position(is_part)) {
            self.give_up(id, part, emit);
        }
    }

    /// A text that was judged as a whole is kept for what belongs to it, if there is room.
    pub(super) fn keep_judged(&mut self, id: ShellId, index: usize) {
        let room = self.room(id);
        if let Some(script) = self.shells.get_mut(&id).and_then(|shell| shell.scripts.get_mut(index))
            && script.content.kept_bytes() > room
        {
            script.content.forget();
        }
        self.account(id);
    }
}
