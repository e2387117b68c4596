//! Getting findings to the collector.
//!
//! Knows nothing of how findings are made.

mod queue;
mod stream;

pub use queue::{Outbox, Queue, QueueCounts};
pub use stream::{Endpoint, deliver};
