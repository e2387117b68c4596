//! A script cut into statements.
//!
//! This is no shell's grammar. It takes any bytes, never fails, never recurses, and reads each byte a bounded number of
//! times. Two parsers from the registry were tried in its place: on 60 KB of `a|` or `((a` one took gigabytes or 19 seconds, and the
//! other overflowed the stack on nested brackets.

use std::ops::Range;

use crate::reader::Reader;

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Bytes as they are.
    Text {
        /// Them.
        bytes: Vec<u8>,
        /// Within quotes, so that they mean nothing but themselves.
        quoted: bool,
    },
    /// A variable or a parameter, and what is done to its value.
    Variable {
        /// Its name, or `@`, `1`, ….
        name: Vec<u8>,
        /// What follows the name within `${…}`.
        operator: Vec<u8>,
        /// Within quotes: its blanks part no words.
        quoted: bool,
    },
    /// The output of a command: the place of its text.
    Command {
        /// Where the command stands.
        place: Range<usize>,
        /// Within quotes.
        quoted: bool,
    },
    /// A file that is a command's output or input, as in `<(…)`.
    Process(Range<usize>),
    /// A number that is computed, and the like.
    Unknown,
}

/// A word: pieces without blanks between.
pub(crate) type Word = Vec<Piece>;

/// How a statement's input or output is bound to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `<`
    From,
    /// `>`
    To,
    /// `>>`
    Append,
    /// `<<` and `<<<`: the word is the text itself.
    Here,
    /// `<>`
    Both,
}

/// Output and errors.
pub(crate) const BOTH: u32 = u32::MAX;

/// A redirection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redirect {
    /// Its direction.
    pub(crate) direction: Direction,
    /// The descriptor, if it is not the usual one; [`BOTH`] for output and errors.
    pub(crate) descriptor: Option<u32>,
    /// To or from a descriptor (`>&2`), rather than a file.
    pub(crate) duplicate: bool,
    /// The file, or the text of a here-document.
    pub(crate) word: Word,
}

/// What a statement is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A command with its arguments, or assignments.
    Simple,
    /// `while`, `until`: statements up to the end with this number.
    Loop(usize),
    /// `for NAME in WORDS`: name, and the words are the statement's.
    For(Vec<u8>, usize),
    /// `{` or `(`.
    Group(usize),
    /// What ends one of them.
    End,
    /// The body of a function of that name, up to the statement of that number.
    Function(Vec<u8>, usize),
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    /// Where it begins.
    pub(crate) at: usize,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its words; those of assignments first.
    pub(crate) words: Vec<Word>,
    /// Its redirections.
    pub(crate) redirects: Vec<Redirect>,
    /// Its input is the output of the one before it.
    pub(crate) piped: bool,
    /// It runs in the background.
    pub(crate) background: bool,
    /// It stands behind `||`.
    pub(crate) otherwise: bool,
}

impl Statement {
    pub(crate) fn new(at: usize, kind: Kind) -> Self {
        Self {
            at,
            kind,
            words: Vec::new(),
            redirects: Vec::new(),
            piped: false,
            background: false,
            otherwise: false,
        }
    }
}

/// What kinds of bytes a script has: how it is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layout {
    /// Bytes of comments.
    pub(crate) comments: usize,
    /// Case branches.
    pub(crate) branches: usize,
    /// `if`s.
    pub(crate) conditions: usize,
}

/// Statements of a text.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// The text that places point into.
    pub(crate) text: Vec<u8>,
    /// Its statements, in their order.
    pub(crate) statements: Vec<Statement>,
    /// How it is written.
    pub(crate) layout: Layout,
}

impl Script {
    /// Reads a text, as far as there are units left.
    pub(crate) fn read(text: Vec<u8>, left: &mut usize) -> Self {
        let (statements, layout, units) = Reader::new(&text, *left).read();
        *left = left.saturating_sub(units);
        Self { text, statements, layout }
    }
}

/// What a word says, if all of it is text.
pub(crate) fn literal(word: &Word) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    for piece in word {
        let Piece::Text { bytes, .. } = piece else { return None };
        all.extend_from_slice(bytes);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader;

    fn read(text: &[u8]) -> Script {
        Script::read(text.to_vec(), &mut reader::UNITS_MAX.clone())
    }

    fn words(text: &str) -> Vec<Vec<String>> {
        let script = read(text.as_bytes());
        let word = |word: &Word| literal(word).map_or("?".to_owned(), |w| String::from_utf8(w).unwrap());
        let simple = script.statements.iter().filter(|s| s.kind == Kind::Simple);
        simple.map(|s| s.words.iter().map(word).collect()).collect()
    }

    #[test]
    fn statements_are_told_apart() {
        assert_eq!(
            words("a b; c && d | e & f\n# no\ng 'h i' \"j k\"l\\ m"),
            [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"], vec!["f"], vec!["g", "h i", "j kl m"]]
        );
        assert_eq!(
            words("if a; then b; elif c; then d; else e; fi; while f; do g; done"),
            [["a"], ["b"], ["c"], ["d"], ["e"], ["f"], ["g"]]
        );
        assert_eq!(words("case $x in a|b) c;; (d) e ;; *) f; esac; g"), [["c"], ["e"], ["f"], ["g"]]);
        assert_eq!(words("f() { a; }\nfunction g { b; }\nfunction h() (c)\nf"), [["a"], ["b"], ["c"], ["f"]]);
        assert_eq!(words("(a; (b)); ((x++)); c"), [["a"], ["b"], ["c"]]);
        assert_eq!(words("a <<X b\nnot $this\nX\nc"), [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn groups_know_their_ends() {
        let script = read(b"while a; do b; done < f | c\nf() { d; }");
        let kinds: Vec<&Kind> = script.statements.iter().map(|s| &s.kind).collect();
        assert_eq!(*kinds[0], Kind::Loop(3));
        assert_eq!(*kinds[3], Kind::End);
        assert_eq!(script.statements[3].redirects.len(), 1);
        assert!(script.statements[4].piped);
        assert_eq!(*kinds[5], Kind::Function(b"f".to_vec(), 7));
    }

    #[test]
    fn pieces_of_words_are_told_apart() {
        let script = read(b"a$b\"${c:-d}\"$(e $(f))`g`$((1+2))<(h)$'\\x41\\n'");
        let [word] = &script.statements[0].words[..] else { panic!("{script:?}") };
        let text = |bytes: &[u8], quoted| Piece::Text { bytes: bytes.to_vec(), quoted };
        assert_eq!(word[0], text(b"a", false));
        assert_eq!(word[1], Piece::Variable { name: b"b".to_vec(), operator: vec![], quoted: false });
        assert_eq!(word[2], text(b"", true));
        assert_eq!(word[3], Piece::Variable { name: b"c".to_vec(), operator: b":-d".to_vec(), quoted: true });
        let Piece::Command { place, .. } = &word[4] else { panic!("{word:?}") };
        assert_eq!(&script.text[place.clone()], b"e $(f)");
        assert_eq!(word[6], Piece::Unknown);
        assert!(matches!(&word[7], Piece::Process(_)));
        assert_eq!(word[8], text(b"A\n", true));
    }

    #[test]
    fn here_documents_are_text_or_are_filled_in() {
        let script = read(b"cat > f <<'X'\na $b\nX\ncat <<Y\na $b \"c\"\nY\n");
        let here = |n: usize| script.statements[n].redirects.last().map(|r| r.word.clone()).unwrap();
        assert_eq!(here(0), [Piece::Text { bytes: b"a $b\n".to_vec(), quoted: true }]);
        assert_eq!(here(1).len(), 3);
    }

    #[test]
    fn hostile_text_costs_no_more_than_its_length() {
        for unit in [
            "(",
            "$(",
            "{ ",
            "if a; then ",
            "[[ ( ",
            "$((",
            "<<A ",
            "\"$(",
            "`",
            "case a in (b) ",
            "${a:-",
            "a|",
            "((a",
            "f() ",
            "a=(",
            "'",
            "\"",
            "\\",
            "<(",
            "<<A\n",
            ") ",
            "done ",
            "} ",
        ] {
            let script = read(unit.repeat(60_000 / unit.len()).as_bytes());
            assert!(script.statements.len() <= reader::STATEMENTS_MAX + reader::NESTED_MAX, "{unit}");
        }
    }
}
