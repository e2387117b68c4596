//! A script with its lines numbered and the parts marked that carried its verdict. Script text is hostile: control
//! characters are shown, never sent.

use std::io::Write;

use verdict::Span;

/// Lines shown around a marked one; a script of fewer than [`WHOLE`] lines is shown whole.
const CONTEXT: usize = 3;
const WHOLE: usize = 60;
/// A longer line is cut.
const LINE_CHARS: usize = 400;

/// A script and its spans.
pub(super) struct SourceText<'a> {
    text: &'a [u8],
    spans: &'a [Span],
}

/// A line of it.
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    /// What may be shown.
    pub(super) text: String,
    /// How much of the verdict rests on it, 0 to 1.
    pub(super) weight: f32,
    /// Lines were left out before it.
    pub(super) after_gap: bool,
}

impl<'a> SourceText<'a> {
    pub(super) fn new(text: &'a [u8], spans: &'a [Span]) -> Self {
        Self { text, spans }
    }

    /// The lines to show.
    pub(super) fn lines(&self) -> Vec<Line> {
        let all: Vec<&[u8]> = self.text.split(|b| *b == b'\n').collect();
        let weight = |number: usize| {
            let within = |s: &&Span| (s.first_line as usize..=s.last_line as usize).contains(&number);
            self.spans.iter().filter(within).map(|s| s.weight).fold(0.0, f32::max)
        };
        let near = |number: usize| {
            self.spans.iter().any(|s| {
                number + CONTEXT >= s.first_line as usize && number <= s.last_line as usize + CONTEXT
            })
        };
        let mut last = 0;
        let mut out = Vec::new();
        for (index, line) in all.iter().enumerate() {
            let number = index + 1;
            if all.len() > WHOLE && !near(number) || number == all.len() && line.is_empty() {
                continue;
            }
            out.push(Line {
                number,
                text: terminal::source_line(line, LINE_CHARS),
                weight: weight(number),
                after_gap: number != last + 1,
            });
            last = number;
        }
        out
    }

    /// Writes them for a terminal.
    pub(super) fn write_terminal(&self, colour: bool, out: &mut dyn Write) -> std::io::Result<()> {
        for line in self.lines() {
            if line.after_gap {
                writeln!(out, "         …")?;
            }
            let mark = if line.weight > 0.0 { '>' } else { ' ' };
            let (on, off) = match line.weight {
                _ if !colour || line.weight == 0.0 => ("", ""),
                w if w >= 0.3 => ("\x1b[1;31m", "\x1b[0m"),
                _ => ("\x1b[33m", "\x1b[0m"),
            };
            writeln!(out, "  {mark}{:>5}  {on}{}{off}", line.number, line.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_lines_are_shown_with_what_is_around_them() {
        let text = (1..=200).fold(String::new(), |text, n| text + &format!("line {n}\n"));
        let span = Span { start: 0, end: 0, first_line: 100, last_line: 101, weight: 0.9 };
        let lines = SourceText::new(text.as_bytes(), &[span]).lines();
        let numbers: Vec<usize> = lines.iter().map(|l| l.number).collect();
        assert_eq!(numbers, (97..=104).collect::<Vec<_>>());
        assert!(lines[0].after_gap && !lines[1].after_gap);
        assert_eq!(lines.iter().filter(|l| l.weight > 0.0).count(), 2);
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let mut out = Vec::new();
        let text = b"echo \x1b[2J\x07\r\xff \xe2\x80\xae gnp\n";
        SourceText::new(text, &[]).write_terminal(true, &mut out).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{shown:?}");
    }
}
