//! Which scoring thread judges what: long texts have one of their own, so that nobody's short script waits for them.
//!
//! What is said of a shell keeps its order: while a long text of it waits or is judged, all else of it goes the same way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use script::{Output as Said, ScriptId};
use stage::Sender;
use tracing::debug;

use crate::output::Output;

/// A text that is longer takes more than about 15 ms to judge.
const LONG: usize = 128 * 1024;

/// Among the sensor's threads the one that judges long texts is to get a processor last: short ones are captured and judged
/// first. It holds nothing that others wait for.
const NICE: i32 = 10;

/// Makes the calling thread the one that judges long texts.
pub(crate) fn yield_to_others() {
    // Linux has a niceness for each thread.
    if let Err(e) = rustix::process::setpriority_process(None, NICE) {
        debug!("long texts are judged with the usual priority: {e}");
    }
}

/// Of what something waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum About {
    Process(u32),
    Script(ScriptId),
}

/// How much of each waits in the lane for long texts or is judged there.
#[derive(Clone, Default)]
struct Pending(Arc<Mutex<HashMap<About, u32>>>);

impl Pending {
    fn counts(&self) -> MutexGuard<'_, HashMap<About, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has(&self, abouts: &[About]) -> bool {
        let counts = self.counts();
        abouts.iter().any(|about| counts.contains_key(about))
    }

    fn add(&self, abouts: Vec<About>) -> Ticket {
        let mut counts = self.counts();
        for about in &abouts {
            *counts.entry(*about).or_default() += 1;
        }
        Ticket { pending: self.clone(), abouts }
    }
}

/// Goes with what is in the lane for long texts; dropped when that is done, or was dropped.
pub(crate) struct Ticket {
    pending: Pending,
    abouts: Vec<About>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.pending.counts();
        for about in &self.abouts {
            if let Some(count) = counts.get_mut(about) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(about);
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
        use About::{Process, Script};
        // What it is about, and what it must not overtake.
        let (about, behind, is_long) = match &said {
            Said::Capture(capture) => {
                let id = capture.id;
                let of_parent = capture.parent.map(|parent| Process(parent.pid));
                let is_long = capture.content.len() > LONG;
                (vec![Process(id.pid), Process(capture.reader), Script(id)], of_parent, is_long)
            }
            // Only what is judged of it must be done before. So there are not more of these notes than captures.
            Said::Finished(id, _) => (vec![Script(*id)], None, false),
            Said::Held(shell) => (vec![Process(shell.pid)], Some(Process(shell.shell)), false),
        };
        if !is_long && !self.pending.has(&about) && !behind.is_some_and(|about| self.pending.has(&[about])) {
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
        let held_below =
            |pid, shell| Said::Held(script::HeldShell { pid, shell, since_ns: 1, cgroup: 5, data: None });
        let held = |pid| held_below(pid, pid);
        let finished = |pid| Said::Finished(ScriptId { pid, exec_ns: 1, ordinal: 0 }, 5);
        let stays = |said| lanes.sort(said).is_some();
        assert!(stays(capture(1, 1, None, LONG)) && stays(held(1)), "short");
        assert!(!stays(capture(1, 2, None, LONG + 1)), "long");
        assert!(!stays(held(2)) && !stays(held_below(6, 1)), "subshells, one of which read it");
        assert!(!stays(finished(1)) && stays(finished(3)), "the end of what is judged there");
        assert!(
            !stays(capture(1, 1, None, 1)) && !stays(capture(3, 3, Some(1), 1)),
            "its shell, and what it evaluates"
        );
        assert!(stays(capture(4, 4, None, 1)) && stays(held(4)), "another shell");
        for _ in 0..7 {
            assert!(!stays(held(1)), "something of it is left");
            judged.try_recv().expect("it was sent on");
        }
        while judged.try_recv().is_some() {}
        assert!(stays(held(1)) && stays(held(2)) && stays(capture(3, 3, Some(1), 1)), "all of it is judged");
        assert!(lanes.pending.counts().is_empty());
    }
}
