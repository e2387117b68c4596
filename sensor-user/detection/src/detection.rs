//! A malicious script that is to be reported.

use std::sync::Arc;

use identity::{ProcessFacts, Provenance};
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
    /// Where its file is from, of a script in a container.
    pub provenance: Option<Provenance>,
    /// How often this script ran in this container, as far as counted.
    pub runs: u64,
    /// When the last run began, Unix time in ns.
    pub last_run_unix_ns: u64,
    /// What was done about it; `None` where responses are off.
    pub response: Option<Response>,
    /// In how many of the runs something was killed.
    pub killed_runs: u64,
}

impl Detection {
    /// Of a script that ran once.
    pub fn new(capture: Arc<Capture>, verdict: Verdict, ancestors: Vec<ProcessFacts>) -> Self {
        let last_run_unix_ns = capture.time_unix_ns;
        Self {
            capture,
            verdict,
            ancestors,
            provenance: None,
            runs: 1,
            last_run_unix_ns,
            response: None,
            killed_runs: 0,
        }
    }
}

impl Detection {
    /// What was done about it.
    pub(crate) fn responded(&mut self, response: Option<Response>) {
        self.killed_runs = u64::from(response.as_ref().is_some_and(|response| response.action.is_kill()));
        self.response = response;
    }

    /// Takes over what was done about a further version of the same run. A script that was killed, or would have been, is
    /// perhaps gone when its next version is judged, so that the first stays.
    pub(crate) fn version_responded(&mut self, other: Option<Response>) {
        let is_settled = self
            .response
            .as_ref()
            .is_some_and(|response| response.action.is_kill() || response.action == Action::WouldKill);
        if other.is_some() && !is_settled {
            self.killed_runs += u64::from(other.as_ref().is_some_and(|response| response.action.is_kill()));
            self.response = other;
        }
    }

    /// Takes over what was done about another run. One that was not killed matters more than those that were.
    pub(crate) fn run_responded(&mut self, other: Option<Response>) {
        let Some(other) = other else { return };
        self.killed_runs += u64::from(other.action.is_kill());
        if self.response.as_ref().is_none_or(|response| response.action.is_kill()) {
            self.response = Some(other);
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
