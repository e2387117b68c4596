//! The one thread that writes: it puts together what streams have handed in since its last commit, so that a
//! hundred streams share one sync to disk.

use std::{
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    retention::Retention,
    store::{Incoming, Store, StoreError},
};

/// Batches waiting; senders wait when it is full, and HTTP/2 flow control holds the sensors back.
const WAITING: usize = 256;
/// Batches in one transaction.
const GROUP: usize = 64;

/// A batch and whom to tell when it is stored.
pub(crate) struct Job {
    pub(crate) node: String,
    pub(crate) findings: Vec<Incoming>,
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

/// Starts the writer. It ends when every sender is gone, after storing what was handed in.
pub(crate) fn start(
    mut store: Store,
    mut retention: Retention,
) -> std::io::Result<(mpsc::Sender<Job>, thread::JoinHandle<()>)> {
    let (sender, mut jobs) = mpsc::channel::<Job>(WAITING);
    let handle = thread::Builder::new().name("writer".to_owned()).spawn(move || {
        while let Some(first) = jobs.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            let stored =
                store.put_all(now_ns(), group.iter().map(|job| (job.node.as_str(), &job.findings[..])));
            finish(&mut store, group, stored);
            retention.apply_now_and_then(&mut store);
        }
    })?;
    Ok((sender, handle))
}

fn finish(store: &mut Store, group: Vec<Job>, stored: Result<(), StoreError>) {
    match stored {
        Ok(()) => {
            for job in group {
                // A stream that is gone will send again; storing by name makes that harmless.
                let _ = job.done.send(Ok(()));
            }
        }
        // One bad batch must not take the others with it.
        Err(e) if group.len() > 1 => {
            tracing::warn!("a group of batches could not be stored, trying one by one: {e}");
            for job in group {
                let stored = store.put(&job.node, now_ns(), &job.findings);
                finish(store, vec![job], stored);
            }
        }
        Err(e) => {
            tracing::error!("a batch could not be stored: {e}");
            for job in group {
                let _ = job.done.send(Err(e.to_string()));
            }
        }
    }
}

fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}
