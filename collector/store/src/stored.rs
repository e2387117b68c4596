//! A stored finding.

use proto::scc::Finding;

use crate::{columns::Columns, search::Cursor};

/// A stored finding.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Counts up with every insertion and update; what a follower has seen.
    pub seq: i64,
    /// When it was stored, Unix time in ns.
    pub stored_ns: i64,
    /// Node of the sensor.
    pub node: String,
    /// The finding.
    pub finding: Finding,
}

impl Stored {
    /// Its place in a list that is newest first.
    pub fn cursor(&self) -> Cursor {
        Cursor { event_ns: Columns::of(&self.finding).event_ns, seq: self.seq }
    }
}
