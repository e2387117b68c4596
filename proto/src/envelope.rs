//! Findings as they travel: encoded once, in an envelope with a checksum.

use prost::Message;

use crate::{ingest::Envelope, scc::Finding};

/// Bytes of an encoded finding that a collector takes. A JetStream server takes messages of 8 MiB at least.
pub const FINDING_BYTES_MAX: usize = 7 * 1024 * 1024;
/// Elements of a finding that a collector takes, at whatever depth. An empty one takes two bytes in a message and hundreds when that
/// is decoded.
pub const FINDING_ELEMENTS_MAX: usize = 15_000;

/// The finding in an envelope is not what its sensor wrote.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// The checksum does not fit.
    #[error("a finding's checksum does not fit its bytes")]
    Checksum,
    /// The checksum fits, but the bytes are no finding.
    #[error("not a finding: {0}")]
    Form(#[from] prost::DecodeError),
}

impl Envelope {
    /// Puts a finding into an envelope. `revision` counts its versions: nanoseconds since boot.
    pub fn of(finding: &Finding, revision: u64) -> Self {
        let bytes = finding.encode_to_vec();
        Self { crc32: crc32fast::hash(&bytes), finding: bytes.into(), revision }
    }

    /// Is the finding as it was put in?
    pub fn is_whole(&self) -> bool {
        crc32fast::hash(&self.finding) == self.crc32
    }

    /// The finding in it.
    pub fn open(&self) -> Result<Finding, Damaged> {
        if !self.is_whole() {
            return Err(Damaged::Checksum);
        }
        Ok(Finding::decode(self.finding.clone())?)
    }
}
