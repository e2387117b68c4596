//! A script that is a part of a session.

use script::{Origin, ScriptId, ScriptText};
use verdict::ScriptHash;

/// A script that is a part of a session.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) script: ScriptId,
    pub(crate) origin: Origin,
    pub(crate) text: ScriptText,
    pub(crate) hash: ScriptHash,
    /// When it began, Unix time in ns.
    pub(crate) time_unix_ns: u64,
    /// What it scores by itself.
    pub(crate) score: f32,
}

impl Command {
    /// Bytes that it takes in the session's text.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + usize::from(!self.text.ends_with(b"\n"))
    }

    /// Appends it, with the end of its last line.
    pub(crate) fn write_to(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(&self.text);
        if !self.text.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
}
