//! Does a command that a shell substitutes stand in a text that is known already? Shells print a command anew before they run
//! it (bash since 5.2): how many blanks there are, and whether a newline or a semicolon ends a command, changes, and `>&2`
//! becomes `1>&2`. So these do not count; where words end does, and where commands do.

use memchr::memmem;

/// Places tried at most. Whoever repeats a word so often only has his command told once more.
const PLACES: usize = 32;
/// Nor is one looked for that is longer, or in a line of which more stands before it: the search costs the capture thread.
const COMMAND_BYTES: usize = 64 * 1024;
const LINE_BYTES: usize = 4096;
/// Bytes compared at most in all texts that are searched for one command.
pub(super) const STEPS: usize = 128 * 1024;

/// Is `command` a part of `text`?
#[cfg(test)]
fn holds(text: &[u8], command: &[u8]) -> bool {
    holds_within(text, command, false, &mut { STEPS })
}

/// Is `command` a part of `text`, with so many bytes to compare? What is left of them when it ends.
/// `exactly`: byte for byte.
pub(super) fn holds_within(text: &[u8], command: &[u8], exactly: bool, steps: &mut usize) -> bool {
    if command.len() > COMMAND_BYTES {
        return false;
    }
    if memmem::find_iter(text, command).take(PLACES).any(|at| !is_comment(text, at)) {
        return true;
    }
    if exactly {
        return false;
    }
    // Of nothing but blanks.
    let Some(anchor) = longest_word(command) else { return true };
    let word = &command[anchor.clone()];
    memmem::find_iter(text, word).take(PLACES).filter(|at| !is_comment(text, *at)).any(|at| {
        let after = pieces(text, at + word.len()..text.len());
        let before = pieces_backwards(text, 0..at);
        starts_with(after, pieces(command, anchor.end..command.len()), steps)
            && starts_with(before, pieces_backwards(command, 0..anchor.start), steps)
    })
}

/// Is this place behind a `#` on its line? What stands in a comment was not told: it is not judged. Where the line began too
/// long before to be looked at, it may be one.
fn is_comment(text: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(LINE_BYTES);
    let line = match memchr::memrchr(b'\n', &text[from..at]) {
        Some(end) => from + end + 1,
        None if from > 0 => return true,
        None => 0,
    };
    let begins = |n: usize| n == line || matches!(text[n - 1], b' ' | b'\t' | b';' | b'(' | b'&' | b'|');
    (line..at).any(|n| text[n] == b'#' && begins(n))
}

/// The longest run of bytes that count; `None` when there is none.
fn longest_word(command: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut longest = 0..0;
    let mut start = 0;
    for at in 0..=command.len() {
        if at == command.len() || !counts(command, at) {
            if at - start > longest.len() {
                longest = start..at;
            }
            start = at + 1;
        }
    }
    (!longest.is_empty()).then_some(longest)
}

/// What is between two bytes that count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    Nothing,
    /// Words end here.
    Blank,
    /// A command ends here.
    Separator,
}

/// The bytes that count, each with what is between it and the one before it.
fn pieces(bytes: &[u8], range: std::ops::Range<usize>) -> impl Iterator<Item = (u8, Gap)> + '_ {
    let mut last = range.start.checked_sub(1);
    range.filter(|at| counts(bytes, *at)).map(move |at| {
        let gap = last.map_or(Gap::Nothing, |last| gap(bytes, last, at));
        last = Some(at);
        (bytes[at], gap)
    })
}

/// As above from the end, each with what is between it and the one behind it.
fn pieces_backwards(bytes: &[u8], range: std::ops::Range<usize>) -> impl Iterator<Item = (u8, Gap)> + '_ {
    let mut last = Some(range.end).filter(|end| *end < bytes.len());
    range.rev().filter(|at| counts(bytes, *at)).map(move |at| {
        let gap = last.map_or(Gap::Nothing, |last| gap(bytes, at, last));
        last = Some(at);
        (bytes[at], gap)
    })
}

/// What separates these two? Beside an operator nothing does, and behind some words a newline is as good as a blank.
fn gap(bytes: &[u8], first: usize, second: usize) -> Gap {
    const GOES_ON: [&[u8]; 8] = [b"then", b"do", b"else", b"elif", b"in", b"if", b"while", b"until"];
    let is_operator = |b: u8| matches!(b, b'|' | b'&' | b'<' | b'>' | b'(' | b')' | b'{' | b'}' | b'`');
    if second - first <= 1 || is_operator(bytes[first]) || is_operator(bytes[second]) {
        return Gap::Nothing;
    }
    let between = &bytes[first + 1..second];
    if between.iter().any(|b| matches!(b, b'\n' | b';')) {
        let before = &bytes[first.saturating_sub(8)..=first];
        let word = before.rsplit(|b| !b.is_ascii_lowercase()).next().unwrap_or_default();
        return if GOES_ON.contains(&word) { Gap::Blank } else { Gap::Separator };
    }
    if between.iter().any(|b| matches!(b, b' ' | b'\t' | b'\r')) { Gap::Blank } else { Gap::Nothing }
}

fn counts(bytes: &[u8], at: usize) -> bool {
    let next = bytes.get(at + 1);
    let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
    match bytes[at] {
        b' ' | b'\t' | b'\n' | b'\r' | b';' | 0 => false,
        b'\\' => next != Some(&b'\n'),
        b'1' => !(begins && next == Some(&b'>')),
        b'0' => !(begins && next == Some(&b'<')),
        _ => true,
    }
}

fn starts_with(
    mut bytes: impl Iterator<Item = (u8, Gap)>,
    mut prefix: impl Iterator<Item = (u8, Gap)>,
    steps: &mut usize,
) -> bool {
    prefix.all(|piece| {
        *steps = steps.saturating_sub(1);
        *steps > 0 && bytes.next() == Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_however_it_is_printed() {
        let text = b"a=1\nx=$(if test -f /x; then\n  cat /x >&2\nfi)\necho $x\n";
        assert!(holds(text, b"if test -f /x; then cat /x 1>&2; fi"));
        assert!(holds(text, b"if test -f /x; then\n    cat /x 1>&2;\nfi"));
        assert!(!holds(text, b"if test -f /y; then cat /x 1>&2; fi"));
        assert!(!holds(text, b"cat /x | sh"));
        assert!(holds(text, b" ; "));
        assert!(holds(b"x=`a|b`", b"a | b"));
    }

    #[test]
    fn a_decoy_does_not_hold_it() {
        let decoy = b"# cat /x | sh\n: # cat /x | sh\necho $#\n";
        assert!(!holds(decoy, b"cat /x | sh"));
        assert!(holds(b"echo $# `cat /x`", b"cat /x"));
        assert!(!holds(b": 'e c h o TOKEN >>/tmp/x'", b"echo TOKEN >>/tmp/x"));
        assert!(!holds(b": 'e;c;h;o TOKEN >>/tmp/x'", b"echo TOKEN >>/tmp/x"));
        assert!(!holds(b": 'echo TO\\KEN >>/tmp/x'", b"echo TOKEN >>/tmp/x"));
        assert!(!holds(b": 'echoTOKEN >>/tmp/x'", b"echo TOKEN >>/tmp/x"));
        // Where commands end counts: this is one word more for the first.
        assert!(!holds(b": 'true /x/evil'", b"true;/x/evil"));
        assert!(!holds(b": 'true /x/evil'", b"true\n/x/evil"));
        assert!(holds(b"x=$(true; /x/evil)", b"true\n/x/evil"));
        assert!(!holds_within(b"x=$(a|b)", b"a | b", true, &mut { STEPS }));
        let far = [b"# ", &b"x".repeat(5000)[..], b" echo TOKEN >>/tmp/x\n"].concat();
        assert!(!holds(&far, b"echo TOKEN >>/tmp/x"));
    }

    #[test]
    fn a_text_made_to_be_searched_for_long_is_not() {
        // One line of the same word again and again, and a command that is nearly everywhere.
        let text = b"word ".repeat(200_000);
        let command = [&b"word ".repeat(10_000)[..], b"x"].concat();
        let mut steps = STEPS;
        assert!(!holds_within(&text, &command, false, &mut steps));
        assert_eq!(steps, 0, "it gave up");
    }
}
