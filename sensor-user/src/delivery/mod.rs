//! Getting findings to the collector: what is made is written to disk first, and leaves it when the collector has it.
//!
//! Knows nothing of how findings are made.

mod counts;
mod endpoint;
mod outbox;
mod spool;
mod stream;

pub use counts::DeliveryCounts;
pub use endpoint::{Endpoints, Tls};
pub use outbox::{Outbox, Queue};
pub use spool::{Limits as SpoolLimits, Spool};
pub use stream::{Sender, deliver};
