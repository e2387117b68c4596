//! Where findings are kept: a database on this machine, or a stream that many collectors share.

use std::{path::PathBuf, str::FromStr};

use jetstream::Address;

/// What `--store` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// An SQLite database.
    File(PathBuf),
    /// A stream of NATS JetStream.
    JetStream(Address),
}

impl FromStr for StoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            None => Ok(Self::File(text.into())),
            Some(("jetstream", _)) => Ok(Self::JetStream(text.parse()?)),
            Some((scheme, _)) => Err(format!(
                "there is no store for {scheme}://: a file's path, or jetstream://HOST:PORT/STREAM, is expected"
            )),
        }
    }
}

/// The path of a database that is to be read.
pub fn database(text: &str) -> Result<PathBuf, String> {
    match text.parse()? {
        StoreAddress::File(path) => Ok(path),
        StoreAddress::JetStream(_) => Err(
            "a stream cannot be searched: `collector index --from` writes it into a database, which is to be named here"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_streams_are_told_apart() {
        assert_eq!("a/b.db".parse(), Ok(StoreAddress::File("a/b.db".into())));
        assert!(matches!("jetstream://nats:4222/findings".parse(), Ok(StoreAddress::JetStream(_))));
        let refused = "postgres://x".parse::<StoreAddress>().expect_err("a refusal");
        assert!(refused.contains("postgres://"), "{refused}");
        assert!(database("jetstream://nats").expect_err("a refusal").contains("collector index"));
    }
}
