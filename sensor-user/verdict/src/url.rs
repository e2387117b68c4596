//! Where a word points to, if it is a URL: this machine is not another, a bare address is not a name, and a name without TLS is
//! not one with it.

use std::ops::Range;

use super::separator;

/// A URL, cut where it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// What is before `://`; `http` where a tool adds it.
    pub scheme: &'a [u8],
    /// What is behind it.
    rest: &'a [u8],
    /// Where in `rest` the host is, without user and password.
    host: Range<usize>,
}

impl<'a> Url<'a> {
    /// That of a word which says its scheme.
    pub fn of(word: &'a [u8]) -> Option<Self> {
        if !separator::holds(word, b':') {
            return None;
        }
        memchr::memchr_iter(b':', word)
            .find(|i| word[i + 1..].starts_with(b"//"))
            .map(|i| Self::new(&word[..i], &word[i + 3..]))
    }

    /// That of an argument of a tool which fetches things, and takes `host.example/path` for one of HTTP.
    pub fn of_fetched(word: &'a [u8]) -> Option<Self> {
        let url = Self::new(b"http", word);
        let port = url.behind_host().strip_prefix(b":").unwrap_or(url.behind_host());
        let path = port.iter().position(|b| !b.is_ascii_digit()).map(|i| port[i]);
        let host = url.host();
        (path == Some(b'/') && url.host.start == 0 && (is_ipv4(host) || is_name(host))).then_some(url)
    }

    fn new(scheme: &'a [u8], rest: &'a [u8]) -> Self {
        let authority = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
        let start = memchr::memrchr(b'@', &rest[..authority]).map_or(0, |i| i + 1);
        let end = memchr::memchr(b':', &rest[start..authority]).map_or(authority, |i| start + i);
        Self { scheme, rest, host: start..end }
    }

    /// The host's name or address.
    pub fn host(&self) -> &'a [u8] {
        &self.rest[self.host.clone()]
    }

    /// What follows the host: port, path, query.
    pub fn behind_host(&self) -> &'a [u8] {
        &self.rest[self.host.end..]
    }

    /// All of it but the scheme.
    pub fn behind_scheme(&self) -> &'a [u8] {
        self.rest
    }

    /// Stands for it among words.
    pub fn class(&self) -> &'static [u8] {
        let host = self.host();
        if is_own_machine(host) {
            b"<url-of-own-machine>"
        } else if is_ipv4(host) {
            if is_private(host) { b"<url-of-private-address>" } else { b"<url-of-address>" }
        } else if host.is_empty() || host.contains(&b'$') {
            b"<url-of-variable>"
        } else if self.scheme.eq_ignore_ascii_case(b"https") {
            b"<url-https>"
        } else {
            b"<url-plain>"
        }
    }
}

/// Nothing comes in from there that is not here yet. Linux takes a connection to 0.0.0.0 for one to itself.
pub fn is_own_machine(host: &[u8]) -> bool {
    host.eq_ignore_ascii_case(b"localhost")
        || host == b"0.0.0.0"
        || (is_ipv4(host) && host.starts_with(b"127."))
}

/// Is an address of the private networks (RFC 1918)?
pub fn is_private(address: &[u8]) -> bool {
    match address {
        [b'1', b'0', b'.', ..] | [b'1', b'9', b'2', b'.', b'1', b'6', b'8', b'.', ..] => true,
        [b'1', b'7', b'2', b'.', tens, ones, b'.', ..] => {
            matches!((tens, ones), (b'1', b'6'..=b'9') | (b'2', _) | (b'3', b'0' | b'1'))
        }
        _ => false,
    }
}

/// Four numbers with dots between.
pub fn is_ipv4(word: &[u8]) -> bool {
    let mut parts = 0;
    for part in word.split(|b| *b == b'.') {
        parts += 1;
        if part.is_empty() || part.len() > 3 || !part.iter().all(u8::is_ascii_digit) {
            return false;
        }
    }
    parts == 4
}

/// Could it be a domain's name? A file's hardly: its last label is letters, two at least.
pub fn is_name(host: &[u8]) -> bool {
    let mut labels = host.rsplit(|b| *b == b'.');
    labels.next().is_some_and(|top| top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic))
        && host.contains(&b'.')
        && labels.all(|l| !l.is_empty() && l.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_cut_where_it_matters() {
        for (word, host, behind, class) in [
            ("https://user:pw@a.example", "a.example", "", "<url-https>"),
            ("http://a.example:x@192.0.2.1/x@y", "192.0.2.1", "/x@y", "<url-of-address>"),
            ("http://user@a.example:80/x", "a.example", ":80/x", "<url-plain>"),
            ("stratum+tcp://192.0.2.1:3333", "192.0.2.1", ":3333", "<url-of-address>"),
            ("ftp://10.0.0.1/", "10.0.0.1", "/", "<url-of-private-address>"),
            ("http://0.0.0.0:80/x", "0.0.0.0", ":80/x", "<url-of-own-machine>"),
            ("http://localhost?x", "localhost", "?x", "<url-of-own-machine>"),
            ("a:b://$HOST/x", "$HOST", "/x", "<url-of-variable>"),
            ("://", "", "", "<url-of-variable>"),
        ] {
            let url = Url::of(word.as_bytes()).unwrap();
            assert_eq!((url.host(), url.behind_host()), (host.as_bytes(), behind.as_bytes()), "{word}");
            assert_eq!(url.class(), class.as_bytes(), "{word}");
        }
        for word in ["", ":", ":/", "a:/b", "//a.example/", "a.example/x"] {
            assert_eq!(Url::of(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn tools_that_fetch_need_no_scheme() {
        for (word, class) in [
            ("a.example/x", "<url-plain>"),
            ("A-1.b.example:8080/", "<url-plain>"),
            ("192.0.2.1/x", "<url-of-address>"),
            ("192.168.0.1:80/x", "<url-of-private-address>"),
        ] {
            assert_eq!(Url::of_fetched(word.as_bytes()).map(|u| u.class()), Some(class.as_bytes()), "{word}");
        }
        for word in [
            "",
            "/",
            "x",
            "a.example",
            "a.example:80",
            "/tmp/a.example/x",
            "./x.sh/y",
            "conf.d/x",
            "a/b.example/x",
            "a.example?/x",
            "..example/x",
            "$HOST.example/x",
            "a.example:8x/",
            "u@a.example/x",
            "python3.8/x",
            "a b.example/x",
            "192.0.2/x",
        ] {
            assert_eq!(Url::of_fetched(word.as_bytes()), None, "{word}");
        }
    }
}
