//! What a shell evaluates of its environment: substitutions in `PS4`, `ENV`, `BASH_ENV` and in any variable that a script
//! expands as a prompt or as a number, and functions that bash exports.

use crate::content::Content;

/// Variables told of one shell each for itself; those behind them are told together.
pub(super) const VARIABLES: usize = 16;
/// Variables whose value is run as it is, by some shell that does not tell of it.
const COMMANDS: [&[u8]; 4] =
    [b"PROMPT_COMMAND", b"COMMAND_NOT_FOUND_HANDLER", b"YASH_AFTER_CD", b"POST_PROMPT_COMMAND"];

/// The environment as far as it arrived, NUL-separated.
#[derive(Debug, Default)]
pub(super) struct Environment {
    content: Content,
}

impl Environment {
    /// Takes a piece in, up to a limit and as far as there is room; returns how many bytes there was none for.
    pub(super) fn take(&mut self, at: u32, bytes: &[u8], limit: usize, room: usize) -> u64 {
        self.content.take_piece(u64::from(at), bytes, limit, room)
    }

    /// Bytes of memory that it takes.
    pub(super) fn kept_bytes(&self) -> usize {
        self.content.kept_bytes()
    }

    /// Has nothing of it arrived, or was it told?
    pub(super) fn is_empty(&self) -> bool {
        self.content.seen_bytes() == 0
    }

    /// The variables whose values hold something that a shell would run, as names and values.
    pub(super) fn evaluable(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let variables = self.content.bytes().split(|b| *b == 0);
        let pair = |variable: &'_ [u8]| {
            let at = variable.iter().position(|b| *b == b'=')?;
            Some((at, variable.len()))
        };
        variables
            .filter_map(move |variable| pair(variable).map(|(at, _)| (&variable[..at], &variable[at + 1..])))
            .filter(|(name, value)| holds_commands(value) || COMMANDS.contains(name) && !value.is_empty())
    }
}

/// Does a value hold a substitution of a command, or a function?
fn holds_commands(value: &[u8]) -> bool {
    is_function(value)
        || value.contains(&b'`')
        || value.windows(2).any(|two| matches!(two, b"$(" | b"<(" | b">("))
        // bash 5.3, ksh93 and mksh run `${ command; }` and `${|command;}`.
        || value.windows(3).any(|three| three.starts_with(b"${") && matches!(three[2], b' ' | b'\t' | b'\n' | b'|'))
}

/// Is it a function as bash exports it?
pub(super) fn is_function(value: &[u8]) -> bool {
    value.starts_with(b"() {")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_run_is_told() {
        let mut environment = Environment::default();
        let bytes = b"PATH=/bin\0PS4=$(id) \0X=a=`b`\0EMPTY=\0no\0BASH_FUNC_f%%=() {  id\n}\0Y=${HOME}\0";
        assert_eq!(environment.take(0, &bytes[..12], bytes.len(), 1000), 0);
        assert_eq!(environment.take(12, &bytes[12..], bytes.len(), 1000), 0);
        let names: Vec<_> = environment.evaluable().map(|(name, _)| name).collect();
        assert_eq!(names, [&b"PS4"[..], b"X", b"BASH_FUNC_f%%"]);
    }
}
