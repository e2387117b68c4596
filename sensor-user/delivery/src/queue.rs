//! From whoever makes findings to the spool: a thread that writes them to disk, many in one sync.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use proto::{ingest::Envelope, scc::Finding};
use stage::{Heartbeat, QueueMetrics, Received, Receiver, Sender, Weigh, queue};
use tokio::{runtime::Runtime, sync::Notify};
use tracing::warn;

use crate::{metrics::DeliveryMetrics, spool::Spool};

/// Bytes of findings that can wait to be written; more are dropped and counted.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Findings written in one transaction.
const GROUP: usize = 256;

/// A finding on its way to the spool.
struct Unspooled {
    envelope: Envelope,
    cgroup: u64,
}

impl Weigh for Unspooled {
    fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.envelope.finding.len()
    }

    fn owner(&self) -> u64 {
        self.cgroup
    }
}

/// Where findings are put. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    sender: Sender<Unspooled>,
    metrics: DeliveryMetrics,
}

/// Where findings are taken from. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    spool: Arc<Mutex<Spool>>,
    pub(crate) metrics: DeliveryMetrics,
    pub(crate) news: Arc<Notify>,
}

/// Writes findings to the spool. It belongs to one thread.
pub struct Spooler {
    queue: Queue,
    receiver: Receiver<Unspooled>,
}

impl Queue {
    /// A queue over a spool, its entrance, and what has to run in a thread between the two.
    pub fn new(spool: Spool, metrics: &QueueMetrics) -> (Outbox, Self, Spooler) {
        let (sender, receiver) = queue("spool", WAITING_BYTES, metrics);
        let metrics = spool.metrics().clone();
        let queue = Self {
            spool: Arc::new(Mutex::new(spool)),
            metrics: metrics.clone(),
            news: Arc::new(Notify::new()),
        };
        let spooler = Spooler { queue: queue.clone(), receiver };
        (Outbox { sender, metrics }, queue, spooler)
    }

    /// The run ended as it was asked to.
    pub fn end(&self) {
        self.lock().end();
    }

    fn lock(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the spool beside the async runtime, since that reads and syncs files.
    pub(crate) async fn with_spool<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> R + Send + 'static,
    ) -> R {
        let queue = self.clone();
        match tokio::task::spawn_blocking(move || work(&mut queue.lock())).await {
            Ok(result) => result,
            // A panic in it is a panic of the stage that asked, and the supervisor's to handle.
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        }
    }
}

impl Spooler {
    /// Writes until every entrance is gone and all is written. `runtime` keeps the time while it waits.
    pub fn run(mut self, heartbeat: &Heartbeat, runtime: &Runtime) {
        let interval: Duration = heartbeat.interval();
        loop {
            heartbeat.beat();
            let first = match self.receiver.recv_within(interval, runtime) {
                Received::Item(first) => first,
                Received::Nothing => {
                    self.queue.lock().retry();
                    continue;
                }
                Received::Ended => return,
            };
            let mut group = vec![(first.cgroup, first.envelope)];
            while group.len() < GROUP
                && let Some(next) = self.receiver.try_recv()
            {
                group.push((next.cgroup, next.envelope));
            }
            let spooled = group.len() as u64;
            self.queue.lock().append(group);
            self.queue.metrics.spooled.inc_by(spooled);
            self.queue.news.notify_one();
        }
    }
}

impl Outbox {
    /// Puts a finding of a cgroup's script in. Never waits: a workload must not be held up by a slow disk.
    pub fn put(&self, finding: &Finding, cgroup: u64) {
        let envelope = Envelope::of(finding, clock::now_boot_ns());
        if self.sender.try_send(Unspooled { envelope, cgroup }) != Ok(true) {
            self.metrics.dropped.inc();
            warn!(name = finding.name, "finding dropped: too many wait to be written; is the disk slow?");
        }
    }
}
