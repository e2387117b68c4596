//! From whoever makes findings to the spool: a thread that writes them down, many in one sync.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use proto::{ingest::Sealed, scc::Finding};
use tokio::sync::Notify;

use super::{counts::DeliveryCounts, spool::Spool};
use crate::identity::now_boot_ns;

/// Findings that can wait to be written down; more are dropped and counted.
const WAITING_MAX: usize = 8192;
/// Findings written in one transaction.
const GROUP: usize = 256;

/// Where findings are put. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    sender: Sender<Sealed>,
    counts: Arc<DeliveryCounts>,
}

/// Where findings are taken from.
#[derive(Clone)]
pub struct Queue {
    spool: Arc<Mutex<Spool>>,
    pub(super) counts: Arc<DeliveryCounts>,
    pub(super) news: Arc<Notify>,
}

impl Queue {
    /// A queue over a spool, and its entrance. The thread ends when every entrance is gone and all is written.
    pub fn new(spool: Spool) -> std::io::Result<(Outbox, Self, thread::JoinHandle<()>)> {
        let (sender, receiver) = bounded(WAITING_MAX);
        let counts = spool.counts().clone();
        let queue = Self {
            spool: Arc::new(Mutex::new(spool)),
            counts: counts.clone(),
            news: Arc::new(Notify::new()),
        };
        let writer = queue.clone();
        let thread =
            thread::Builder::new().name("spool".to_owned()).spawn(move || writer.write_down(&receiver))?;
        Ok((Outbox { sender, counts }, queue, thread))
    }

    /// The spool, for short.
    pub(super) fn spool(&self) -> MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_down(&self, receiver: &Receiver<Sealed>) {
        while let Ok(first) = receiver.recv() {
            let mut group = vec![first];
            group.extend(receiver.try_iter().take(GROUP - 1));
            let made = group.len() as u64;
            self.spool().append(group);
            DeliveryCounts::add(&self.counts.made, made);
            self.news.notify_one();
        }
    }
}

impl Outbox {
    /// Puts a finding in. Never waits: a workload must not be held up by a slow disk.
    pub fn put(&self, finding: &Finding) {
        let sealed = Sealed::of(finding, now_boot_ns());
        if let Err(TrySendError::Full(_)) = self.sender.try_send(sealed) {
            DeliveryCounts::add(&self.counts.dropped, 1);
            tracing::warn!(
                name = finding.name,
                "finding dropped: {WAITING_MAX} wait to be written down; is the disk slow?"
            );
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> &Arc<DeliveryCounts> {
        &self.counts
    }
}
