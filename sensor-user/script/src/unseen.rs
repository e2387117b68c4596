//! Does a script run text that does not stand in it, and that its shell does not show?

/// Words that evaluate strings, whatever the shell calls the builtin.
const EVALUATING: [&[u8]; 14] = [
    b"eval",
    b"trap",
    b".",
    b"source",
    b"mapfile",
    b"readarray",
    b"complete",
    b"bind",
    b"let",
    b"PS4",
    b"PS1",
    b"PS0",
    b"PROMPT_COMMAND",
    b"precmd",
];
/// Words that run text which never is a string that is evaluated: no shell shows it.
const BESIDE: [&[u8]; 5] = [b"alias", b"aliases", b"history", b"histexpand", b"fc"];

/// By its text alone, so it may say so of a script that does not. `tells`: the shell shows what it evaluates.
pub(super) fn evaluates(text: &[u8], tells: bool) -> bool {
    if !text.iter().any(|b| matches!(b, b'$' | b'`')) {
        return !tells && sources_what_is_no_file(text);
    }
    // Quotes and backslashes within words hide them from nobody but readers.
    let plain: Vec<u8> = text.iter().filter(|b| !matches!(b, b'\'' | b'"' | b'\\')).copied().collect();
    let mut words = plain.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')));
    words.any(|word| BESIDE.contains(&word) || !tells && EVALUATING.contains(&word))
        || !tells && (expands_to_a_command(&plain) || evaluates_arithmetic(&plain))
}

/// Does it source anything? Of a pipe or a terminal that a shell without probes sources, not all is handed over.
pub(super) fn sources(text: &[u8]) -> bool {
    let is_command = |at: usize| {
        let before = text[..at].iter().rposition(|b| !matches!(b, b' ' | b'\t'));
        before.is_none_or(|before| matches!(text[before], b'\n' | b';' | b'&' | b'|' | b'(' | b'{'))
    };
    [&b". "[..], b"source "].iter().any(|word| memchr::memmem::find_iter(text, word).any(is_command))
}

/// Does it source a pipe or a descriptor, of which not all that is read is handed over?
fn sources_what_is_no_file(text: &[u8]) -> bool {
    ["/dev/stdin", "/dev/fd/", "/proc/", "/dev/tty", "<("]
        .iter()
        .any(|place| memchr::memmem::find(text, place.as_bytes()).is_some())
        && sources(text)
}

/// Is the name of a command the result of an expansion?
fn expands_to_a_command(plain: &[u8]) -> bool {
    const BEFORE: [&[u8]; 5] = [b"then", b"do", b"else", b"command", b"builtin"];
    plain.iter().enumerate().filter(|(_, b)| matches!(b, b'$' | b'`')).any(|(at, _)| {
        let before = &plain[..at];
        let blanks = before.iter().rev().take_while(|b| matches!(b, b' ' | b'\t')).count();
        let before = &before[..at - blanks];
        matches!(before.last(), None | Some(b'\n' | b';' | b'&' | b'|' | b'(' | b'{' | b'!' | b'`'))
            || blanks > 0 && BEFORE.iter().any(|word| before.ends_with(word))
    })
}

/// Is there arithmetic, or a prompt's expansion, on the value of a variable?
fn evaluates_arithmetic(plain: &[u8]) -> bool {
    memchr::memmem::find(plain, b"((").is_some() || memchr::memmem::find(plain, b"@P}").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_does_not_show_is_said() {
        let unseen = |text: &str, tells| evaluates(text.as_bytes(), tells);
        for text in [
            "eval \"$V\"",
            "ev\\al \"$V\"",
            "command e\"va\"l \"$V\"",
            "E=eval; $E \"$V\"",
            "a=ev; \"${a}al\" \"$V\"",
            "y=$V; set -- \"$y\"\neval \\\n\"$1\"",
            "t() { tra\"p\" \"$@\"; }; t \"$V\" EXIT",
            ": $((x))",
            "PS4=\"\\$($V)\"; set -x",
            "alias zz=\"$V\"\nzz",
        ] {
            assert!(unseen(text, false), "{text}");
        }
        assert!(unseen("alias zz=\"$V\"\nzz", true) && !unseen("eval \"$V\"", true));
        assert!(
            unseen(". /dev/stdin", false)
                && unseen("true;source <(cat f)", false)
                && !unseen(". /dev/stdin", true)
        );
        assert!(
            sources(b". ./x")
                && sources(b"a; source x")
                && !sources(b"find . -name x")
                && !sources(b"cp -r . /app")
        );
        assert!(!unseen(". ./settings", false) && !unseen("cat /dev/stdin", false));
        for text in ["echo $HOME", "ls -l", "x=$(id); echo \"$x\"", "eval echo a"] {
            assert!(!unseen(text, false), "{text}");
        }
    }
}
