//! Does a command that a shell substitutes stand in a text that is known already? Shells print a command anew before they run
//! it (bash since 5.2): blanks and semicolons move, and `>&2` becomes `1>&2`. So these do not count.

use memchr::memmem;

/// Places tried at most. Whoever repeats a word so often only has his command told once more.
const PLACES: usize = 256;

/// Is `command` a part of `text`?
pub(super) fn holds(text: &[u8], command: &[u8]) -> bool {
    if memmem::find_iter(text, command).take(PLACES).any(|at| !is_comment(text, at)) {
        return true;
    }
    let Some(anchor) = longest_word(command) else { return true };
    let word = &command[anchor.clone()];
    memmem::find_iter(text, word).take(PLACES).filter(|at| !is_comment(text, *at)).any(|at| {
        let after = counting(text, at + word.len()..text.len());
        let before = counting(text, 0..at).rev();
        starts_with(after, counting(command, anchor.end..command.len()))
            && starts_with(before, counting(command, 0..anchor.start).rev())
    })
}

/// Is this place behind a `#` on its line? What stands in a comment was not told: it is not judged.
fn is_comment(text: &[u8], at: usize) -> bool {
    let line = text[..at].iter().rposition(|b| *b == b'\n').map_or(0, |end| end + 1);
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

fn counting(bytes: &[u8], range: std::ops::Range<usize>) -> impl DoubleEndedIterator<Item = u8> + '_ {
    range.filter(|at| counts(bytes, *at)).map(|at| bytes[at])
}

fn counts(bytes: &[u8], at: usize) -> bool {
    let next = bytes.get(at + 1);
    match bytes[at] {
        b' ' | b'\t' | b'\n' | b'\r' | b';' | b'\\' | 0 => false,
        b'1' => next != Some(&b'>'),
        b'0' => next != Some(&b'<'),
        _ => true,
    }
}

fn starts_with(mut bytes: impl Iterator<Item = u8>, mut prefix: impl Iterator<Item = u8>) -> bool {
    prefix.all(|byte| bytes.next() == Some(byte))
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
        let decoy = b"# cat /x | sh\n: # cat /x | sh\necho $#\n";
        assert!(!holds(decoy, b"cat /x | sh"));
        assert!(holds(b"echo $# `cat /x`", b"cat /x"));
    }
}
