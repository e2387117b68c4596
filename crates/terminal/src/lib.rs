//! Hostile text as a terminal may show it: names, paths and script text come from attackers, and a terminal obeys what it
//! is sent. The one escaper of the product; logs use it, too.

use std::fmt::Write;

/// Text for one field of a table or a log line: no line breaks, no tabs, at most `max` characters; `…` says that there are
/// more.
pub fn field(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for (count, c) in text.chars().enumerate() {
        if count == max {
            out.push('…');
            break;
        }
        push(&mut out, c);
    }
    out
}

/// The same of bytes; U+FFFD stands for what is not UTF-8.
pub fn field_of_bytes(bytes: &[u8], max: usize) -> String {
    field(&String::from_utf8_lossy(bytes), max)
}

/// A line of a script: tabs are four blanks, and a line of more than `max` characters says how many more there are.
pub fn source_line(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len().min(max));
    for (count, c) in text.chars().enumerate() {
        if count == max {
            // Writing into a string does not fail.
            let _ = write!(out, "… ({} more)", text.chars().count() - max);
            break;
        }
        match c {
            '\t' => out.push_str("    "),
            c => push(&mut out, c),
        }
    }
    out
}

/// A character that changes nothing but what is printed, or its escape.
fn push(out: &mut String, c: char) {
    match c {
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        // Or an escape could be forged.
        '\\' => out.push_str("\\\\"),
        c if c.is_control() || is_invisible(c) => {
            let _ = write!(out, "{}", c.escape_unicode());
        }
        c => out.push(c),
    }
}

/// Characters without a glyph: they hide text, turn its direction around, or join what stands apart.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_one_line_of_printing_characters() {
        assert_eq!(field("a\u{1b}[2Jb\nc\td", 60), "a\\u{1b}[2Jb\\nc\\td");
        assert_eq!(field("\u{202e}gpj\u{200b}", 60), "\\u{202e}gpj\\u{200b}");
        assert_eq!(field("it's \"é\" \\u{1b}", 60), "it's \"é\" \\\\u{1b}");
        assert_eq!(field("abcdef", 3), "abc…");
        assert_eq!(field_of_bytes(b"/tmp/\xff\x9b", 60), "/tmp/\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_line_of_a_script_keeps_its_tabs_as_blanks() {
        assert_eq!(source_line(b"\techo \x1b[2J\r", 60), "    echo \\u{1b}[2J\\r");
        assert_eq!(source_line(b"abcdef", 4), "abcd… (2 more)");
    }

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        for c in (0..=char::MAX as u32).filter_map(char::from_u32) {
            let shown = field(&c.to_string(), 60);
            assert!(shown.chars().all(|c| !c.is_control()), "{:?}", c.escape_unicode().to_string());
        }
    }
}
