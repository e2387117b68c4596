//! A script as the line of a JSON Lines file has it.

use script::ScriptFlags;
use serde::Deserialize;

/// What a line must have, and may have.
#[derive(Deserialize)]
pub(super) struct ScriptLine {
    #[serde(default)]
    pub(super) id: Option<serde_json::Value>,
    #[serde(deserialize_with = "script::byte_string::deserialize")]
    pub(super) content: Vec<u8>,
    /// As a recorded capture has it.
    #[serde(default)]
    pub(super) flags: ScriptFlags,
}
