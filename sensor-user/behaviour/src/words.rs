//! Words, read into their pieces.

use std::ops::Range;

use crate::{
    reader::Reader,
    syntax::{Piece, Word},
};

impl Reader<'_> {
    /// Reads a word. The second value tells if something of it was quoted.
    pub(crate) fn pieces(&mut self) -> (Word, bool) {
        let mut word = Word::new();
        let mut any_quoted = false;
        // What is beyond ends the reading, and must not be read before that.
        let left = self.units_left();
        while let Some(byte) = self.byte(0).filter(|_| word.len() < left) {
            match byte {
                b'<' | b'>' if self.byte(1) == Some(b'(') => {
                    self.i += 2;
                    let place = self.command(b')');
                    word.push(Piece::Process(place));
                }
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b')' | b'<' | b'>' => break,
                b'(' => {
                    // `name=(…)`, and patterns of bash.
                    if !self.array
                        && matches!(word.last(), Some(Piece::Text { bytes, .. }) if matches!(bytes.last(), Some(b'=' | b'@' | b'?' | b'+' | b'*' | b'!')))
                    {
                        self.i += 1;
                        self.array = true;
                        text(&mut word, b" ", true);
                        while !matches!(self.byte(0), None | Some(b')')) && word.len() < left {
                            let before = self.i;
                            let (part, _) = self.array_value();
                            word.extend(part);
                            self.i = self.i.max(before + 1);
                            text(&mut word, b" ", true);
                        }
                        self.array = false;
                        self.i += 1;
                        continue;
                    }
                    break;
                }
                b'\'' => {
                    any_quoted = true;
                    self.single(&mut word);
                }
                b'"' => {
                    any_quoted = true;
                    if self.unclosed {
                        self.i += 1;
                    } else {
                        self.i += 1;
                        text(&mut word, b"", true);
                        self.double_quoted(&mut word, false);
                    }
                }
                b'\\' => {
                    if let Some(escaped) = self.byte(1).filter(|b| *b != b'\n') {
                        any_quoted = true;
                        text(&mut word, &[escaped], true);
                    }
                    self.i += 2;
                }
                b'$' => self.dollar(&mut word, false),
                b'`' => {
                    self.i += 1;
                    let place = self.command(b'`');
                    word.push(Piece::Command { place, quoted: false });
                }
                _ => {
                    let rest = &self.text[self.i..];
                    let plain = rest.iter().take_while(|b| is_plain(**b)).count().max(1);
                    text(&mut word, &rest[..plain], false);
                    self.i += plain;
                }
            }
        }
        self.i = self.i.min(self.text.len());
        (word, any_quoted)
    }

    /// A value within an array's brackets, or nothing for what separates them.
    fn array_value(&mut self) -> (Word, bool) {
        match self.byte(0) {
            Some(b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(') => {
                self.i += 1;
                (Word::new(), false)
            }
            _ => self.pieces(),
        }
    }

    fn single(&mut self, word: &mut Word) {
        let rest = &self.text[self.i + 1..];
        match memchr::memchr(b'\'', rest) {
            Some(end) => {
                text(word, &rest[..end], true);
                self.i += end + 2;
            }
            None => self.i += 1,
        }
    }

    /// Reads on behind a double quote, or a here-document to its end.
    pub(crate) fn double_quoted(&mut self, word: &mut Word, document: bool) {
        let start = self.i;
        let pieces = word.len();
        while let Some(byte) = self.byte(0) {
            match byte {
                b'"' if !document => {
                    self.i += 1;
                    return;
                }
                b'\\' => {
                    match self.byte(1) {
                        Some(b'\n') | None => {}
                        Some(escaped @ (b'$' | b'`' | b'"' | b'\\')) => text(word, &[escaped], true),
                        Some(other) => text(word, &[b'\\', other], true),
                    }
                    self.i += 2;
                }
                b'$' => self.dollar(word, true),
                b'`' => {
                    self.i += 1;
                    let place = self.command(b'`');
                    word.push(Piece::Command { place, quoted: true });
                }
                _ => {
                    let rest = &self.text[self.i..];
                    let ends = |b: &u8| matches!(b, b'"' | b'$' | b'`' | b'\\');
                    let end = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
                    text(word, &rest[..end], true);
                    self.i += end;
                }
            }
        }
        if !document {
            // Nothing closes it: it was no quote.
            self.unclosed = true;
            word.truncate(pieces);
            self.i = start;
        }
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) {
        match self.byte(1) {
            Some(b'(') if self.byte(2) == Some(b'(') => {
                self.i += 3;
                let place = self.command(b')');
                self.i = place.end;
                while self.byte(0) == Some(b')') && self.i < place.end + 2 {
                    self.i += 1;
                }
                word.push(Piece::Unknown);
            }
            Some(b'(') => {
                self.i += 2;
                let place = self.command(b')');
                word.push(Piece::Command { place, quoted });
            }
            Some(b'{') => {
                self.i += 2;
                let place = self.command(b'}');
                let inner = &self.text[place];
                let sign = usize::from(matches!(inner.first(), Some(b'#' | b'!')) && inner.len() > 1);
                let rest = &inner[sign..];
                let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
                let length = rest.iter().take_while(|b| is_name(b)).count();
                let length = if length == 0 { rest.len().min(1) } else { length };
                if sign == 1 {
                    word.push(Piece::Unknown);
                } else {
                    let (name, operator) = (rest[..length].to_vec(), rest[length..].to_vec());
                    word.push(Piece::Variable { name, operator, quoted });
                }
            }
            Some(b'\'') if !quoted => {
                self.i += 2;
                self.ansi(word);
            }
            Some(b'"') if !quoted => self.i += 1,
            Some(b) if b.is_ascii_alphabetic() || b == b'_' => {
                let rest = &self.text[self.i + 1..];
                let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                word.push(Piece::Variable { name: rest[..length].to_vec(), operator: Vec::new(), quoted });
                self.i += 1 + length;
            }
            Some(b @ (b'0'..=b'9' | b'@' | b'*')) => {
                word.push(Piece::Variable { name: vec![b], operator: Vec::new(), quoted });
                self.i += 2;
            }
            Some(b'?' | b'$' | b'!' | b'#' | b'-') => {
                word.push(Piece::Unknown);
                self.i += 2;
            }
            _ => {
                text(word, b"$", quoted);
                self.i += 1;
            }
        }
    }

    /// `$'…'`: escapes stand for bytes.
    fn ansi(&mut self, word: &mut Word) {
        let mut bytes = Vec::new();
        while let Some(byte) = self.byte(0) {
            self.i += 1;
            match byte {
                b'\'' => break,
                b'\\' => {
                    let (byte, used) = escape(&self.text[self.i..]);
                    bytes.extend(byte);
                    self.i += used;
                }
                _ => bytes.push(byte),
            }
        }
        text(word, &bytes, true);
    }

    /// The place of what stands up to the closing byte, which is passed over. Without one it is all that is left.
    fn command(&mut self, closing: u8) -> Range<usize> {
        let start = self.i;
        let mut nested = Vec::new();
        let mut i = start;
        let mut blank = true;
        while let Some(byte) = self.text.get(i).copied() {
            let innermost = nested.last().copied().unwrap_or(closing);
            let was_blank = std::mem::replace(&mut blank, matches!(byte, b' ' | b'\t' | b'\n' | b';'));
            i += 1;
            // What closes opens nothing.
            if byte == innermost {
                if nested.pop().is_none() {
                    self.i = i;
                    return start..i - 1;
                }
                continue;
            }
            match byte {
                b'\\' if innermost != b'\'' => i += 1,
                _ if innermost == b'\'' => {}
                b'(' if innermost == b')' => nested.push(b')'),
                b'\'' if innermost != b'"' && innermost != b'}' => nested.push(b'\''),
                b'"' => nested.push(b'"'),
                b'$' => match self.text.get(i) {
                    Some(b'(') => {
                        nested.push(b')');
                        i += 1;
                    }
                    Some(b'{') => {
                        nested.push(b'}');
                        i += 1;
                    }
                    _ => {}
                },
                b'`' => nested.push(b'`'),
                b'#' if was_blank && matches!(innermost, b')' | b'`') && innermost != b'`' => {
                    i += memchr::memchr(b'\n', &self.text[i..]).unwrap_or(self.text.len() - i);
                }
                _ => {}
            }
        }
        self.i = self.text.len();
        start..self.text.len()
    }
}

fn is_plain(byte: u8) -> bool {
    !matches!(
        byte,
        b' ' | b'\t'
            | b'\n'
            | b'\r'
            | b';'
            | b'&'
            | b'|'
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'\''
            | b'"'
            | b'\\'
            | b'$'
            | b'`'
    )
}

/// Adds bytes to a word.
fn text(word: &mut Word, more: &[u8], more_quoted: bool) {
    if let Some(Piece::Text { bytes, quoted }) = word.last_mut()
        && *quoted == more_quoted
    {
        bytes.extend_from_slice(more);
    } else {
        word.push(Piece::Text { bytes: more.to_vec(), quoted: more_quoted });
    }
}

/// The byte behind a backslash as `printf` and `$'…'` read it, and how many bytes that took.
pub(crate) fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    let number = |from: usize, max: usize, radix: u32| {
        let digits = rest[from..].iter().take(max).map_while(|b| (*b as char).to_digit(radix));
        let (value, used) = digits.fold((0, 0), |(value, used), digit| (value * radix + digit, used + 1));
        (value as u8, used)
    };
    match rest.first() {
        None => (Some(b'\\'), 0),
        Some(b'n') => (Some(b'\n'), 1),
        Some(b't') => (Some(b'\t'), 1),
        Some(b'r') => (Some(b'\r'), 1),
        Some(b'a' | b'b' | b'f' | b'v') => (None, 1),
        Some(b'e') => (Some(0x1b), 1),
        Some(b'x') => {
            let (value, used) = number(1, 2, 16);
            (Some(value), 1 + used)
        }
        Some(b'u') => {
            let (value, used) = number(1, 4, 16);
            (Some(value), 1 + used)
        }
        Some(b'0'..=b'7') => {
            let (value, used) = number(0, if rest[0] == b'0' { 4 } else { 3 }, 8);
            (Some(value), used)
        }
        Some(other) => (Some(*other), 1),
    }
}
