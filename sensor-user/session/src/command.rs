//! A script that is a part of a session.

use script::{Capture, Origin, ScriptFlags, ScriptId};
use verdict::{ScriptHash, Verdict};

/// Bytes of a script that are taken into a session's text, from its beginning and its end: of one that scores low by itself fewer, so
/// that it does not keep apart what is before and after it.
const BYTES: usize = 1024;
const BYTES_LOW: usize = 256;

/// A script that is a part of a session.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) script: ScriptId,
    pub(crate) origin: Origin,
    /// What is taken of it, with the end of its last line.
    pub(crate) text: Vec<u8>,
    /// That of all of it, and its length.
    pub(crate) hash: ScriptHash,
    pub(crate) whole: usize,
    pub(crate) flags: ScriptFlags,
    /// When it began, Unix time in ns.
    pub(crate) time_unix_ns: u64,
    /// When it came, or grew.
    pub(crate) last_unix_ns: u64,
    /// What it scores by itself.
    pub(crate) score: f32,
}

impl Command {
    /// Bytes that one takes at most.
    pub(crate) const MOST: usize = BYTES + 2;

    /// That of a script that was judged, from so many bytes on.
    pub(crate) fn of(
        capture: &Capture,
        from: usize,
        verdict: &Verdict,
        floor: f32,
        now_unix_ns: u64,
    ) -> Self {
        let most = if verdict.score < floor { BYTES_LOW } else { BYTES };
        Self {
            script: capture.id,
            origin: capture.origin,
            text: excerpt(&capture.content[from.min(capture.content.len())..], most),
            hash: verdict.hash,
            whole: capture.content.len(),
            flags: capture.flags,
            time_unix_ns: capture.time_unix_ns,
            last_unix_ns: now_unix_ns,
            score: verdict.score,
        }
    }
}

/// The beginning and the end of a text, with the end of its last line.
fn excerpt(content: &[u8], most: usize) -> Vec<u8> {
    let mut text = if content.len() <= most {
        content.to_vec()
    } else {
        [&content[..most / 2], b"\n", &content[content.len() - most / 2..]].concat()
    };
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_the_beginning_and_the_end_are_taken() {
        assert_eq!(excerpt(b"ls", 8), b"ls\n");
        assert_eq!(excerpt(b"ls -la\n", 8), b"ls -la\n");
        assert_eq!(excerpt(b"0123456789", 8), b"0123\n6789\n");
    }
}
