//! Who started a process: its parents, up to the first process of its container.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use super::{
    cgroup::{ContainerId, Placement},
    process::ProcessFacts,
};

/// Parents told. A chain that is longer is cut at its top.
const DEPTH: usize = 16;
/// Shells remembered beyond their end: a script's parent is often a shell that lives no longer than the script.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// A shell that was seen, and where.
struct Seen {
    facts: ProcessFacts,
    container: Option<ContainerId>,
}

/// Shells, those of containers apart: they are not to push out the others.
struct Shells {
    contained: LruCache<u32, Seen>,
    others: LruCache<u32, Seen>,
}

impl Shells {
    fn get(&mut self, pid: u32) -> Option<&Seen> {
        // What was seen last under a number is what it is.
        let began = |seen: Option<&Seen>| seen.and_then(|seen| seen.facts.exec_ns);
        if began(self.contained.peek(&pid)) > began(self.others.peek(&pid)) {
            self.contained.get(&pid)
        } else {
            self.others.get(&pid)
        }
    }
}

/// Shells seen lately, and /proc for all others. Several threads may ask; none waits for what another asks /proc.
pub struct Ancestry {
    seen: Mutex<Shells>,
}

impl Default for Ancestry {
    fn default() -> Self {
        let shells = Shells { contained: LruCache::new(REMEMBERED), others: LruCache::new(REMEMBERED) };
        Self { seen: Mutex::new(shells) }
    }
}

impl Ancestry {
    fn seen(&self) -> MutexGuard<'_, Shells> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a shell.
    pub fn remember(&self, facts: ProcessFacts, placement: Option<&Placement>) {
        let container = placement.and_then(|p| p.container.clone());
        let mut seen = self.seen();
        let shells = if container.is_some() { &mut seen.contained } else { &mut seen.others };
        shells.put(facts.pid, Seen { facts, container });
    }

    /// Is a shell remembered as it is now?
    pub fn remembers(&self, pid: u32, exec_ns: u64) -> bool {
        self.seen().get(pid).is_some_and(|seen| seen.facts.exec_ns == Some(exec_ns))
    }

    /// The parents of a process in the container that `placement` names, its parent first; outside of containers, up
    /// to the first process of the machine. A parent that has ended and was no shell ends the list.
    ///
    /// `start_ns` is when the process was forked, boot time: who started later is not its parent, but has the number
    /// of one that ended.
    pub fn of(&self, parent: u32, start_ns: u64, placement: Option<&Placement>) -> Vec<ProcessFacts> {
        let container = placement.and_then(|p| p.container.as_ref());
        let mut found: Vec<ProcessFacts> = Vec::new();
        let (mut pid, mut born) = (parent, start_ns);
        while pid > 0 && found.len() < DEPTH {
            let Some(facts) = self.look_up(pid, born, container) else { break };
            (pid, born) = (facts.ppid, facts.start_ns);
            found.push(facts);
        }
        found
    }

    /// The process that a shell descends from, over other shells that were seen: the first that is none. It is asked for each shell,
    /// so /proc is not looked at.
    pub fn root(&self, parent: u32, start_ns: u64, placement: Option<&Placement>) -> u32 {
        let container = placement.and_then(|p| p.container.as_ref());
        let mut seen = self.seen();
        let (mut pid, mut born) = (parent, start_ns);
        for _ in 0..DEPTH {
            let is_it = |seen: &&Seen| seen.facts.start_ns <= born && seen.container.as_ref() == container;
            let Some(shell) = seen.get(pid).filter(is_it) else { break };
            (pid, born) = (shell.facts.ppid, shell.facts.start_ns);
        }
        pid
    }

    fn look_up(&self, pid: u32, before_ns: u64, container: Option<&ContainerId>) -> Option<ProcessFacts> {
        // What it ran when it was seen says more than what it became since.
        let is_it = |seen: &&Seen| {
            seen.facts.start_ns <= before_ns && (container.is_none() || seen.container.as_ref() == container)
        };
        let seen = self.seen().get(pid).filter(is_it).map(|seen| seen.facts.clone());
        if seen.is_some() {
            return seen;
        }
        if container.is_some() {
            let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
            if Placement::of_proc(&text).container.as_ref() != container {
                return None;
            }
        }
        ProcessFacts::of(pid).filter(|facts| facts.start_ns <= before_ns)
    }
}
