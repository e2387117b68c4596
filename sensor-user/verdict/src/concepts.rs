//! What words are about: `shred` and `rm` delete, `wtmp` is a log, `/etc/ld.so.preload` is loaded into everything. Training
//! never sees all tools and all places; by these a word that it never saw stands beside those it did.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::LazyLock,
};

use super::{separator, url::Url, words};

/// Concepts and their words, a line each.
const LIST: &str = include_str!("concepts.txt");
/// Directories of a path that are looked at.
const COMPONENTS_MAX: usize = 8;
/// Longer paths are only looked at in parts.
const WHOLE_MAX: usize = 16;
/// Of a name that is not listed, so many letters in front may be one that is: `python3.11`, `xmrig-6.2`.
const STEM_MIN: usize = 4;

/// A set of concepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct About(u128);

impl About {
    /// Each concept's number.
    pub(super) fn each(self) -> impl Iterator<Item = u64> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = (rest != 0).then(|| u64::from(rest.trailing_zeros()));
            rest &= rest.wrapping_sub(1);
            lowest
        })
    }

    pub(super) fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// It gets things from elsewhere: the list's first concept.
    pub(super) fn fetches(self) -> bool {
        self.0 & 1 != 0
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are keys")
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Concepts by the hash of a word.
#[derive(Default)]
pub(super) struct Concepts(HashMap<u64, About, BuildHasherDefault<Hashed>>);

static LISTED: LazyLock<Concepts> = LazyLock::new(|| Concepts::read(LIST));

impl Default for &Concepts {
    /// Those that are listed.
    fn default() -> Self {
        &LISTED
    }
}

impl Concepts {
    fn read(list: &str) -> Self {
        let mut names: Vec<&str> = Vec::new();
        let mut concepts = Self::default();
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            let number = names.iter().position(|n| *n == name).unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            assert!(number < 128, "{name}: too many concepts");
            for word in words {
                concepts.0.entry(words::hash(word.as_bytes(), 0)).or_default().0 |= 1 << number;
            }
        }
        concepts
    }

    fn get(&self, hash: u64) -> About {
        self.0.get(&hash).copied().unwrap_or_default()
    }

    /// What a word is about: it, and what it is made of.
    pub(super) fn of(&self, word: &[u8], url: Option<&Url>) -> About {
        if separator::holds(word, b'/') {
            return self.of_path(word, url);
        }
        let name = trimmed(word);
        let about = self.get(words::hash(name, 0));
        let whole = if name.len() < word.len() { self.get(words::hash(word, 0)) } else { about };
        about.or(whole).or(self.of_parts(name, about))
    }

    fn of_path(&self, path: &[u8], url: Option<&Url>) -> About {
        let mut about = About::default();
        if path.len() <= WHOLE_MAX {
            about = self.get(words::hash(path, 0));
        }
        let mut rest = path;
        if let Some(url) = url {
            rest = url.behind_scheme();
            about = about.or(self.get(words::hash(url.scheme, 0)));
        }
        let mut components = rest.split(|b| *b == b'/').filter(|c| !c.is_empty());
        if url.is_some() {
            about = about.or(components.next().map_or(About::default(), |host| self.of_host(host)));
        }
        let mut before = None;
        let mut last: (&[u8], About) = (b"", About::default());
        for component in components.take(COMPONENTS_MAX) {
            let name = trimmed(component);
            let hash = words::hash(name, 0);
            let of_name = self.get(hash);
            about = about.or(of_name);
            if let Some(before) = before {
                about = about.or(self.get(words::hash_on(words::hash_on(before, b"/"), name)));
            }
            before = Some(hash);
            last = (name, of_name);
        }
        about.or(self.of_parts(last.0, last.1))
    }

    fn of_host(&self, host: &[u8]) -> About {
        let host = host.rsplit(|b| *b == b'@').next().unwrap_or_default();
        let host = &host[..memchr::memchr(b':', host).unwrap_or(host.len())];
        let mut dots = memchr::memrchr_iter(b'.', host);
        let top = dots.next().map_or(0, |i| i + 1);
        let domain = dots.next().map_or(0, |i| i + 1);
        [host, &host[domain..], &host[top..]]
            .into_iter()
            .fold(About::default(), |about, part| about.or(self.get(words::hash(part, 0))))
    }

    /// What a name's extension says, and, when the name is not listed, its first letters.
    fn of_parts(&self, name: &[u8], of_name: About) -> About {
        let extension = memchr::memrchr(b'.', name).filter(|i| *i > 0);
        let about = extension.map_or(About::default(), |i| self.get(words::hash(&name[i..], 0)));
        if !of_name.is_nothing() {
            return about;
        }
        match name.iter().position(|b| !b.is_ascii_alphabetic()) {
            Some(stem) if stem >= STEM_MIN => about.or(self.get(words::hash(&name[..stem], 0))),
            _ => about,
        }
    }
}

/// A name without what surrounds it: `id_rsa*`, `[kworker]`.
fn trimmed(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(u8::is_ascii_alphanumeric).map_or(name.len(), |i| i + 1);
    let name = &name[..end];
    let start = name.iter().position(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'$' | b'-' | b'+'));
    &name[start.unwrap_or(0)..]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SOME: &str = "# comment\n\nlog var/log wtmp .log\nfetch curl stratum+tcp\nfetch wget\ndrop paste.example onion\nkey id_rsa .pem\n";

    fn about(word: &str) -> Vec<u64> {
        Concepts::read(SOME).of(word.as_bytes(), Url::of(word.as_bytes()).as_ref()).each().collect()
    }

    #[test]
    fn words_and_what_they_are_made_of() {
        let [log, fetch, drop, key] = [vec![0], vec![1], vec![2], vec![3]];
        for (word, expected) in [
            ("CURL", &fetch),
            ("/usr/bin/wget", &fetch),
            ("curl-7.2", &fetch),
            ("stratum+tcp://pool.example", &fetch),
            ("/var/log/x", &log),
            ("/var/log", &log),
            ("/mnt/var/log/*", &log),
            ("x.log", &log),
            ("./wtmp", &log),
            ("https://paste.example/x", &drop),
            ("https://user@a.paste.example:80", &drop),
            ("http://abc.onion/x", &drop),
            ("id_rsa*", &key),
            ("*.pem", &key),
            ("/home/u/.ssh/id_rsa", &key),
        ] {
            assert_eq!(&about(word), expected, "{word}");
        }
        assert_eq!(about("https://paste.example/id_rsa"), [2, 3]);
        assert_eq!(about("var//log/"), log);
        for word in ["", "/", "://", "log", "/var", "curling", "curlew2", "paste.example.org", "."] {
            assert!(about(word).is_empty(), "{word}");
        }
    }

    #[test]
    fn what_fetches() {
        for (command, fetches) in
            [("curl", true), ("/usr/bin/tftp", true), ("lwp-request", true), ("scp", false), ("id", false)]
        {
            assert_eq!(LISTED.of(command.as_bytes(), None).fetches(), fetches, "{command}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        let mut seen = HashSet::new();
        for line in LIST.lines().filter(|l| !l.starts_with('#')) {
            let mut words = line.split_whitespace();
            let concept = words.next();
            for word in words {
                assert!(seen.insert((concept, word)), "{word} is listed twice");
                assert_eq!(word, word.to_ascii_lowercase(), "{word}");
                assert!(word.bytes().filter(|b| *b == b'/').count() <= 1 || word.starts_with('/'), "{word}");
            }
        }
    }
}
