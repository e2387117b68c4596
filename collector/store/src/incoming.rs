//! A finding on its way in.

use bytes::Bytes;
use proto::scc::Finding;

use crate::columns::Columns;

/// A finding on its way in: the bytes as they came, and what it is searched by.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub(crate) name: String,
    pub(crate) columns: Columns,
    pub(crate) message: Bytes,
    /// A stored finding of a higher one stays.
    pub(crate) revision: u64,
}

impl Incoming {
    /// A finding, and the bytes that it was decoded from.
    pub fn new(finding: &Finding, message: Bytes, revision: u64) -> Self {
        Self { name: finding.name.clone(), columns: Columns::of(finding), message, revision }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The encoded finding.
    pub fn message(&self) -> &Bytes {
        &self.message
    }

    /// Its revision.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}
