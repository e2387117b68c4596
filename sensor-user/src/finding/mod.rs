//! From a capture and its verdict to a Security Command Center finding.
//!
//! Knows nothing of the kernel or of how findings are delivered.

mod build;
mod id;
mod indicator;
mod place;

pub use build::{Evidence, build};
pub use id::finding_id;
