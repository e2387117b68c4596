//! When a capture of a script is emitted, and what it holds.

use ebpf::{event::Hold, map::DataSource};
use event::until_nul;

use super::{Assembler, Classify, IDLE_NS, ShellId};
use std::{ops::Range, sync::Arc};

use crate::{
    capture::{Capture, HeldShell, Origin, Output, ScriptFlags, Writer},
    keystrokes,
    script::{Script, Source},
    shell_process::ShellProcess,
    unseen,
};

/// Pieces of arguments and environment come at once; what has not come after this time was lost.
const VECTORS_NS: u64 = 1_000_000_000;
/// A growing script is emitted again at a fork only when it grew by a quarter, or after this time.
const AGAIN_NS: u64 = 20_000_000;
/// The builtin `read` takes single bytes also from files; blocks are larger.
pub(super) const BLOCK_BYTES: u64 = 512;
/// Of a script of which so much was judged only what is new is judged, with what is just before it, until it ended or doubled.
const NEWS_BYTES: u64 = 16 * 1024;
/// Of one that comes line by line, of so much.
const NEWS_LINES_BYTES: u64 = 8 * 1024;
/// Or until so much time went by for each of its bytes: judging takes about 60 ns a byte, and is to take a hundredth of the time.
const WHOLE_NS_PER_BYTE: u64 = 6_000;
/// Where not only what is new can be judged, so much time: a twentieth of it.
const AGAIN_NS_PER_BYTE: u64 = 1_200;

impl Assembler {
    /// Emits the scripts of a shell that changed since they were emitted as a whole.
    pub(super) fn emit_changed(&mut self, id: ShellId, emit: &mut dyn FnMut(Output)) {
        self.emit_those(id, |script| script.is_due_as_a_whole().then_some(Extent::Whole), emit);
    }

    /// Emits what a shell that was stopped has read, and says that it waits.
    pub(super) fn held(&mut self, id: ShellId, pid: u32, hold: &Hold, emit: &mut dyn FnMut(Output)) {
        let how = |script: &Script| match script.is_due_at_once(hold.since_ns) {
            Some(Extent::News) if script.is_file && !script.news_may_run && !script.is_short() => {
                script.is_due_again(hold.since_ns)
            }
            how => how,
        };
        self.emit_those(id, how, emit);
        let is_data =
            hold.ino != 0 && self.shells.get(&id).is_none_or(|shell| !shell.reads_script_from(hold.ino));
        emit(Output::Held(HeldShell {
            pid,
            shell: id.0,
            since_ns: hold.since_ns,
            cgroup: hold.cgroup,
            data: is_data.then_some(DataSource { exec_ns: id.1, ino: hold.ino, dev: hold.dev, fd: hold.fd }),
        }));
    }

    fn emit_those(
        &mut self,
        id: ShellId,
        how: impl Fn(&Script) -> Option<Extent>,
        emit: &mut dyn FnMut(Output),
    ) {
        let Some(shell) = self.shells.get(&id) else { return };
        let scripts = shell.scripts.iter().enumerate();
        let due: Vec<(usize, Extent)> = scripts.filter_map(|(i, script)| Some((i, how(script)?))).collect();
        for (index, extent) in due {
            let now = self.shells[&id].scripts[index].last_ns;
            self.emit_some(id, index, now, extent, emit);
        }
    }

    /// At a fork: emits scripts of which enough is new, or for long enough.
    pub(super) fn emit_again(&mut self, id: ShellId, now_ns: u64, emit: &mut dyn FnMut(Output)) {
        self.emit_those(id, |script| script.is_due_again(now_ns), emit);
    }

    /// When a subshell runs another program: emits what is new.
    pub(super) fn emit_at_once(&mut self, id: ShellId, now_ns: u64, emit: &mut dyn FnMut(Output)) {
        self.emit_those(id, |script| script.is_due_at_once(now_ns), emit);
    }

    /// Emits scripts that have been idle long enough; true when more wait. To be called every few tens of milliseconds
    /// while there are events, or more waits.
    pub fn tick(
        &mut self,
        now_boot_ns: u64,
        classify: &mut dyn Classify,
        emit: &mut dyn FnMut(Output),
    ) -> bool {
        let long_ago = now_boot_ns.saturating_sub(VECTORS_NS);
        self.settle_loaders(long_ago, classify, emit);
        let mut more_waits = self.waits();
        let mut due: Vec<ShellId> = Vec::new();
        let mut unsettled: Vec<ShellId> = Vec::new();
        for (id, shell) in &self.shells {
            if shell.lacks_vectors() && shell.arrived_ns < long_ago
                || shell.strings.values().any(|string| string.is_late(long_ago))
            {
                unsettled.push(*id);
            }
            let mut waiting = shell.scripts.iter().filter(|s| s.is_due_as_a_whole()).peekable();
            more_waits |= waiting.peek().is_some();
            if waiting.any(|s| s.is_due_when_idle(now_boot_ns).is_some()) {
                due.push(*id);
            }
        }
        for id in unsettled {
            if self.shells.get(&id).is_some_and(|shell| shell.arrived_ns < long_ago) {
                self.settle_vectors(id, emit);
            }
            self.settle_strings(id, long_ago, emit);
            self.account(id);
        }
        for id in due {
            self.emit_those(id, |script| script.is_due_when_idle(now_boot_ns), emit);
        }
        more_waits
    }

    /// Emits a script that nothing can be added to.
    pub(super) fn emit_and_drop(
        &mut self,
        id: ShellId,
        index: usize,
        now_ns: u64,
        emit: &mut dyn FnMut(Output),
    ) {
        self.emit_one(id, index, now_ns, emit);
        let room = self.room(id);
        if let Some(shell) = self.shells.get_mut(&id) {
            let script = shell.scripts.remove(index);
            if script.content.kept_bytes() <= room {
                shell.remember(script.content.text());
            }
            emit(Output::Finished(shell.id_of(&script), shell.exec.cgroup));
        }
    }

    /// Emits a script as it stands.
    pub(super) fn emit_one(&mut self, id: ShellId, index: usize, now_ns: u64, emit: &mut dyn FnMut(Output)) {
        self.emit_some(id, index, now_ns, Extent::Whole, emit);
    }

    /// Emits a script as it stands, to be judged as a whole or not.
    pub(super) fn emit_some(
        &mut self,
        id: ShellId,
        index: usize,
        now_ns: u64,
        extent: Extent,
        emit: &mut dyn FnMut(Output),
    ) {
        let boot_unix_ns = self.boot_unix_ns;
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let tells = shell.tells() && !(shell.processes == 0 && shell.is_silent());
        let is_probed = shell.executable.probed;
        let Some(script) = shell.scripts.get_mut(index) else { return };
        let news = (extent == Extent::News).then(|| script.news()).flatten();
        script.changed = false;
        script.emitted_bytes = script.content.seen_bytes();
        script.emitted_ns = now_ns;
        script.news = None;
        script.news_may_run = false;
        script.is_whole_due = news.is_some();
        if let Some(news) = &news {
            let piece = &script.content.bytes()[news.clone()];
            script.tells.0 |= unseen::evaluates(piece, tells) || !is_probed && unseen::sources(piece);
            script.tells.1 |= reads_standard_input(piece);
        } else {
            script.whole_bytes = script.emitted_bytes;
            script.whole_ns = now_ns;
            script.tells = (
                unseen::evaluates(script.content.bytes(), tells)
                    || !is_probed && unseen::sources(script.content.bytes()),
                reads_standard_input(script.content.bytes()),
            );
        }
        shell.captured = true;
        self.counts.captures += 1;
        emit(Output::Capture(Arc::new(Capture { news, ..capture_of(shell, index, boot_unix_ns) })));
    }
}

/// The capture of a shell's script as it stands.
fn capture_of(shell: &ShellProcess, index: usize, boot_unix_ns: u64) -> Capture {
    let script = &shell.scripts[index];
    let content = &script.content;
    let text = if script.keystrokes {
        let (lines, keys) = content.bytes().split_at(script.entered.min(content.bytes().len()));
        [lines, &keystrokes::lines(keys)].concat().into()
    } else {
        content.text()
    };
    let text_bytes = text.len() as u64;
    Capture {
        id: shell.id_of(script),
        origin: script.origin,
        parent: shell.parent_of(script).map(|parent| shell.id_of(parent)),
        evaluated_by: script.evaluated_by.clone(),
        content: text,
        offset: script.offset,
        size: if script.keystrokes { text_bytes } else { script.offset + content.seen_bytes() },
        flags: ScriptFlags {
            keystrokes: script.keystrokes,
            maybe_data: script.origin == Origin::Sourced
                && script.source != Source::Memory
                && shell.family.profile().reads.sourced_may_be_data
                && (!shell.tells_sourced() || shell.is_silent())
                || script.origin == Origin::Stdin && shell.reads_other_input(script),
            evaluates_unseen: script.tells.0,
            not_probed: !shell.executable.probed,
            truncated: script.offset > 0 || content.seen_bytes() > content.bytes().len() as u64,
            incomplete: script.lossy || content.has_holes(),
            mixed_with_data: script.origin == Origin::Stdin && script.tells.1,
        },
        path: script.path.clone(),
        writer: script.writer.map(|writer| Writer {
            pid: writer.tgid,
            name: until_nul(&writer.comm).to_vec(),
            time_unix_ns: boot_unix_ns + writer.time_ns,
        }),
        interpreter: shell.interpreter(),
        args: shell.argv.clone(),
        args_truncated: shell.arguments_cut || shell.argv_cut,
        ns_pid: shell.exec.ns_pid,
        ppid: shell.exec.ppid,
        uid: shell.exec.uid,
        gid: shell.exec.gid,
        cgroup: shell.exec.cgroup,
        start_ns: shell.exec.start_ns,
        time_unix_ns: boot_unix_ns + script.first_ns,
        joined: Vec::new(),
        begun_ns: script.first_ns,
        forks: shell.forks.clone(),
        news: None,
        reader: script.reader,
    }
}

/// Builtins and commands that eat the stream their own script comes from.
fn reads_standard_input(text: &[u8]) -> bool {
    const EATERS: [&[u8]; 5] = [b"read", b"mapfile", b"readarray", b"cat", b"select"];
    text.split(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).any(|word| EATERS.contains(&word))
}

/// How much of a script is to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// Of a long one, what is new.
    News,
}

impl Script {
    /// From how many bytes on it is long.
    fn news_bytes(&self) -> u64 {
        if self.is_file { NEWS_BYTES } else { NEWS_LINES_BYTES }
    }

    /// Is there text that was not emitted?
    pub(super) fn is_due(&self) -> bool {
        self.changed && !self.candidate
    }

    /// Is there text that was not emitted to be judged with all that is before it?
    pub(super) fn is_due_as_a_whole(&self) -> bool {
        (self.changed || self.is_whole_due) && !self.candidate
    }

    /// What is new, where only that can be judged; `None` where all of it has to be.
    fn news(&self) -> Option<Range<usize>> {
        let kept = self.content.bytes().len();
        let news = self.news.as_ref()?;
        let (start, end) = (usize::try_from(news.start).ok()?, usize::try_from(news.end).ok()?);
        let is_long = self.emitted_bytes >= self.news_bytes();
        (is_long && !self.keystrokes && start < end && end <= kept).then_some(start..end)
    }

    /// Before what was read runs: is there text that was not emitted, and how is it to be? Where only all of it can be judged, not
    /// too often.
    pub(super) fn is_due_at_once(&self, now_ns: u64) -> Option<Extent> {
        match self.is_due_again(now_ns) {
            None if self.is_due() && (self.is_short() || self.news().is_some()) => Some(Extent::News),
            how => how,
        }
    }

    /// Is judging all of it cheap?
    fn is_short(&self) -> bool {
        self.emitted_bytes <= self.news_bytes()
    }

    /// At a fork: is there text that was not emitted, and enough of it or for long enough?
    pub(super) fn is_due_again(&self, now_ns: u64) -> Option<Extent> {
        if !self.is_due() {
            return None;
        }
        let grown =
            self.content.seen_bytes() >= self.emitted_bytes.saturating_add(self.emitted_bytes / 4 + 64);
        if self.has_waited_as_a_whole(now_ns) {
            return Some(Extent::Whole);
        }
        (grown || self.has_waited(now_ns)).then_some(Extent::News)
    }

    /// Was it emitted so long ago that judging it again does not cost too much?
    fn has_waited(&self, now_ns: u64) -> bool {
        let per_byte = if self.news().is_some() { 0 } else { AGAIN_NS_PER_BYTE };
        let wait = AGAIN_NS + per_byte * self.content.bytes().len() as u64;
        self.emitted_bytes == 0 || now_ns.saturating_sub(self.emitted_ns) > wait
    }

    /// Was all of it judged so long ago?
    fn has_waited_as_a_whole(&self, now_ns: u64) -> bool {
        let wait = AGAIN_NS + WHOLE_NS_PER_BYTE * self.content.bytes().len() as u64;
        self.emitted_bytes == 0 || now_ns.saturating_sub(self.whole_ns) > wait
    }

    /// At a moment when nothing came for a while: is there text to emit, and how?
    fn is_due_when_idle(&self, now_ns: u64) -> Option<Extent> {
        if !self.is_due_as_a_whole() || self.last_ns >= now_ns.saturating_sub(IDLE_NS) {
            return None;
        }
        if self.has_waited_as_a_whole(now_ns) {
            return Some(Extent::Whole);
        }
        (self.changed && self.has_waited(now_ns)).then_some(Extent::News)
    }
}
