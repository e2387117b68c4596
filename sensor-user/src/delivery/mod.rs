//! Getting findings to the collector.
//!
//! Knows nothing of how findings are made.

mod queue;
mod stream;

pub use queue::{Outbox, QueueCounts, Queue};
pub use stream::{deliver, Endpoint};
