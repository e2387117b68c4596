//! What is done about a malicious script: nothing, a note of what would be done, or an end of its processes.
//!
//! Knows nothing of BPF and of how findings are made. It is asked at the verdict, before the finding is.

mod kill;
mod responder;
mod rules;

pub use kill::{Descendants, Process};
pub use responder::{Action, Held, Known, Mode, Progress, Responder, Response, may_kill};
pub use rules::Rules;
