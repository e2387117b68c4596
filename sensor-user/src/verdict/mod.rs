//! From a script's bytes to a verdict: normal form, features, model, explanation, cache.
//!
//! Knows nothing of processes, containers or findings. The same code runs in the daemon, in replay and when
//! features are computed for training.

mod acts;
mod batch;
mod cache;
mod codes;
mod concepts;
mod context;
mod decode;
mod explain;
pub mod features;
mod hash;
mod judge;
mod magic;
mod model;
mod normal;
pub mod technique;
mod url;
mod variables;
mod words;

pub use cache::VerdictCache;
pub use explain::Span;
pub use hash::ScriptHash;
pub use judge::{Judge, Policy, Verdict};
pub use model::{Model, ModelError, OperatingPoint, Scores};
