//! What happened to findings.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters, and two levels, of delivery.
#[derive(Debug, Default)]
pub struct DeliveryCounts {
    /// Made: written down, on disk where there is one.
    pub made: AtomicU64,
    /// Stored by the collector.
    pub stored: AtomicU64,
    /// Refused by the collector for good.
    pub rejected: AtomicU64,
    /// Dropped before they were written down, because writing was behind.
    pub dropped: AtomicU64,
    /// Dropped from the spool because it was full or they were too old.
    pub expired: AtomicU64,
    /// Damaged on disk: records cut off or with a checksum that does not fit.
    pub damaged: AtomicU64,
    /// Waiting in the spool now.
    pub waiting: AtomicU64,
    /// Bytes waiting there.
    pub waiting_bytes: AtomicU64,
    /// Of those, findings that are only in memory because the disk could not be written.
    pub in_memory: AtomicU64,
}

impl DeliveryCounts {
    /// Adds to a counter.
    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// Name, meaning, value, and whether it only grows.
    pub fn readings(&self) -> [(&'static str, &'static str, u64, bool); 9] {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("findings_made", "Findings made", get(&self.made), true),
            ("findings_stored", "Findings that the collector has stored", get(&self.stored), true),
            ("findings_rejected", "Findings that the collector refused for good", get(&self.rejected), true),
            (
                "findings_dropped",
                "Findings dropped because writing them down was behind",
                get(&self.dropped),
                true,
            ),
            (
                "findings_expired",
                "Findings dropped from the spool because it was full or they were too old",
                get(&self.expired),
                true,
            ),
            ("spool_damaged", "Damaged records of the spool, cut off", get(&self.damaged), true),
            ("spool_findings", "Findings waiting to be delivered", get(&self.waiting), false),
            ("spool_bytes", "Bytes of findings waiting to be delivered", get(&self.waiting_bytes), false),
            (
                "spool_in_memory",
                "Findings waiting in memory because the disk cannot be written",
                get(&self.in_memory),
                false,
            ),
        ]
    }
}
