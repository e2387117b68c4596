//! Findings waiting to be delivered, in memory.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use proto::scc::Finding;
use tokio::sync::mpsc;

/// Findings that can wait; more are dropped and counted.
const WAITING_MAX: usize = 8192;

/// What happened to findings.
#[derive(Debug, Default)]
pub struct QueueCounts {
    /// Made.
    pub made: AtomicU64,
    /// Stored by the collector.
    pub stored: AtomicU64,
    /// Refused by the collector for good.
    pub rejected: AtomicU64,
    /// Dropped because too many waited.
    pub dropped: AtomicU64,
}

/// Where findings are put. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    sender: mpsc::Sender<Finding>,
    counts: Arc<QueueCounts>,
}

/// Where findings are taken from.
pub struct Queue {
    pub(super) receiver: mpsc::Receiver<Finding>,
    pub(super) counts: Arc<QueueCounts>,
}

impl Queue {
    /// A queue and its entrance.
    pub fn new() -> (Outbox, Self) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let counts = Arc::new(QueueCounts::default());
        (Outbox { sender, counts: counts.clone() }, Self { receiver, counts })
    }
}

impl Outbox {
    /// Puts a finding in. Never waits: a workload must not be held up by a slow collector.
    pub fn put(&self, finding: Finding) {
        self.counts.made.fetch_add(1, Ordering::Relaxed);
        if let Err(mpsc::error::TrySendError::Full(finding)) = self.sender.try_send(finding) {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                name = finding.name,
                "finding dropped: {WAITING_MAX} wait already; is the collector reachable?"
            );
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> &Arc<QueueCounts> {
        &self.counts
    }
}
