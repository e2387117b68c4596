//! Which shell a binary is, from its bytes, fed in pieces of any size. Never by its name: a renamed or copied bash is still
//! bash, and a program called `sh` may be something else.
//!
//! No single text decides, so that changing one changes nothing. A family is known by more than half of its marks; a shell of no
//! known family by the words that every POSIX shell holds: names of builtins and reserved words, and of variables and options.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::{
    family::Family,
    mark::{Mark, marks},
    table::families,
};

/// Builtins and reserved words of the POSIX shell command language (IEEE 1003.1, volume 3, chapter 2).
const COMMANDS: [&str; 30] = [
    "alias", "bg", "break", "case", "cd", "command", "continue", "done", "elif", "esac", "eval", "exec",
    "export", "fg", "getopts", "hash", "jobs", "read", "readonly", "return", "shift", "then", "times",
    "trap", "ulimit", "umask", "unalias", "unset", "until", "while",
];
/// Its variables, and names of its options.
const VARIABLES: [&str; 22] = [
    "OPTIND",
    "OPTARG",
    "PS1",
    "PS2",
    "PS4",
    "IFS",
    "PPID",
    "CDPATH",
    "MAILPATH",
    "MAILCHECK",
    "FCEDIT",
    "ENV",
    "HISTSIZE",
    "errexit",
    "noglob",
    "nounset",
    "noclobber",
    "xtrace",
    "allexport",
    "ignoreeof",
    "noexec",
    "monitor",
];
/// So many of each make a shell. dash has 27 and 17; of 3,000 programs of Debian none but shells has both.
const COMMANDS_MIN: usize = 10;
const VARIABLES_MIN: usize = 7;
/// Texts of the dynamic loaders of glibc and musl: what they run is told by their arguments.
static LOADER: &[Mark] = marks![
    b"inhibit-cache",
    b"inhibit-rpath",
    b"library-path",
    b"preload",
    b"argv0",
    b"Dynamic Program Loader",
];
const LOADER_MIN: usize = 3;

/// The longest pattern, about: pieces overlap by so much.
const OVERLAP: usize = 64;

/// What a pattern is part of.
#[derive(Clone, Copy)]
enum Part {
    Mark(usize),
    Command,
    Variable,
    Loader,
}

struct Patterns {
    automaton: AhoCorasick,
    parts: Vec<Part>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let marks = families()
        .enumerate()
        .flat_map(|(n, family)| family.profile().marks.iter().map(move |mark| (mark.text(), Part::Mark(n))));
    let words = |words: &'static [&'static str], part| {
        // Whole words, as they stand in tables.
        words.iter().map(move |word| (format!("{word}\0").into_bytes(), part))
    };
    let texts = LOADER.iter().map(|text| (text.text(), Part::Loader));
    let (patterns, parts): (Vec<_>, Vec<_>) = marks
        .chain(words(&COMMANDS, Part::Command))
        .chain(words(&VARIABLES, Part::Variable))
        .chain(texts)
        .unzip();
    let automaton = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(&patterns)
        .expect("a few hundred short patterns");
    Patterns { automaton, parts }
});

/// A binary that is being looked at.
pub struct Recognition {
    found: Vec<bool>,
    /// The end of what came before.
    before: Vec<u8>,
    is_elf: Option<bool>,
}

/// What a binary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognized {
    /// A shell of this family.
    Shell(Family),
    /// A dynamic loader: which program it runs is in its arguments.
    Loader,
    /// Something else.
    Other,
}

impl Recognition {
    /// Of a binary that nothing was seen of.
    pub fn new() -> Self {
        Self { found: vec![false; PATTERNS.parts.len()], before: Vec::new(), is_elf: None }
    }

    /// Looks at the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        if *self.is_elf.get_or_insert_with(|| piece.starts_with(b"\x7fELF")) {
            let seam = [&self.before, &piece[..piece.len().min(OVERLAP)]].concat();
            self.search(&seam);
            self.search(piece);
            self.before = piece[piece.len().saturating_sub(OVERLAP)..].to_vec();
        }
    }

    fn search(&mut self, bytes: &[u8]) {
        for found in PATTERNS.automaton.find_overlapping_iter(bytes) {
            let pattern = found.pattern().as_usize();
            // A word does not begin within another; busybox has a digit in front of each.
            let is_word = matches!(PATTERNS.parts[pattern], Part::Mark(_) | Part::Loader)
                || found.start() == 0
                || !matches!(bytes[found.start() - 1], b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'-');
            self.found[pattern] |= is_word;
        }
    }

    /// What it is by all that was seen.
    pub fn end(&self) -> Recognized {
        let parts = || PATTERNS.parts.iter().zip(&self.found);
        let found = |is: fn(&Part) -> bool| parts().filter(|(part, found)| **found && is(part)).count();
        let family = families().enumerate().find(|(n, family)| {
            let of_it = |part: &Part| matches!(part, Part::Mark(of) if of == n);
            let there = parts().filter(|(part, found)| **found && of_it(part)).count();
            let marks = family.profile().marks.len();
            marks > 0 && 2 * there > marks
        });
        if let Some((_, family)) = family {
            return Recognized::Shell(family);
        }
        let commands = found(|part| matches!(part, Part::Command));
        let variables = found(|part| matches!(part, Part::Variable));
        if commands >= COMMANDS_MIN && variables >= VARIABLES_MIN {
            return Recognized::Shell(Family::unknown());
        }
        if found(|part| matches!(part, Part::Loader)) >= LOADER_MIN {
            return Recognized::Loader;
        }
        Recognized::Other
    }
}

impl Default for Recognition {
    fn default() -> Self {
        Self::new()
    }
}

/// What a whole binary is.
pub fn recognize(binary: &[u8]) -> Recognized {
    let mut recognition = Recognition::new();
    recognition.feed(binary);
    recognition.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<Recognized> {
        Some(recognize(&std::fs::read(path).ok()?))
    }

    fn shell(name: &str) -> Recognized {
        Recognized::Shell(Family::named(name).unwrap())
    }

    const SHELLS: [(&str, &str); 8] = [
        ("/bin/bash", "bash"),
        ("/bin/bash-static", "bash"),
        ("/bin/dash", "dash"),
        ("/bin/busybox", "busybox"),
        ("/bin/zsh", "zsh"),
        ("/bin/ksh93", "ksh93"),
        ("/bin/mksh", "mksh"),
        ("/usr/bin/yash", "yash"),
    ];

    #[test]
    fn shells_are_known_by_their_content() {
        // Where a package is not installed there is nothing to look at; the end-to-end tests install them all.
        for (path, name) in SHELLS {
            if let Some(recognized) = of(path) {
                assert_eq!(recognized, shell(name), "{path}");
            }
        }
        let others = [
            "/bin/ls",
            "/usr/bin/perl",
            "/usr/bin/env",
            "/usr/bin/apt-get",
            "/usr/bin/python3",
            "/usr/bin/make",
        ];
        for other in others.into_iter().filter(|path| std::path::Path::new(path).exists()) {
            assert_eq!(of(other), Some(Recognized::Other), "{other}");
        }
        assert_eq!(of("/lib64/ld-linux-x86-64.so.2").unwrap_or(Recognized::Loader), Recognized::Loader);
        assert_eq!(recognize(b"#!/bin/sh\nOPTIND PS4"), Recognized::Other);
    }

    #[test]
    fn a_shell_with_changed_texts_and_in_pieces_is_a_shell() {
        let Ok(mut binary) = std::fs::read("/bin/dash") else { return };
        for word in [
            "OPTIND",
            "PS4",
            "getopts",
            "Illegal option -%c",
            "Illegal option -o %s",
            "expecting %s",
            "errexit",
        ] {
            let places: Vec<usize> = memmem(&binary, word.as_bytes());
            for at in places {
                binary[at] = b'#';
            }
        }
        let mut recognition = Recognition::new();
        for piece in binary.chunks(1000) {
            recognition.feed(piece);
        }
        assert!(matches!(recognition.end(), Recognized::Shell(_)));
    }

    fn memmem(bytes: &[u8], word: &[u8]) -> Vec<usize> {
        bytes.windows(word.len()).enumerate().filter(|(_, w)| *w == word).map(|(at, _)| at).collect()
    }
}
