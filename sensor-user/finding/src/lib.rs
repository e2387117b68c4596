//! From a capture and its verdict to a Security Command Center finding.
//!
//! Knows nothing of the kernel or of how findings are delivered.

mod attack;
mod build;
mod id;
mod impairment;
mod indicator;
mod place;
mod redaction;
mod time;

pub use build::{Evidence, build};
pub use id::finding_id;
pub use impairment::{Impairment, Reason, build_impairment};
pub use redaction::Redaction;
