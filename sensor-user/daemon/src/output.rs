//! What the capture thread hands to the scoring thread, with its weight.

use stage::Weigh;

/// An output of the assembler in a queue.
pub(crate) struct Output(pub(crate) script::Output);

impl Weigh for Output {
    fn weight_bytes(&self) -> usize {
        match &self.0 {
            script::Output::Capture(capture) => capture.weight_bytes(),
            script::Output::Finished(..) | script::Output::Held(_) => size_of::<Self>(),
        }
    }

    fn owner(&self) -> u64 {
        match &self.0 {
            script::Output::Capture(capture) => capture.cgroup,
            script::Output::Finished(_, cgroup) => *cgroup,
            script::Output::Held(shell) => shell.cgroup,
        }
    }
}
