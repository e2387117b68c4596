//! From a script's bytes to a verdict: normal form, features, model, explanation, cache.
//!
//! Knows nothing of processes, containers or findings. The same code runs in the daemon, in replay and when
//! features are computed for training.

mod batch;
mod blocks;
mod cache;
mod codes;
mod concepts;
mod context;
mod decode;
mod effects;
mod explain;
mod feature;
pub mod features;
mod fingerprint;
mod growth;
mod hash;
mod judge;
mod magic;
mod model;
mod normal;
mod operating_point;
mod opinion;
mod places;
mod separator;
mod signature;
mod span;
pub mod technique;
pub mod url;
mod variables;
mod verdict;
mod weights;
mod words;

pub use self::verdict::{Reason, Verdict};
pub use cache::VerdictCache;
pub use feature::{BUCKETS, Feature};
pub use fingerprint::{METADATA_KEY as FEATURES_KEY, fingerprint};
pub use hash::ScriptHash;
pub use judge::{Judge, Policy};
pub use model::{Model, ModelError, Scores};
pub use operating_point::OperatingPoint;
pub use span::Span;
