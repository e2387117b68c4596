//! How much is kept of shells: what a cgroup reads beyond its share of memory is counted, and given up.

use super::{Assembler, ShellId};
use crate::{
    capture::Output,
    shell_process::{Script, Source},
};

impl Assembler {
    /// How much more may be kept of a shell.
    pub(super) fn room(&self, id: ShellId) -> usize {
        self.shells.get(&id).map_or(0, |shell| self.budget.room(shell.exec.cgroup))
    }

    /// Accounts for what is kept of a shell.
    pub(super) fn account(&mut self, id: ShellId) {
        if let Some(shell) = self.shells.get_mut(&id) {
            let kept = shell.kept_bytes();
            self.budget.account(shell.exec.cgroup, shell.accounted, kept);
            shell.accounted = kept;
        }
    }

    /// A script of a shell is cut for want of memory, by so many bytes.
    pub(super) fn cut(&mut self, cgroup: u64, bytes: u64) {
        self.counts.memory_cut_bytes += bytes;
        *self.cut.entry(cgroup).or_default() += 1;
    }

    /// Writes into a script of a shell at a position, or behind its last byte: at most `limit` bytes are kept, and no more than there
    /// is room for. True when this taught anything new.
    pub(super) fn write(
        &mut self,
        id: ShellId,
        index: usize,
        pos: Option<u64>,
        bytes: &[u8],
        limit: usize,
    ) -> bool {
        let room = self.room(id);
        let Some(shell) = self.shells.get_mut(&id) else { return false };
        let cgroup = shell.exec.cgroup;
        let Some(script) = shell.scripts.get_mut(index) else { return false };
        let (kept, seen) = (script.content.bytes().len(), script.content.seen_bytes());
        let may_keep = limit.min(kept.saturating_add(room));
        let changed = match pos {
            Some(pos) => script.content.write(pos, bytes, may_keep),
            None => script.content.append(bytes, may_keep),
        };
        let kept = (script.content.bytes().len() - kept) as u64;
        let lost = (script.content.seen_bytes() - seen).saturating_sub(kept);
        if changed {
            script.learn(pos.unwrap_or(seen), bytes.len());
        }
        if lost > 0 && may_keep < limit {
            self.cut(cgroup, lost);
        } else if script.candidate {
            // What is behind the limit of others is kept in parts.
            self.counts.cut_bytes += lost;
        }
        self.account(id);
        changed
    }

    /// Gives up what a shell read before, the oldest first, until there is room for so many bytes of another of its scripts. What was
    /// not judged yet is handed over.
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
                s.source != source
                    && matches!(s.source, Source::Inode { .. })
                    && !s.content.bytes().is_empty()
            };
            // Its first is the one that the others belong to.
            let Some(oldest) = shell.scripts.iter().skip(1).position(may_go) else { return };
            self.give_up(id, oldest + 1, emit);
        }
    }

    /// Hands over what was not judged yet of a script, and forgets it.
    pub(super) fn give_up(&mut self, id: ShellId, index: usize, emit: &mut dyn FnMut(Output)) {
        let Some(script) = self.shells.get(&id).and_then(|shell| shell.scripts.get(index)) else { return };
        if script.is_due_as_a_whole() {
            self.emit_one(id, index, script.last_ns, emit);
        }
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let script = shell.scripts.remove(index);
        if !script.candidate {
            emit(Output::Finished(shell.id_of(&script), shell.exec.cgroup));
        }
        self.account(id);
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
