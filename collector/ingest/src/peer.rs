//! Who a client is, by what somebody else vouches for.

use std::fmt;

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A certificate of an authority of sensors.
    Certificate,
    /// A token of the sensors' service account.
    Token,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
        })
    }
}

/// The names of the nodes that a credential is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) by: Credential,
    pub(crate) names: Vec<String>,
}

impl Peer {
    pub(crate) fn is_for(&self, node: &str) -> bool {
        self.names.iter().any(|name| name == node)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() { f.write_str("nobody") } else { write!(f, "{:?}", self.names) }
    }
}
