//! What the capture thread hands to the scoring threads, with its weight.

use script::Output as Said;
use stage::{Closed, Sender, Weigh};

use crate::lanes::Ticket;

/// An output of the assembler in a queue.
pub(crate) struct Output {
    pub(crate) said: Said,
    /// In the lane for long texts; to be kept until it is judged.
    pub(crate) ticket: Option<Ticket>,
}

impl From<Said> for Output {
    fn from(said: Said) -> Self {
        Self { said, ticket: None }
    }
}

impl Output {
    /// A note that a script is finished is never dropped: what waits for it would wait for ever. A shell that is held waits, too.
    pub(crate) fn put(self, queue: &Sender<Self>) -> Result<(), Closed> {
        match &self.said {
            Said::Capture(_) => queue.try_send(self).map(|_| ()),
            Said::Finished(..) | Said::Held(_) => queue.send_note(self),
        }
    }
}

impl Weigh for Output {
    fn weight_bytes(&self) -> usize {
        match &self.said {
            Said::Capture(capture) => capture.weight_bytes(),
            Said::Finished(..) | Said::Held(_) => size_of::<Self>(),
        }
    }

    fn owner(&self) -> u64 {
        match &self.said {
            Said::Capture(capture) => capture.cgroup,
            Said::Finished(_, cgroup) => *cgroup,
            Said::Held(shell) => shell.cgroup,
        }
    }
}
