//! Processes whose executable is still being looked at: what arrives of them is kept, and taken in when it is known.

use std::{collections::HashMap, sync::Arc};

use ebpf::event::{Exec, FLAG_MORE, Header};
use event::Event;
use shell::{Executable, loaded_program};

use super::{Assembler, Classified, Classify, ShellId};
use crate::{budget::Budget, capture::Output};

/// Bytes of events kept of one process, and of all together, of which a cgroup may have as much as it leaves free; what comes on top
/// is lost, and counted as such.
/// One may have arguments and an environment of 4 MiB together, and reads 1.25 MiB at once.
const BYTES: usize = 12 * 1024 * 1024;
pub(super) const TOTAL_BYTES: usize = 32 * 1024 * 1024;
/// Loaders that are looked through, one called by the other.
const LOADERS: usize = 4;

/// All of them.
pub(super) struct Waiting {
    processes: HashMap<ShellId, Process>,
    /// Which of them a process is or descends from.
    of: HashMap<u32, ShellId>,
    budget: Budget,
}

/// What has arrived of one.
struct Process {
    header: Header,
    exec: Box<Exec>,
    /// The question that is under way; `None` while a loader's arguments have not come.
    ticket: Option<u64>,
    loaders: usize,
    events: Vec<Vec<u8>>,
    /// Bytes of these, and of itself.
    bytes: usize,
    lost: u32,
}

/// What one takes besides its events.
const PROCESS_BYTES: usize = size_of::<Process>() + size_of::<Exec>();

impl Process {
    /// The argument vector, once it is whole.
    fn arguments(&self) -> Option<Vec<Vec<u8>>> {
        let mut bytes = Vec::new();
        for event in &self.events {
            if let Ok(Event::Args(header, chunk, piece)) = Event::decode(event)
                && chunk.offset as usize == bytes.len()
            {
                bytes.extend_from_slice(piece);
                if header.flags & FLAG_MORE == 0 {
                    let vector = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
                    return Some(vector.split(|b| *b == 0).map(<[u8]>::to_vec).collect());
                }
            }
        }
        None
    }

    /// Asks for the program that a loader runs, when its arguments are there. What it runs may be a loader again.
    fn look_through(&mut self, classify: &mut dyn Classify) -> Option<Classified> {
        let mut argv = self.arguments()?;
        for loader in 1..=self.loaders {
            let Some((at, _)) = loaded_program(&argv) else { break };
            if loader == self.loaders {
                return Some(classify.loaded(self.header.tgid, self.exec.cgroup, &argv[at]));
            }
            argv.drain(..at);
        }
        // It runs nothing.
        let other = Executable::of_binary(shell::recognition::Recognized::Other, &[], 0);
        Some(Classified::Known(Arc::new(other)))
    }
}

impl Assembler {
    /// Begins to keep what arrives of a process.
    pub(super) fn wait(
        &mut self,
        header: Header,
        exec: Box<Exec>,
        classified: &Classified,
        emit: &mut dyn FnMut(Output),
    ) {
        let id = (header.tgid, header.exec_ns);
        // Only a broken record names one that is there.
        if let Some(process) = self.waiting.remove(id) {
            self.begin_late(id, process, Arc::new(Executable::not_inspected(b"", 0)), emit);
        }
        let (ticket, loaders) = match classified {
            Classified::Asked(ticket) => (Some(*ticket), 0),
            // A loader: its arguments come next.
            Classified::Known(_) => (None, 1),
        };
        self.waiting.budget.account(exec.cgroup, 0, PROCESS_BYTES);
        let process =
            Process { header, exec, ticket, loaders, events: Vec::new(), bytes: PROCESS_BYTES, lost: 0 };
        self.waiting.processes.insert(id, process);
        self.waiting.of.insert(header.tgid, id);
    }

    /// Keeps an event of a process that waits; false when it does not.
    pub(super) fn hold(
        &mut self,
        header: &Header,
        event: &Event<'_>,
        classify: &mut dyn Classify,
        emit: &mut dyn FnMut(Output),
    ) -> bool {
        let Some(id) = self.waiting.of.get(&header.tgid).copied().filter(|id| id.1 == header.exec_ns) else {
            return false;
        };
        let Some(process) = self.waiting.processes.get_mut(&id) else { return false };
        let record = event.encode();
        // Who is held waits for an answer.
        let is_needed = matches!(event, Event::Hold(..));
        let cgroup = process.exec.cgroup;
        let is_full = process.bytes + record.len() > BYTES || self.waiting.budget.room(cgroup) < record.len();
        if is_full && !is_needed {
            process.lost += 1;
            *self.cut.entry(cgroup).or_default() += 1;
        } else {
            self.waiting.budget.account(cgroup, 0, record.len());
            process.bytes += record.len();
            process.events.push(record);
        }
        let mut resolved = None;
        let nobody_knows = || Arc::new(Executable::not_inspected(b"", 0));
        match event {
            Event::Fork(_, fork) => {
                self.waiting.of.insert(fork.child, id);
            }
            Event::Exit(..) => {
                self.waiting.of.remove(&header.tgid);
                // A loader whose arguments were lost: they do not come any more.
                if header.tgid == id.0 && process.ticket.is_none() {
                    resolved = Some(nobody_knows());
                }
            }
            Event::Args(header, ..) if process.ticket.is_none() && header.flags & FLAG_MORE == 0 => {
                match process.look_through(classify) {
                    Some(Classified::Asked(ticket)) => process.ticket = Some(ticket),
                    Some(Classified::Known(executable)) => resolved = Some(executable),
                    None => resolved = Some(nobody_knows()),
                }
            }
            _ => {}
        }
        if let Some(executable) = resolved {
            self.resolve(id, executable, classify, emit);
        }
        true
    }

    /// Does any process wait for its executable?
    pub fn waits(&self) -> bool {
        !self.waiting.processes.is_empty()
    }

    /// Takes in what an executable is that was asked about.
    pub fn classified(
        &mut self,
        ticket: u64,
        executable: &Arc<Executable>,
        classify: &mut dyn Classify,
        emit: &mut dyn FnMut(Output),
    ) {
        let mut asked: Vec<ShellId> = self
            .waiting
            .processes
            .iter()
            .filter(|(_, p)| p.ticket == Some(ticket))
            .map(|(id, _)| *id)
            .collect();
        // Parents before their children.
        asked.sort_unstable_by_key(|(_, exec_ns)| *exec_ns);
        for id in asked {
            self.resolve(id, executable.clone(), classify, emit);
        }
    }

    fn resolve(
        &mut self,
        id: ShellId,
        mut executable: Arc<Executable>,
        classify: &mut dyn Classify,
        emit: &mut dyn FnMut(Output),
    ) {
        let Some(process) = self.waiting.processes.get_mut(&id) else { return };
        while executable.is_loader {
            if process.loaders >= LOADERS {
                // Whoever calls loaders by loaders hides something.
                executable = Arc::new(Executable::not_inspected(b"", 0));
                break;
            }
            process.loaders += 1;
            process.ticket = None;
            match process.look_through(classify) {
                None => return,
                Some(Classified::Asked(ticket)) => {
                    process.ticket = Some(ticket);
                    return;
                }
                Some(Classified::Known(known)) => executable = known,
            }
        }
        if let Some(process) = self.waiting.remove(id) {
            self.begin_late(id, process, executable, emit);
        }
    }

    /// Begins a shell and takes in what arrived of it since.
    fn begin_late(
        &mut self,
        id: ShellId,
        process: Process,
        executable: Arc<Executable>,
        emit: &mut dyn FnMut(Output),
    ) {
        // By now the process may run another program.
        let tgid = id.0;
        let newer = self.processes.get(&tgid).filter(|now| now.1 > id.1).copied();
        if newer.is_some() {
            self.processes.remove(&tgid);
        }
        let other = self.non_shells.get(&tgid).filter(|exec_ns| **exec_ns > id.1).copied();
        self.begin(process.header, process.exec, executable, process.loaders, emit);
        if let Some(shell) = self.shells.get_mut(&id) {
            shell.lost += u64::from(process.lost);
        }
        self.counts.lost_events += u64::from(process.lost);
        for record in process.events {
            if let Ok(event) = Event::decode(&record) {
                self.take_known(&event, emit);
            }
        }
        if newer.is_some() || other.is_some() || self.waiting.of.get(&tgid).is_some_and(|now| now.1 > id.1) {
            if self.processes.get(&tgid) == Some(&id) {
                self.leave(tgid, emit);
            }
            self.non_shells.remove(&tgid);
        }
        // Records that contradict each other may have ended it meanwhile.
        if let Some(newer) = newer.filter(|newer| self.shells.contains_key(newer)) {
            self.run(tgid, newer, emit);
        }
        if let Some(other) = other {
            self.non_shells.insert(tgid, other);
        }
    }

    /// Takes loaders whose arguments have not come for long for what may be any shell.
    pub(super) fn settle_loaders(
        &mut self,
        before_ns: u64,
        classify: &mut dyn Classify,
        emit: &mut dyn FnMut(Output),
    ) {
        let is_late = |process: &Process| process.ticket.is_none() && process.header.time_ns < before_ns;
        let late: Vec<ShellId> =
            self.waiting.processes.iter().filter(|(_, p)| is_late(p)).map(|(id, _)| *id).collect();
        for id in late {
            self.resolve(id, Arc::new(Executable::not_inspected(b"", 0)), classify, emit);
        }
    }

    /// Takes everything that waits for what may be any shell: nobody will tell.
    pub(super) fn wait_no_more(&mut self, emit: &mut dyn FnMut(Output)) {
        let all: Vec<ShellId> = self.waiting.processes.keys().copied().collect();
        for id in all {
            if let Some(process) = self.waiting.remove(id) {
                self.begin_late(id, process, Arc::new(Executable::not_inspected(b"", 0)), emit);
            }
        }
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self { processes: HashMap::new(), of: HashMap::new(), budget: Budget::new(TOTAL_BYTES) }
    }
}

impl Waiting {
    #[cfg(test)]
    pub(super) fn room(&self, cgroup: u64) -> usize {
        self.budget.room(cgroup)
    }

    fn remove(&mut self, id: ShellId) -> Option<Process> {
        let process = self.processes.remove(&id)?;
        self.budget.account(process.exec.cgroup, process.bytes, 0);
        self.of.retain(|_, of| *of != id);
        Some(process)
    }
}
