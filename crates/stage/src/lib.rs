//! What the stages of a pipeline have in common, in the sensor and in the collector: a queue between them that is bounded in
//! bytes ([`queue`]), and a supervisor that notices when one of them panics, ends or hangs ([`Supervisor`]).

mod descriptors;
mod heartbeat;
mod level;
mod queue;
mod supervisor;

pub use descriptors::{TooFew, raise_descriptor_limit};
pub use heartbeat::Heartbeat;
pub use level::level;
pub use queue::{Closed, OnDrop, QueueMetrics, Received, Receiver, Sender, Weigh, queue};
pub use supervisor::{EXIT_STAGE_FAILED, Failure, Supervisor};
