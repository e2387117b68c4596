//! Follows shells from `execve` to their end and emits their scripts at the moments that matter.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use ebpf::event::{EXIT_ENDED, Exec, Exit, FLAG_CUT, FLAG_MORE, Fork, Header, PATH_EXE, PATH_FILE};

use strings::Hashes;
use waiting::Waiting;

use event::{Event, absolute_path};
use shell::Executable;

use crate::{
    budget::{Budget, Pace},
    capture::Output,
    script::Source,
    shell_process::{Forked, ShellProcess},
    unseen,
};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes kept of one script; the rest is counted.
    pub script_bytes: usize,
    /// Bytes kept of all shells; one cgroup may keep as much as it leaves free.
    pub total_bytes: usize,
    /// Bytes kept of an argument vector in a capture.
    pub args_bytes: usize,
    /// Bytes looked at of an environment.
    pub environment_bytes: usize,
    /// Scripts kept of one shell; of one that reads more the oldest are given up.
    pub scripts_per_shell: usize,
}

/// What an executable is, or that [`Assembler::classified`] will be told.
#[derive(Clone, Debug)]
pub enum Classified {
    /// It is known.
    Known(Arc<Executable>),
    /// It is being looked at; the number names the question.
    Asked(u64),
}

/// Says what executables are.
pub trait Classify {
    /// What the executable of an exec event is.
    fn executed(&mut self, header: &Header, exec: &Exec) -> Classified;

    /// What the program is that a process's loader was told to run, by the path that it was given.
    fn loaded(&mut self, tgid: u32, cgroup: u64, path: &[u8]) -> Classified;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            script_bytes: 1024 * 1024,
            total_bytes: 64 * 1024 * 1024,
            args_bytes: 32 * 1024,
            environment_bytes: 6 * 1024 * 1024,
            scripts_per_shell: 256,
        }
    }
}

/// What happened, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AssemblerCounts {
    /// Shells seen.
    pub shells: u64,
    /// Captures emitted; a growing script is emitted more than once.
    pub captures: u64,
    /// Distinct scripts.
    pub scripts: u64,
    /// Events of processes whose `execve` was not seen.
    pub orphans: u64,
    /// Events that the kernel half reports lost, by the processes' own accounts.
    pub lost_events: u64,
    /// Script bytes not kept because a script may have only so many.
    pub cut_bytes: u64,
    /// Script bytes not kept because all shells, or those of one cgroup, may have only so many.
    pub memory_cut_bytes: u64,
    /// Images forgotten because their end was not seen.
    pub abandoned: u64,
    /// Shells of which no script was captured because events were lost.
    pub shells_lost: u64,
    /// Shells that had no script: nothing to read, or asked for their version.
    pub shells_silent: u64,
    /// Strings evaluated that were emitted before, and not again.
    pub evaluated_again: u64,
}

/// Bytes of arguments, environments and strings of which a piece is missing. What is missing comes at once, or was lost.
const ARRIVING_BYTES: usize = 16 * 1024 * 1024;
/// New text that waits this long without more is emitted.
const IDLE_NS: u64 = 50_000_000;

/// Names a shell: the process that executed it, and when.
type ShellId = (u32, u64);

/// Puts scripts together from events.
pub struct Assembler {
    limits: Limits,
    shells: HashMap<ShellId, ShellProcess>,
    /// Which shell a process runs; subshells run their parent's.
    processes: HashMap<u32, ShellId>,
    /// Those that were forked by shells.
    forked: HashMap<u32, Forked>,
    /// Processes that turned out to be no shells; what else arrives of them is not missed.
    non_shells: HashMap<u32, u64>,
    /// Processes that were not there when they were looked for last.
    missed: HashSet<(u32, u64)>,
    /// Processes whose executable is being looked at.
    waiting: Waiting,
    hashes: Hashes,
    budget: Budget,
    /// What arrives in pieces and waits for the rest.
    arriving: Budget,
    /// How many bytes of scripts that are replaced are handed over.
    pace: Pace,
    /// Scripts of which something was not kept for want of memory, by cgroup, since somebody asked.
    cut: HashMap<u64, u64>,
    /// Unix time minus boot time, ns.
    boot_unix_ns: u64,
    counts: AssemblerCounts,
}

impl Assembler {
    /// An assembler on a machine that booted at this Unix time (ns).
    pub fn new(limits: Limits, boot_unix_ns: u64) -> Self {
        Self {
            limits,
            shells: HashMap::new(),
            processes: HashMap::new(),
            forked: HashMap::new(),
            non_shells: HashMap::new(),
            missed: HashSet::new(),
            waiting: Waiting::default(),
            hashes: Hashes::new(),
            budget: Budget::new(limits.total_bytes),
            arriving: Budget::new(ARRIVING_BYTES.min(limits.total_bytes)),
            pace: Pace::default(),
            cut: HashMap::new(),
            boot_unix_ns,
            counts: AssemblerCounts::default(),
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> AssemblerCounts {
        self.counts
    }

    /// Bytes that are kept of shells now.
    pub fn kept_bytes(&self) -> usize {
        self.budget.used()
    }

    /// Cgroups, and how many of their scripts were cut since this was asked last, because they keep more than is left free.
    pub fn take_cut(&mut self) -> impl Iterator<Item = (u64, u64)> + use<> {
        std::mem::take(&mut self.cut).into_iter()
    }

    /// Shells followed now.
    pub fn followed(&self) -> usize {
        self.shells.len()
    }

    /// Takes an event in. `classify` is asked what an executable is when a shell begins; `emit` gets every
    /// capture that is due.
    pub fn take(&mut self, event: Event<'_>, classify: &mut dyn Classify, emit: &mut dyn FnMut(Output)) {
        self.counts.lost_events += u64::from(event.header().lost);
        let header = *event.header();
        let event = match event {
            Event::Exec(header, exec) => {
                // The end of what this process ran before may have been lost.
                self.leave(header.tgid, emit);
                match classify.executed(&header, &exec) {
                    Classified::Known(executable) if !executable.is_loader => {
                        self.begin(header, exec, executable, 0, emit);
                    }
                    classified => self.wait(header, exec, &classified, emit),
                }
                return;
            }
            event => event,
        };
        if !self.hold(&header, &event, classify, emit) {
            self.take_known(&event, emit);
        }
    }

    /// Takes in an event of a process whose executable is known.
    fn take_known(&mut self, event: &Event<'_>, emit: &mut dyn FnMut(Output)) {
        let tgid = event.header().tgid;
        let before = self.processes.get(&tgid).copied();
        self.take_of_shell(event, emit);
        let after = self.processes.get(&tgid).copied().filter(|after| before != Some(*after));
        for id in before.into_iter().chain(after) {
            self.account(id);
        }
    }

    fn take_of_shell(&mut self, event: &Event<'_>, emit: &mut dyn FnMut(Output)) {
        let header = *event.header();
        let Some(id) = self.processes.get(&header.tgid).copied().filter(|id| id.1 == header.exec_ns) else {
            self.of_no_shell(&header, event, emit);
            return;
        };
        let Some(shell) = self.shells.get_mut(&id) else { return };
        shell.lost += u64::from(header.lost);
        if header.lost > 0 {
            for script in &mut shell.scripts {
                script.lossy = true;
            }
        }
        if !matches!(event, Event::Args(..) | Event::Environment(..) | Event::Path(..) | Event::Cgroup(..)) {
            self.settle_vectors(id, emit);
        }
        let (room, arriving) = (self.room(id), self.arriving_room(id));
        let Some(shell) = self.shells.get_mut(&id) else { return };
        let cgroup = shell.exec.cgroup;
        match event {
            // Where a cgroup is says nothing of the script.
            Event::Exec(..) | Event::Cgroup(..) => {}
            Event::Args(header, chunk, bytes) => {
                let cut = header.flags & FLAG_CUT != 0;
                shell.arrived_ns = header.time_ns;
                let lost = shell.take_arguments(chunk.offset, bytes, chunk.total, cut, arriving);
                if shell.has_all_arguments() {
                    shell.parse_arguments(self.limits.args_bytes.min(room));
                    self.command_text(id, emit);
                }
                if lost > 0 || cut {
                    self.cut(cgroup, lost);
                }
            }
            Event::Environment(header, chunk, bytes) => {
                let is_last = header.flags & FLAG_MORE == 0;
                let is_cut = header.flags & FLAG_CUT != 0;
                let limit = self.limits.environment_bytes.min(chunk.total as usize);
                let lost = shell.environment.take(chunk.offset, bytes, limit, arriving);
                shell.arrived_ns = header.time_ns;
                if is_last {
                    self.environment(id, emit);
                }
                if lost > 0 || is_cut {
                    self.cut(cgroup, lost);
                }
            }
            Event::Path(_, path, components) => {
                let absolute = absolute_path(components);
                match path.purpose {
                    PATH_EXE => shell.exe_path = Some(absolute),
                    PATH_FILE => {
                        shell.announced = Some((Source::Inode { dev: path.dev, ino: path.ino }, absolute));
                    }
                    _ => {}
                }
            }
            Event::Writer(_, writer) => shell.writer = Some(*writer),
            Event::Text(header, text, bytes) => self.string(id, header, text, bytes, emit),
            Event::Read(header, read, bytes) => self.read(id, *header, read, bytes, emit),
            Event::Fork(header, fork) => self.fork(id, header, *fork, emit),
            Event::Exit(header, how) => self.exit(id, header, *how, emit),
            Event::Hold(header, hold) => self.held(id, header.tgid, hold, emit),
        }
    }

    /// An event of a process that runs no shell, or of a shell whose beginning was missed.
    fn of_no_shell(&mut self, header: &Header, event: &Event<'_>, emit: &mut dyn FnMut(Output)) {
        if let Event::Hold(header, hold) = event {
            self.held((header.tgid, header.exec_ns), header.tgid, hold, emit);
        }
        if self.non_shells.get(&header.tgid) != Some(&header.exec_ns) {
            self.counts.orphans += 1;
            return;
        }
        match event {
            Event::Exit(..) => {
                self.non_shells.remove(&header.tgid);
            }
            // What it forked before the kernel half knew of it is no shell either.
            Event::Fork(_, fork) => {
                self.non_shells.insert(fork.child, header.exec_ns);
            }
            _ => {}
        }
    }

    fn begin(
        &mut self,
        header: Header,
        exec: Box<Exec>,
        executable: Arc<Executable>,
        loaders: usize,
        emit: &mut dyn FnMut(Output),
    ) {
        let Some(family) = executable.family else {
            self.non_shells.insert(header.tgid, header.exec_ns);
            return;
        };
        self.non_shells.remove(&header.tgid);
        let mut shell = ShellProcess::new(header, exec, family, executable);
        shell.loaders = loaders;
        self.follow((header.tgid, header.exec_ns), shell, emit);
    }

    /// A process runs this shell from here on.
    fn follow(&mut self, id: ShellId, shell: ShellProcess, emit: &mut dyn FnMut(Output)) {
        self.counts.shells += 1;
        if self.shells.contains_key(&id) {
            // Only a broken record names a shell that is there.
            self.processes.retain(|_, shell| *shell != id);
            self.forget(id, emit);
        }
        self.shells.insert(id, shell);
        self.run(id.0, id, emit);
    }

    /// From here on a process runs this shell, and no longer what it ran before.
    fn run(&mut self, tgid: u32, id: ShellId, emit: &mut dyn FnMut(Output)) {
        if let Some(other) = self.processes.insert(tgid, id).filter(|other| *other != id) {
            self.emit_changed(other, emit);
            self.release(other, emit);
        }
    }

    fn fork(&mut self, id: ShellId, header: &Header, fork: Fork, emit: &mut dyn FnMut(Output)) {
        // When this comes late the child may run another shell by now.
        if self.processes.get(&fork.child).is_some_and(|(_, exec_ns)| *exec_ns > header.time_ns) {
            return;
        }
        self.leave(fork.child, emit);
        let Some(shell) = self.shells.get_mut(&id) else { return };
        shell.processes += 1;
        shell.forks.count();
        self.processes.insert(fork.child, id);
        let forked = Forked { ns_pid: fork.ns_pid, parent: header.tgid, start_ns: fork.start_ns };
        self.forked.insert(fork.child, forked);
        self.emit_again(id, header.time_ns, emit);
    }

    fn exit(&mut self, id: ShellId, header: &Header, how: Exit, emit: &mut dyn FnMut(Output)) {
        if how.how == EXIT_ENDED && header.tgid != id.0 {
            // A subshell's end says nothing of its parent's script.
            self.forget_process(header.tgid);
            self.release(id, emit);
            return;
        }
        if header.tgid != id.0 {
            // A subshell runs another program: all of the script is judged when its own shell ends.
            self.emit_at_once(id, header.time_ns, emit);
            self.forget_process(header.tgid);
            self.release(id, emit);
            return;
        }
        self.leave(header.tgid, emit);
    }

    fn forget_process(&mut self, tgid: u32) {
        if let Some(shell) = self.processes.remove(&tgid).and_then(|id| self.shells.get_mut(&id)) {
            shell.strings.remove(&tgid);
        }
        self.forked.remove(&tgid);
    }

    /// A process no longer runs its shell: emits what is new and forgets a shell nobody runs.
    fn leave(&mut self, tgid: u32, emit: &mut dyn FnMut(Output)) {
        let id = self.processes.get(&tgid).copied();
        self.forget_process(tgid);
        let Some(id) = id else { return };
        self.emit_changed(id, emit);
        self.release(id, emit);
    }

    fn release(&mut self, id: ShellId, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        shell.processes = shell.processes.saturating_sub(1);
        if shell.processes == 0 {
            self.forget(id, emit);
        }
    }

    /// Emits what is new of a shell, and forgets it.
    fn forget(&mut self, id: ShellId, emit: &mut dyn FnMut(Output)) {
        let Some(shell) = self.shells.get_mut(&id) else { return };
        // Events were lost, the word on a candidate among them, perhaps. Nor is data read where scripts are.
        // Who did not even tell the text of `-c` is unable to.
        let is_silent = shell.is_silent();
        let is_told = shell.tells_sourced() && !is_silent;
        for script in &mut shell.scripts {
            self.counts.scripts += u64::from(script.settle(is_told));
            script.changed |=
                is_silent && !script.tells.0 && unseen::evaluates(script.content.bytes(), false);
        }
        self.emit_changed(id, emit);
        if let Some(shell) = self.shells.remove(&id) {
            if !shell.captured {
                let lost = shell.lost > 0 || shell.invocation.is_none();
                *(if lost { &mut self.counts.shells_lost } else { &mut self.counts.shells_silent }) += 1;
            }
            for script in shell.scripts.iter().filter(|s| !s.candidate) {
                emit(Output::Finished(shell.id_of(script), shell.exec.cgroup));
            }
            self.budget.account(shell.exec.cgroup, shell.accounted.0, 0);
            self.arriving.account(shell.exec.cgroup, shell.accounted.1, 0);
        }
    }

    /// Forgets processes that are no more although their end was not seen. To be called every minute or so: the end of one
    /// that is missed for the first time may be on its way.
    pub fn sweep(&mut self, emit: &mut dyn FnMut(Output)) {
        let all = self.processes.iter().map(|(tgid, id)| (*tgid, id.1));
        let all = all.chain(self.non_shells.iter().map(|(tgid, exec_ns)| (*tgid, *exec_ns)));
        let missing: HashSet<(u32, u64)> =
            all.filter(|(tgid, _)| !Path::new(&format!("/proc/{tgid}")).exists()).collect();
        let gone: Vec<(u32, u64)> = missing.intersection(&self.missed).copied().collect();
        self.missed = missing;
        for (tgid, exec_ns) in gone {
            if self.non_shells.get(&tgid) == Some(&exec_ns) {
                self.non_shells.remove(&tgid);
            }
            if self.processes.get(&tgid).is_some_and(|id| id.1 == exec_ns) {
                self.counts.abandoned += 1;
                self.leave(tgid, emit);
            }
        }
    }

    /// Emits what there is of every shell and forgets them all: the sensor ends.
    pub fn end(&mut self, emit: &mut dyn FnMut(Output)) {
        self.wait_no_more(emit);
        let processes: Vec<u32> = self.processes.keys().copied().collect();
        for tgid in processes {
            self.leave(tgid, emit);
        }
    }
}

mod emit;
mod keeping;
mod parts;
mod reads;
mod strings;
mod vectors;
mod waiting;

#[cfg(test)]
mod tests;
