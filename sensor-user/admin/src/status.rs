//! What `/status` says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The sensor in short.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the sensor.
    pub version: String,
    /// Name of the node.
    pub node: String,
    /// Capture tier.
    pub tier: String,
    /// False from the failure of a stage on.
    pub healthy: bool,
    /// Which stage failed, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Every counter and level, by name.
    pub readings: BTreeMap<String, u64>,
}
