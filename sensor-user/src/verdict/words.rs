//! The normal form cut into words, each reduced to what matters about it: an address is an address, whichever
//! it is; a long number is long; a path is its directories and its name.

use super::magic::Magic;

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

/// Is `name` given the value `next`, as in `name=value`?
pub(super) fn is_assignment(name: Word, next: Word) -> bool {
    next.after_equals && next.joint == Joint::Space && next.start == name.end + 1
}

/// Cuts `text` into words.
pub(super) fn cut(text: &[u8], words: &mut Vec<Word>) {
    words.clear();
    let mut joint = Joint::Statement;
    let mut operator = 0u64;
    let mut after_equals = false;
    let mut i = 0;
    while i < text.len() {
        let b = text[i];
        if b.is_ascii_whitespace() {
            if b == b'\n' && joint == Joint::Space {
                joint = Joint::Statement;
            }
            i += 1;
        } else if is_operator(b) || b == super::normal::LAYER {
            let start = i;
            while i < text.len() && is_operator(text[i]) {
                i += 1;
            }
            i = i.max(start + 1);
            let run = &text[start..i];
            after_equals = run == b"=";
            joint = match run {
                _ if b == super::normal::LAYER => Joint::Layer,
                [b'|'] | [b'|', b'&'] => Joint::Pipe,
                // Redirections and assignments stay within the statement.
                [b'<' | b'>', ..] | [b'='] => joint,
                _ if joint == Joint::Layer => Joint::Layer,
                _ => Joint::Statement,
            };
            operator = hash(run, operator);
        } else {
            let start = i;
            while i < text.len()
                && !text[i].is_ascii_whitespace()
                && !is_operator(text[i])
                && text[i] != super::normal::LAYER
            {
                i += 1;
            }
            words.push(Word { start: start as u32, end: i as u32, joint, operator, after_equals });
            after_equals = false;
            joint = Joint::Space;
            operator = 0;
        }
    }
}

fn is_operator(b: u8) -> bool {
    matches!(b, b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>' | b'`' | b'{' | b'}' | b'=' | b',')
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
    /// Those of a word; the first is its canonical form.
    pub(super) fn of(word: &[u8]) -> Self {
        let mut parts = Self::default();
        cut_into_parts(word, |hash| {
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

fn cut_into_parts(word: &[u8], mut emit: impl FnMut(u64)) {
    emit(canonical(word));
    if let Some(i) = memchr::memmem::find(word, b"://") {
        emit(hash(b"<scheme>", hash(&word[..i], 0)));
        let rest = &word[i + 3..];
        let host = host_of(rest);
        emit(hash(b"<url>", 0));
        if is_own_machine(host) {
            emit(hash(b"<url-of-own-machine>", 0));
        } else if is_ipv4(host) {
            emit(hash(if is_private(host) { b"<url-of-private-ip>" } else { b"<url-of-ip>" }, 0));
        } else {
            let mut labels = host.rsplit(|b| *b == b'.');
            if let (Some(top), Some(domain)) = (labels.next(), labels.next()) {
                emit(hash(top, 21));
                emit(hash(domain, hash(top, 22)));
            }
        }
        if host_end(rest) < rest.len() && rest[host_end(rest)] == b':' {
            emit(hash(b"<url-port>", 0));
        }
        emit(hash(extension(&rest[host_end(rest)..]), 23));
        if names_small_machine(rest) {
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
        emit(hash(b"<base>", self::canonical(base)));
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
pub(super) fn canonical(word: &[u8]) -> u64 {
    let class: &[u8] = if let Some(magic) = Magic::of(word) {
        magic.class()
    } else if is_ipv4(word) {
        match word {
            [b'1', b'2', b'7', b'.', ..] => b"<loopback>",
            [b'0', b'.', b'0', b'.', b'0', ..] => b"<any-address>",
            [b'1', b'6', b'9', b'.', b'2', b'5', b'4', b'.', ..] => b"<link-local>",
            _ if is_private(word) => b"<private-address>",
            _ => b"<address>",
        }
    } else if word.iter().all(u8::is_ascii_digit) {
        match word.len() {
            0..=3 => return hash(word, 0),
            4 | 5 => b"<port-like>",
            _ => b"<number>",
        }
    } else if let Some(scheme) = memchr::memmem::find(word, b"://") {
        url_class(&word[..scheme], host_of(&word[scheme + 3..]))
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

/// What matters about where a URL points: this machine is not another, a bare address is not a name, and a name without
/// TLS is not one with it.
fn url_class(scheme: &[u8], host: &[u8]) -> &'static [u8] {
    if is_own_machine(host) {
        b"<url-of-own-machine>"
    } else if is_ipv4(host) {
        if is_private(host) { b"<url-of-private-address>" } else { b"<url-of-address>" }
    } else if host.is_empty() || host.contains(&b'$') {
        b"<url-of-variable>"
    } else if scheme.eq_ignore_ascii_case(b"https") {
        b"<url-https>"
    } else {
        b"<url-plain>"
    }
}

/// Nothing comes in from there that is not here yet.
fn is_own_machine(host: &[u8]) -> bool {
    host.eq_ignore_ascii_case(b"localhost") || (is_ipv4(host) && host.starts_with(b"127."))
}

/// Is an address of the private networks (RFC 1918)?
fn is_private(address: &[u8]) -> bool {
    match address {
        [b'1', b'0', b'.', ..] | [b'1', b'9', b'2', b'.', b'1', b'6', b'8', b'.', ..] => true,
        [b'1', b'7', b'2', b'.', tens, ones, b'.', ..] => {
            matches!((tens, ones), (b'1', b'6'..=b'9') | (b'2', _) | (b'3', b'0' | b'1'))
        }
        _ => false,
    }
}

fn host_end(rest: &[u8]) -> usize {
    rest.iter().position(|b| matches!(b, b'/' | b':' | b'?')).unwrap_or(rest.len())
}

/// The host of what is behind a URL's `://`, without user and password.
fn host_of(rest: &[u8]) -> &[u8] {
    rest[..host_end(rest)].rsplit(|b| *b == b'@').next().unwrap_or_default()
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

fn is_ipv4(word: &[u8]) -> bool {
    let mut parts = 0;
    for part in word.split(|b| *b == b'.') {
        parts += 1;
        if part.is_empty() || part.len() > 3 || !part.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    parts == 4
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
