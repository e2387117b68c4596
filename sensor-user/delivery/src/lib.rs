//! Gets findings to the collector: each is written to disk first, and leaves it when the collector has stored it.
//!
//! Knows nothing of how findings are made.

mod endpoint;
mod metrics;
mod queue;
mod spool;
mod stream;

pub use endpoint::{Endpoints, Tls};
pub use metrics::DeliveryMetrics;
pub use queue::{Outbox, Queue, Spooler};
pub use spool::{Limits as SpoolLimits, Notices as SpoolNotices, Spool};
pub use stream::{Sender, deliver};
