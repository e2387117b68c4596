//! Which executables are shells: what was found out is remembered, and the inspector is asked for the rest.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ebpf::{
    event::{Exec, Header},
    map::{EXE_UNKNOWN, FileKey},
};
use event::until_nul;
use lru::LruCache;
use shell::Executable;
use tracing::debug;

use crate::{
    control::Control,
    inspect::usual_shells,
    inspector::{Answer, Desk, Inspector, Job, Request, Ticket},
    reader::Waker,
};

/// Executables remembered.
const EXECUTABLES: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");
/// Cgroups remembered of a probed shell; one that runs in more keeps its probes until others need the room.
const USERS_MAX: usize = 256;
/// How often the inspector is told that a shell is in use.
const USED: Duration = Duration::from_secs(1);

/// What an executable is, or that it will be told.
pub enum Lookup {
    /// It was inspected before.
    Known(Arc<Executable>),
    /// It is being inspected: [`Executables::answers`] will have it under this number.
    Asked(Ticket),
}

/// Executables already inspected.
pub struct Executables {
    known: LruCache<FileKey, Arc<Executable>>,
    /// Questions that are under way.
    asked: HashMap<FileKey, Ticket>,
    /// The cgroups on whose behalf.
    askers: HashMap<Ticket, HashSet<u64>>,
    next_ticket: Ticket,
    desk: Desk,
    /// Which cgroups ran a shell that has probes: a probe keeps its file in use, so that of a container that ended
    /// would keep all the container's files on disk.
    users: HashMap<FileKey, HashSet<u64>>,
    /// When the inspector was told last that a shell is in use.
    used: HashMap<FileKey, Instant>,
    probed: Arc<AtomicUsize>,
}

impl Executables {
    /// Inspects the usual shells before any of them is met; the inspector is to be run on a thread of its own.
    pub fn of_this_node(mut control: Control, waker: Waker) -> (Self, Inspector) {
        let mut known = LruCache::new(EXECUTABLES);
        for (key, inspected) in usual_shells() {
            let (executable, _) = control.register(key, inspected, 0);
            known.put(key, Arc::new(executable));
        }
        let probed = control.probed();
        let (inspector, desk) = Inspector::new(control, waker);
        let executables = Self {
            known,
            asked: HashMap::new(),
            askers: HashMap::new(),
            next_ticket: 1,
            desk,
            users: HashMap::new(),
            used: HashMap::new(),
            probed,
        };
        (executables, inspector)
    }

    /// What the executable of an exec event is.
    pub fn executed(&mut self, header: &Header, exec: &Exec) -> Lookup {
        let path = until_nul(&exec.interp);
        let Some(known) = self.known.get(&exec.exe).cloned() else {
            if let Some(ticket) = self.asked.get(&exec.exe) {
                self.askers.entry(*ticket).or_default().insert(exec.cgroup);
                return Lookup::Asked(*ticket);
            }
            let process = (header.tgid, header.exec_ns, exec.ppid);
            let lookup = self.ask(process, exec.cgroup, Some(exec.exe), path, exec.exe.size);
            if let Lookup::Asked(ticket) = lookup {
                self.asked.insert(exec.exe, ticket);
            }
            return lookup;
        };
        if exec.class == EXE_UNKNOWN {
            self.tell(Request::Refresh(exec.exe, known.clone()));
        }
        if known.probed {
            self.is_used(exec.exe, exec.cgroup);
        }
        Lookup::Known(known)
    }

    /// What the program is that a loader was told to run by this path.
    pub fn loaded(&mut self, tgid: u32, cgroup: u64, path: &[u8]) -> Lookup {
        self.ask((tgid, 0, 0), cgroup, None, path, 0)
    }

    /// What was found out since the last call.
    pub fn answers(&mut self) -> Vec<(Ticket, Arc<Executable>)> {
        let mut answers = Vec::new();
        while let Ok(answer) = self.desk.answers.try_recv() {
            match answer {
                Answer::Executable(ticket, key, executable) => {
                    self.asked.retain(|_, asked| *asked != ticket);
                    let askers = self.askers.remove(&ticket).unwrap_or_default();
                    if let Some(key) = key {
                        self.known.put(key, executable.clone());
                        if executable.probed {
                            self.users.entry(key).or_default().extend(askers);
                        }
                    }
                    answers.push((ticket, executable));
                }
                // At its next execution it is inspected again, and gets its probes back.
                Answer::Evicted(keys) => {
                    for key in keys {
                        if let Some(known) = self.known.pop(&key) {
                            // Those that run say so from here on.
                            known.probes_lost.store(true, Ordering::Relaxed);
                        }
                        self.users.remove(&key);
                        self.used.remove(&key);
                    }
                }
            }
        }
        answers
    }

    /// Takes the probes out of shells that ran only in cgroups for which `has_ended` holds: those of one container.
    pub fn container_ended(&mut self, has_ended: impl Fn(u64) -> bool) {
        let mut forgotten = Vec::new();
        self.users.retain(|key, users| {
            let was_full = users.len() == USERS_MAX;
            let before = users.len();
            users.retain(|cgroup| !has_ended(*cgroup));
            if users.is_empty() && before > 0 && !was_full {
                forgotten.push(*key);
            }
            !users.is_empty()
        });
        for key in forgotten {
            debug!("probes taken out of inode {}: its container ended", key.ino);
            self.known.pop(&key);
            self.used.remove(&key);
            self.tell(Request::Forget(key));
        }
    }

    /// Shell binaries that have probes now.
    pub fn probed(&self) -> usize {
        self.probed.load(Ordering::Relaxed)
    }

    fn is_used(&mut self, key: FileKey, cgroup: u64) {
        let users = self.users.entry(key).or_default();
        if users.len() < USERS_MAX {
            users.insert(cgroup);
        }
        if self.used.get(&key).is_none_or(|told| told.elapsed() > USED) {
            self.used.insert(key, Instant::now());
            self.tell(Request::Used(key));
        }
    }

    /// About a process and its parent.
    fn ask(
        &mut self,
        (tgid, exec_ns, parent): (u32, u64, u32),
        cgroup: u64,
        key: Option<FileKey>,
        path: &[u8],
        size: u64,
    ) -> Lookup {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let job =
            Job { is_again: false, ticket, tgid, exec_ns, parent, cgroup, key, path: path.to_vec(), size };
        match self.desk.requests.try_send(Request::Inspect(job)) {
            Ok(()) => {
                self.askers.insert(ticket, HashSet::from([cgroup]));
                Lookup::Asked(ticket)
            }
            // What nobody has time to look at may be any shell.
            Err(_) => Lookup::Known(Arc::new(Executable::not_inspected(path, size))),
        }
    }

    /// A note that does not fit is lost: it comes again, or costs nothing but a little memory.
    fn tell(&self, request: Request) {
        if self.desk.requests.try_send(request).is_err() {
            debug!("the inspector is behind");
        }
    }
}
