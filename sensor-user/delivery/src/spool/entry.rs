//! A finding in the spool, and how many there may be.

use std::time::Duration;

use proto::ingest::Envelope;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of findings on disk.
    pub bytes: u64,
    /// Time that the sensor runs with a finding waiting.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 256 * 1024 * 1024, age: Duration::from_hours(7 * 24) }
    }
}

/// A finding that waits. Sequence numbers count up from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    /// On whose behalf it is there: the id of a cgroup; 0 is the node itself, or nobody knows.
    pub(crate) owner: u64,
    pub(crate) envelope: Envelope,
}

impl Entry {
    pub(crate) fn bytes(&self) -> u64 {
        self.envelope.finding.len() as u64
    }
}
