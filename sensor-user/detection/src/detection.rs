//! A malicious script that is to be reported.

use std::sync::Arc;

use identity::ProcessFacts;
use response::{Action, Response};
use script::Capture;
use stage::Weigh;
use verdict::Verdict;

/// What ran, and what was found about it.
#[derive(Clone, Debug)]
pub struct Detection {
    /// What ran.
    pub capture: Arc<Capture>,
    /// What was found about it.
    pub verdict: Verdict,
    /// Its process's parents, as they were then.
    pub ancestors: Vec<ProcessFacts>,
    /// How often this script ran in this container, as far as counted.
    pub runs: u64,
    /// When the last run began, Unix time in ns.
    pub last_run_unix_ns: u64,
    /// What was done about it; `None` where responses are off.
    pub response: Option<Response>,
}

impl Detection {
    /// Of a script that ran once.
    pub fn new(capture: Arc<Capture>, verdict: Verdict, ancestors: Vec<ProcessFacts>) -> Self {
        let last_run_unix_ns = capture.time_unix_ns;
        Self { capture, verdict, ancestors, runs: 1, last_run_unix_ns, response: None }
    }
}

impl Detection {
    /// Takes over what was done about a further version or run, unless it is less: a script that was killed is gone when its
    /// next version is judged.
    pub(crate) fn respond_as(&mut self, other: Option<Response>) {
        let was_killed = matches!(self.response, Some(Response { action: Action::Killed(_), .. }));
        let is_kill = matches!(other, Some(Response { action: Action::Killed(_), .. }));
        if other.is_some() && (is_kill || !was_killed) {
            self.response = other;
        }
    }
}

impl Weigh for Detection {
    fn weight_bytes(&self) -> usize {
        let ancestors: usize = self.ancestors.iter().map(ProcessFacts::weight_bytes).sum();
        size_of::<Self>() + self.capture.weight_bytes() + ancestors
    }

    fn owner(&self) -> u64 {
        self.capture.cgroup
    }
}
