//! Which scoring thread judges what: long texts have one of their own, so that nobody's short script waits for them.
//!
//! What is said of a shell keeps its order: while a long text of it waits or is judged, all else of it goes the same way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use script::Output as Said;
use stage::Sender;
use tracing::debug;

use crate::output::Output;

/// A text that is longer takes more than about 15 ms to judge.
const LONG: usize = 128 * 1024;

/// Among the sensor's threads the one for long texts is to get a processor last: short ones are captured and judged first.
const NICE: i32 = 10;

/// Makes the calling thread the one for long texts.
pub(crate) fn yield_to_others() {
    // Linux has a niceness for each thread.
    if let Err(e) = rustix::process::setpriority_process(None, NICE) {
        debug!("long texts are judged with the usual priority: {e}");
    }
}

/// How much of each process waits in the lane for long texts or is judged there.
#[derive(Clone, Default)]
struct Pending(Arc<Mutex<HashMap<u32, u32>>>);

impl Pending {
    fn counts(&self) -> MutexGuard<'_, HashMap<u32, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, processes: &[u32]) -> bool {
        let counts = self.counts();
        processes.iter().any(|process| counts.contains_key(process))
    }

    fn add(&self, processes: Vec<u32>) -> Ticket {
        let mut counts = self.counts();
        for process in &processes {
            *counts.entry(*process).or_default() += 1;
        }
        Ticket { pending: self.clone(), processes }
    }
}

/// Goes with what is in the lane for long texts; dropped when that is done, or was dropped.
pub(crate) struct Ticket {
    pending: Pending,
    processes: Vec<u32>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.pending.counts();
        for process in &self.processes {
            if let Some(count) = counts.get_mut(process) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(process);
                }
            }
        }
    }
}

/// The way to the thread that judges long texts.
pub(crate) struct Lanes {
    long: Sender<Output>,
    pending: Pending,
}

impl Lanes {
    pub(crate) fn new(long: Sender<Output>) -> Self {
        Self { long, pending: Pending::default() }
    }

    /// Sends on what belongs into the lane for long texts, and gives back what does not.
    pub(crate) fn sort(&self, said: Said) -> Option<Said> {
        let (about, is_long) = match &said {
            Said::Capture(capture) => (vec![capture.id.pid, capture.reader], capture.content.len() > LONG),
            Said::Finished(id, _) => (vec![id.pid], false),
            Said::Held(shell) => (vec![shell.pid], false),
        };
        let evaluates = match &said {
            Said::Capture(capture) => capture.parent.map(|parent| parent.pid),
            _ => None,
        };
        if !is_long && !self.pending.has(&about) && !evaluates.is_some_and(|pid| self.pending.has(&[pid])) {
            return Some(said);
        }
        let output = Output { said, ticket: Some(self.pending.add(about)) };
        let _ = output.put(&self.long);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_shell_follows_its_long_text_until_that_is_judged() {
        let (long, mut judged) = stage::queue("long", 1 << 20, &stage::QueueMetrics::default());
        let lanes = Lanes::new(long);
        let capture = |pid, reader, parent: Option<u32>, length: usize| {
            let id = |pid| script::ScriptId { pid, exec_ns: 1, ordinal: 0 };
            let mut capture = script::sample(pid, &vec![b':'; length]);
            (capture.id, capture.reader, capture.parent) = (id(pid), reader, parent.map(id));
            Said::Capture(Arc::new(capture))
        };
        let held = |pid| Said::Held(script::HeldShell { pid, since_ns: 1, cgroup: 5, data: None });
        let stays = |said| lanes.sort(said).is_some();
        assert!(stays(capture(1, 1, None, LONG)) && stays(held(1)), "short");
        assert!(!stays(capture(1, 2, None, LONG + 1)), "long");
        assert!(!stays(held(2)), "a subshell that read it");
        assert!(
            !stays(capture(1, 1, None, 1)) && !stays(capture(3, 3, Some(1), 1)),
            "its shell, and what it evaluates"
        );
        assert!(stays(capture(4, 4, None, 1)) && stays(held(4)), "another shell");
        for _ in 0..4 {
            assert!(!stays(held(1)), "something of it is left");
            judged.try_recv().expect("it was sent on");
        }
        while judged.try_recv().is_some() {}
        assert!(stays(held(1)) && stays(held(2)) && stays(capture(3, 3, Some(1), 1)), "all of it is judged");
        assert!(lanes.pending.counts().is_empty());
    }
}
