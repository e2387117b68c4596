//! A malicious script that is to be reported.

use std::sync::Arc;

use identity::ProcessFacts;
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
