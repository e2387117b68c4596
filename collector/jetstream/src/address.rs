//! `jetstream://HOST:PORT/STREAM?…`.

use std::{path::PathBuf, str::FromStr};

use url::Url;

/// The port of NATS.
const PORT: u16 = 4222;
/// The stream, when none is named.
const STREAM: &str = "scriptwatch";

/// A stream and how to reach it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// A server of the cluster; it names the others.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Name of the stream; its subjects begin with it.
    pub(crate) stream: String,
    /// Servers that keep each finding; as the stream has it when not given.
    pub(crate) replicas: Option<usize>,
    /// User and password.
    pub(crate) login: Option<(String, String)>,
    /// File with a JWT and a key, as `nsc` writes it.
    pub(crate) credentials: Option<PathBuf>,
    /// The connection must be encrypted.
    pub(crate) is_encrypted: bool,
    /// PEM file with the authorities of the server's certificate, besides the system's.
    pub(crate) authorities: Option<PathBuf>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password.
        write!(f, "jetstream://{}:{}/{}", self.host, self.port, self.stream)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("not an address: {e}"))?;
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or("the address names no host")?.to_owned();
        let stream = match url.path().trim_matches('/') {
            "" => STREAM,
            name => name,
        };
        if !stream.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err(format!("{stream:?} is no name of a stream: letters, digits, - and _ are expected"));
        }
        let login = (!url.username().is_empty()).then(|| {
            let text = |s: &str| {
                url::form_urlencoded::parse(s.replace('+', "%2B").as_bytes()).map(|p| p.0).collect()
            };
            (text(url.username()), text(url.password().unwrap_or_default()))
        });
        let mut address = Self {
            host,
            port: url.port().unwrap_or(PORT),
            stream: stream.to_owned(),
            replicas: None,
            login,
            credentials: None,
            is_encrypted: false,
            authorities: None,
        };
        for (key, value) in url.query_pairs() {
            match &*key {
                "replicas" => {
                    let replicas = value
                        .parse()
                        .ok()
                        .filter(|n| (1..=5).contains(n))
                        .ok_or_else(|| format!("replicas={value}: 1 to 5 are possible"))?;
                    address.replicas = Some(replicas);
                }
                "credentials" => address.credentials = Some(value.into_owned().into()),
                "tls" => {
                    address.is_encrypted =
                        value.parse().map_err(|_| format!("tls={value}: true or false is expected"))?;
                }
                "ca" => {
                    address.authorities = Some(value.into_owned().into());
                    address.is_encrypted = true;
                }
                other => {
                    return Err(format!(
                        "{other:?} means nothing here: replicas, credentials, tls and ca are known"
                    ));
                }
            }
        }
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_a_default_and_what_makes_no_sense_is_named() {
        let address: Address = "jetstream://nats".parse().expect("an address");
        assert_eq!((address.port, address.stream.as_str(), address.replicas), (4222, "scriptwatch", None));
        let address: Address =
            "jetstream://u%40x:p+w@n.example:4223/f-1?replicas=3&tls=true".parse().expect("an address");
        assert_eq!(address.login, Some(("u@x".to_owned(), "p+w".to_owned())));
        assert_eq!((address.port, address.stream.as_str(), address.replicas), (4223, "f-1", Some(3)));
        assert!(address.is_encrypted);
        assert!(!format!("{address:?}").contains("p+w"));
        for (text, said) in [
            ("jetstream:///x", "no host"),
            ("jetstream://n/a.b", "a.b"),
            ("jetstream://n/a?replicas=9", "1 to 5"),
            ("jetstream://n/a?color=red", "color"),
        ] {
            let refused = text.parse::<Address>().expect_err("a refusal");
            assert!(refused.contains(said), "{refused}");
        }
    }
}
