//! A finding on its way in.

use bytes::Bytes;

/// A finding on its way in: the bytes as they came.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub(crate) name: String,
    pub(crate) message: Bytes,
    /// A stored finding of a higher one stays.
    pub(crate) revision: u64,
}

impl Incoming {
    /// A finding of this name, which is in its bytes, too.
    pub fn new(name: String, message: Bytes, revision: u64) -> Self {
        Self { name, message, revision }
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
