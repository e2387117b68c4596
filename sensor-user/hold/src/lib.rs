//! Shells that are stopped until their text is judged. Nobody is left stopped: a verdict continues them, or the deadline, or a
//! second process when the sensor hangs or ends, or the next sensor when both were ended at once.

mod continuing;
pub mod guard;
mod holder;
mod metrics;
mod pin;

pub use holder::{HoldSettings, Holder, Keeper, State};
pub use metrics::HoldMetrics;
