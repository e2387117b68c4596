//! From captures to findings. The [`Detector`] judges captures; the [`Reporter`] waits a bounded time for who ran a malicious
//! script, leaves out what the operator suppresses, and makes the finding.
//!
//! Knows nothing of BPF, and nothing of how findings are delivered.

mod detection;
mod detector;
mod impairments;
mod judged;
mod judging;
mod merger;
mod metrics;
mod reporter;

pub use detection::Detection;
pub use detector::{Detector, Sensitivity};
pub use finding::Reason;
pub use impairments::Impairments;
pub use judging::{JudgeAside, JudgeLine};
pub use metrics::DetectionMetrics;
pub use reporter::{Reporter, WAITING_BYTES};
