//! The normal form cut into words, each reduced to what matters about it: an address is an address, whichever
//! it is; a long number is long; a path is its directories and its name.

use std::ops::Range;

use super::{
    magic::Magic,
    separator::{Kind, LAYER, holds, kind},
    url::{self, Url},
};

/// What separates a word from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// White space: an argument.
    Space,
    /// A pipe.
    Pipe,
    /// A new statement: line break, `;`, `&&`, `||`, `&`, brackets, substitution.
    Statement,
    /// A decoded layer begins.
    Layer,
}

/// A word of the normal form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// Where the word before it ends; 0 where there is none.
    pub(super) behind: u32,
    /// Where it begins in the normal form.
    pub(super) start: u32,
    /// One past its end.
    pub(super) end: u32,
    /// What came before it.
    pub(super) joint: Joint,
    /// Operator bytes that came before it, hashed; 0 for plain space.
    pub(super) operator: u64,
    /// A single `=` stands right before it.
    pub(super) after_equals: bool,
}

impl Word {
    /// Its bytes in the normal form.
    pub(super) fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end as usize]
    }

    /// What stands between it and the word before it, by position.
    pub(super) fn gap(self) -> Range<usize> {
        self.behind as usize..self.start as usize
    }

    /// Does it begin a line?
    pub(super) fn is_first_of_line(self, text: &[u8]) -> bool {
        holds(&text[self.gap()], b'\n')
    }
}

/// Is `name` given the value `next`, as in `name=value`?
pub(super) fn is_assignment(name: Word, next: Word) -> bool {
    next.after_equals && next.joint == Joint::Space && next.start == name.end + 1
}

/// The words of a text, one after the other. What is before a word and behind the one before it says all that is to be known of it,
/// so that it can be begun anew behind any word.
#[derive(Clone)]
pub(super) struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Words<'a> {
    /// All words of a text.
    pub(super) fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The words of a text behind one that ends there.
    pub(super) fn behind(text: &'a [u8], end: u32) -> Self {
        Self { text, at: end as usize }
    }

    /// Where the last word ended; 0 before the first.
    pub(super) fn place(&self) -> u32 {
        self.at as u32
    }
}

/// How many bytes a text begins with that are of this kind.
fn run_of(text: &[u8], of: Kind) -> usize {
    text.iter().position(|b| kind(*b) != of).unwrap_or(text.len())
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let text = self.text;
        let behind = self.at;
        let mut joint = if behind == 0 { Joint::Statement } else { Joint::Space };
        let mut operator = 0u64;
        let mut after_equals = false;
        let mut i = behind;
        while let Some(&b) = text.get(i) {
            match kind(b) {
                Kind::Space => {
                    if b == b'\n' && joint == Joint::Space {
                        joint = Joint::Statement;
                    }
                    i += 1;
                }
                Kind::Operator | Kind::Layer => {
                    let start = i;
                    i = start + run_of(&text[start..], Kind::Operator).max(1);
                    let run = &text[start..i];
                    after_equals = run == b"=";
                    joint = match run {
                        _ if b == LAYER => Joint::Layer,
                        [b'|'] | [b'|', b'&'] => Joint::Pipe,
                        // Redirections and assignments stay within the statement.
                        [b'<' | b'>', ..] | [b'&', b'>', ..] | [b'='] => joint,
                        _ if joint == Joint::Layer => Joint::Layer,
                        _ => Joint::Statement,
                    };
                    operator = hash(run, operator);
                }
                Kind::Word => {
                    self.at = i + run_of(&text[i..], Kind::Word);
                    return Some(Word {
                        behind: behind as u32,
                        start: i as u32,
                        end: self.at as u32,
                        joint,
                        operator,
                        after_equals,
                    });
                }
            }
        }
        self.at = i;
        None
    }
}

const FNV_PRIME: u64 = 0x0100_0000_01b3;
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a over lower-cased bytes, going on from `seed`.
pub(super) fn hash(bytes: &[u8], seed: u64) -> u64 {
    hash_on(FNV_BASIS ^ seed.wrapping_mul(FNV_PRIME), bytes)
}

/// The hash of what was hashed to `hash`, and of `bytes` behind it.
pub(super) fn hash_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |h, b| (h ^ u64::from(b.to_ascii_lowercase())).wrapping_mul(FNV_PRIME))
}

/// Hashes of what matters about a word.
#[derive(Default)]
pub(super) struct Parts {
    hashes: [u64; PARTS_MAX],
    count: usize,
}

/// A URL of a name with a port, or a path, has so many at most.
const PARTS_MAX: usize = 8;

impl Parts {
    /// Those of a word, which is that URL if it is one; the first is its canonical form.
    pub(super) fn of(word: &[u8], url: Option<&Url>) -> Self {
        let mut parts = Self::default();
        cut_into_parts(word, url, |hash| {
            parts.hashes[parts.count] = hash;
            parts.count += 1;
        });
        parts
    }

    /// The word's canonical form.
    pub(super) fn canonical(&self) -> u64 {
        self.hashes[0]
    }

    /// All of them.
    pub(super) fn each(&self) -> impl Iterator<Item = u64> {
        self.hashes[..self.count].iter().copied()
    }
}

fn cut_into_parts(word: &[u8], url: Option<&Url>, mut emit: impl FnMut(u64)) {
    emit(canonical(word, url));
    if let Some(url) = url {
        emit(hash(b"<scheme>", hash(url.scheme, 0)));
        let host = url.host();
        emit(hash(b"<url>", 0));
        if url::is_own_machine(host) {
            emit(hash(b"<url-of-own-machine>", 0));
        } else if url::is_ipv4(host) {
            emit(hash(if url::is_private(host) { b"<url-of-private-ip>" } else { b"<url-of-ip>" }, 0));
        } else {
            let mut labels = host.rsplit(|b| *b == b'.');
            if let (Some(top), Some(domain)) = (labels.next(), labels.next()) {
                emit(hash(top, 21));
                emit(hash(domain, hash(top, 22)));
            }
        }
        if url.behind_host().starts_with(b":") {
            emit(hash(b"<url-port>", 0));
        }
        emit(hash(extension(url.behind_host()), 23));
        if names_small_machine(url.behind_scheme()) {
            emit(hash(b"<small-machine>", 0));
        }
    } else if word.contains(&b'/') {
        let mut at = 0;
        for _ in 0..3 {
            let Some(slash) = memchr::memchr(b'/', &word[(at + 1).min(word.len())..]).map(|n| n + at + 1)
            else {
                break;
            };
            emit(hash(&word[..slash], 31));
            at = slash;
        }
        let base = word.rsplit(|b| *b == b'/').next().unwrap_or_default();
        emit(hash(b"<base>", self::canonical(base, None)));
        if base.starts_with(b".") {
            emit(hash(b"<hidden>", 0));
        }
        emit(hash(extension(base), 24));
        if names_small_machine(base) {
            emit(hash(b"<small-machine>", 0));
        }
    } else if names_small_machine(word) {
        emit(hash(b"<small-machine>", 0));
    } else if word.starts_with(b"-") && !word.starts_with(b"--") && (3..=6).contains(&word.len()) {
        // `-rf` is `-r` and `-f`.
        for letter in &word[1..] {
            emit(hash(&[b'-', *letter], 0));
        }
    }
}

/// The word itself, or its class where its letters do not matter.
pub(super) fn canonical(word: &[u8], url: Option<&Url>) -> u64 {
    let class: &[u8] = if let Some(magic) = Magic::of(word) {
        magic.class()
    } else if url::is_ipv4(word) {
        match word {
            [b'1', b'2', b'7', b'.', ..] => b"<loopback>",
            [b'0', b'.', b'0', b'.', b'0', ..] => b"<any-address>",
            [b'1', b'6', b'9', b'.', b'2', b'5', b'4', b'.', ..] => b"<link-local>",
            _ if url::is_private(word) => b"<private-address>",
            _ => b"<address>",
        }
    } else if word.iter().all(u8::is_ascii_digit) {
        match word.len() {
            0..=3 => return hash(word, 0),
            4 | 5 => b"<port-like>",
            _ => b"<number>",
        }
    } else if let Some(url) = url {
        url.class()
    } else if word.len() >= 32 && word.iter().all(u8::is_ascii_hexdigit) {
        b"<hex>"
    } else if word.len() >= 40 && word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')) {
        b"<blob>"
    } else if let Some(name) = word.strip_prefix(b"$") {
        // Names that mean something are upper-case; the author's own say nothing.
        if name.first().is_some_and(u8::is_ascii_lowercase) { b"<variable>" } else { return hash(word, 0) }
    } else if word.len() > 48 {
        b"<long>"
    } else if word.iter().any(|b| !b.is_ascii()) {
        b"<not-ascii>"
    } else {
        return hash(word, 0);
    };
    hash(class, 0)
}

/// Does the word end in the name of a processor that routers and cameras have? Worms carry a binary for each.
fn names_small_machine(word: &[u8]) -> bool {
    const NAMES: [&[u8]; 14] = [
        b"mips", b"mipsel", b"mpsl", b"mipsl", b"mips64", b"sh4", b"m68k", b"spc", b"sparc", b"ppc", b"arm4",
        b"arm5", b"arm6", b"arm5n",
    ];
    word.len() <= 64 && NAMES.iter().any(|name| word.ends_with(name))
}

fn extension(name: &[u8]) -> &[u8] {
    match memchr::memrchr(b'.', name) {
        Some(i) if name.len() - i <= 6 => &name[i..],
        _ => b"",
    }
}

/// Words that only wrap the command behind them.
pub(super) fn is_wrapper(word: &[u8]) -> bool {
    matches!(
        word,
        b"sudo"
            | b"nohup"
            | b"exec"
            | b"env"
            | b"then"
            | b"do"
            | b"else"
            | b"if"
            | b"elif"
            | b"while"
            | b"until"
            | b"!"
            | b"time"
            | b"command"
            | b"builtin"
            | b"setsid"
            | b"nice"
            | b"ionice"
            | b"busybox"
            | b"stdbuf"
            | b"doas"
            | b"eval"
            | b"timeout"
    )
}
