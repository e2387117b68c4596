//! The one thread that writes: it puts together what streams have handed in since its last commit, so that a
//! hundred streams share one sync to disk.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    keeper::{Job, Keeper, WAITING},
    metrics::Metrics,
    retention::Retention,
    store::{Store, StoreError},
};

/// Batches in one transaction.
const GROUP: usize = 64;
/// How long the writer waits for a batch before it looks after the store.
const IDLE: Duration = Duration::from_secs(5);

/// Starts the writer. It ends when every sender is gone, after storing what was handed in.
pub(crate) fn start(store: Store, retention: Retention, metrics: Arc<Metrics>) -> std::io::Result<Keeper> {
    let (jobs, waiting) = mpsc::channel::<Job>(WAITING);
    // Its own, for the waiting: the server's may end first.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let writer = Writer { store, retention, metrics };
    let thread =
        thread::Builder::new().name("writer".to_owned()).spawn(move || writer.run(&runtime, waiting))?;
    let ended = tokio::task::spawn_blocking(move || {
        // A panic has been told already.
        let _ = thread.join();
    });
    Ok(Keeper { jobs, ended })
}

struct Writer {
    store: Store,
    retention: Retention,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self, runtime: &Runtime, mut jobs: mpsc::Receiver<Job>) {
        loop {
            let Ok(job) = runtime.block_on(async { tokio::time::timeout(IDLE, jobs.recv()).await }) else {
                self.look_after();
                continue;
            };
            let Some(first) = job else { return };
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(job) = jobs.try_recv()
            {
                group.push(job);
            }
            let begun = Instant::now();
            let stored =
                self.store.put_all(now_ns(), group.iter().map(|job| (job.node.as_str(), &job.findings[..])));
            self.finish(group, stored, begun);
            self.retention.apply_now_and_then(&mut self.store, &self.metrics);
        }
    }

    /// While nothing comes: what is too old goes, and a store that failed is tried, since those who look whether the
    /// collector is ready send nothing until it is.
    fn look_after(&mut self) {
        self.retention.apply_now_and_then(&mut self.store, &self.metrics);
        if !*self.metrics.ready().borrow()
            && let Ok(()) = self.store.try_out()
        {
            tracing::info!("the store takes findings again");
            self.metrics.set_ready(true);
        }
    }

    fn finish(&mut self, group: Vec<Job>, stored: Result<(), StoreError>, begun: Instant) {
        match stored {
            Ok(()) => {
                self.metrics.set_ready(true);
                for job in group {
                    self.metrics.commit(begun.elapsed(), Some(job.findings.len()));
                    // A stream that is gone will send again; storing by name makes that harmless.
                    let _ = job.done.send(Ok(()));
                }
            }
            // One bad batch must not take the others with it.
            Err(e) if group.len() > 1 => {
                tracing::warn!("a group of batches could not be stored, trying one by one: {e}");
                for job in group {
                    let begun = Instant::now();
                    let stored = self.store.put(&job.node, now_ns(), &job.findings);
                    self.finish(vec![job], stored, begun);
                }
            }
            Err(e) => {
                tracing::error!("a batch could not be stored: {e}");
                self.metrics.set_ready(false);
                for job in group {
                    self.metrics.commit(begun.elapsed(), None);
                    let _ = job.done.send(Err(e.to_string()));
                }
            }
        }
    }
}

fn now_ns() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX))
}
