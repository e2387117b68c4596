//! A line of a record.

use identity::Container;
use script::Capture;
use serde::{Deserialize, Serialize};

/// A capture, and where it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// What ran.
    #[serde(flatten)]
    pub capture: Capture,
    /// The container, where it was known in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}
