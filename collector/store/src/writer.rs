//! The one thread that writes: it puts together what streams have handed in since its last commit, so that a
//! hundred streams share one sync to disk.

use std::{sync::Arc, time::Duration, time::Instant};

use metrics::{Metrics, OfState};
use stage::{Heartbeat, Supervisor};
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    error::StoreError,
    handle::{Batch, Part, Progress, StoreHandle, Write, Writing},
    incoming::Incoming,
    retention::Retention,
    sensors::{State, View, Word},
    store::Store,
};

/// Findings in one transaction, about.
const GROUP: usize = 4096;
/// How long the writer waits for a batch before it looks after the store.
const IDLE: Duration = Duration::from_secs(5);
/// And while more is to be forgotten than goes at once.
const BETWEEN: Duration = Duration::from_millis(100);
/// A disk may take long for a sync; a writer that takes longer than this hangs.
const HUNG: Duration = Duration::from_mins(2);

/// Of the writer's thread.
const NICE: i32 = 5;

/// Starts the writer. It ends when every handle is gone, after storing what was handed over. `tells` whether findings can be stored:
/// where an intake is in front of it, that does.
pub fn start(
    store: Store,
    tells: bool,
    version: &'static str,
    retention: Retention,
    metrics: Arc<Metrics>,
    supervisor: &Supervisor,
) -> std::io::Result<Writing> {
    let (handle, waiting) = StoreHandle::new();
    // Its own, for the waiting: the server's may end first.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let writer = Writer { store, tells, version, begun_ns: now_ns(), retention, metrics };
    let heartbeat = supervisor.heartbeat("writer", HUNG);
    let thread = supervisor.thread("writer", move || {
        yield_to_others();
        writer.run(&runtime, waiting, &heartbeat);
    })?;
    let ended = tokio::task::spawn_blocking(move || {
        // A panic is the supervisor's to tell.
        let _ = thread.join();
    });
    Ok(Writing { handle, ended })
}

/// Among the collector's threads the writer is to get a processor last: taking in what comes goes before making it searchable.
fn yield_to_others() {
    // Linux has a niceness for each thread.
    if let Err(e) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!("the database is written with the usual priority: {e}");
    }
}

struct Writer {
    store: Store,
    /// Does it tell whether findings can be stored?
    tells: bool,
    /// The collector's.
    version: &'static str,
    /// Since when it runs, Unix time in ns.
    begun_ns: i64,
    retention: Retention,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self, runtime: &Runtime, mut writes: mpsc::Receiver<Write>, heartbeat: &Heartbeat) {
        loop {
            heartbeat.beat();
            let idle = if self.retention.is_behind() { BETWEEN } else { IDLE };
            let Ok(write) = runtime.block_on(async { tokio::time::timeout(idle, writes.recv()).await })
            else {
                self.look_after();
                continue;
            };
            let Some(first) = write else { return };
            let (mut group, mut findings) = (Vec::new(), 0);
            let mut next = Some(first);
            while let Some(write) = next {
                match write {
                    Write::Batch(batch) => {
                        findings += batch.len();
                        group.push(batch);
                    }
                    Write::Progress(progress, done) => {
                        // Whoever asked may be gone.
                        let _ = done.send(self.note(&progress).map_err(|e| e.to_string()));
                    }
                    Write::Sensors(words) => self.note_sensors(&words),
                }
                next = if findings < GROUP { writes.try_recv().ok() } else { None };
            }
            if group.is_empty() {
                self.look_after();
                continue;
            }
            let begun = Instant::now();
            let parts = group.iter().flat_map(|batch| &batch.parts);
            let stored = self.store.put_all(now_ns(), parts.map(of_part));
            let bytes = group.iter().map(|batch| batch.bytes() as u64).sum();
            self.finish(group, stored, begun);
            self.retention.apply_now_and_then(&mut self.store, &self.metrics, bytes);
        }
    }

    /// What was heard of sensors is heard again a minute later: a failure is told, and no more.
    fn note_sensors(&mut self, words: &[Word]) {
        let now = now_ns();
        if let Err(e) = self.store.note_sensors(words, now) {
            tracing::warn!("what was heard of sensors could not be stored: {e}");
        }
        // What was stored is true of time as it goes by, also where nothing can be stored.
        match self.store.sensors() {
            Ok(sensors) => {
                let view = View { now_ns: now, since_ns: self.begun_ns, version: self.version };
                for state in State::ALL {
                    let count = sensors.iter().filter(|sensor| sensor.is(state, view)).count();
                    self.metrics.sensors.get_or_create_owned(&OfState::named(state.name())).set(count as i64);
                }
            }
            Err(e) => tracing::warn!("what was heard of sensors cannot be read: {e}"),
        }
    }

    fn note(&mut self, progress: &Progress) -> Result<(), StoreError> {
        self.store.note_progress(progress)
    }

    /// While nothing comes: what is too old goes, and a store that failed is tried, since those who look whether the
    /// collector is ready send nothing until it is.
    fn look_after(&mut self) {
        self.retention.apply_now_and_then(&mut self.store, &self.metrics, 0);
        if self.tells
            && !*self.metrics.ready().borrow()
            && let Ok(()) = self.store.try_out()
        {
            tracing::info!("the store takes findings again");
            self.metrics.set_ready(true);
        }
    }

    fn finish(&mut self, group: Vec<Batch>, stored: Result<(), StoreError>, begun: Instant) {
        match stored {
            Ok(()) => {
                // A batch that only says how its sensor is needs no disk.
                if self.tells && group.iter().any(|batch| !batch.is_empty()) {
                    self.metrics.set_ready(true);
                }
                for batch in group {
                    if !batch.is_empty() {
                        self.metrics.commit(begun.elapsed(), Some(batch.len()));
                    }
                    // A stream that is gone will send again; storing by name makes that harmless.
                    let _ = batch.done.send(Ok(()));
                }
            }
            // One bad batch must not take the others with it.
            Err(e) if group.len() > 1 => {
                tracing::warn!("a group of batches could not be stored, trying one by one: {e}");
                for batch in group {
                    let begun = Instant::now();
                    let stored = self.store.put_all(now_ns(), batch.parts.iter().map(of_part));
                    self.finish(vec![batch], stored, begun);
                }
            }
            Err(e) => {
                tracing::error!("a batch could not be stored: {e}");
                if self.tells {
                    self.metrics.set_ready(false);
                }
                for batch in group {
                    self.metrics.commit(begun.elapsed(), None);
                    let _ = batch.done.send(Err(e.to_string()));
                }
            }
        }
    }
}

fn of_part(part: &Part) -> (&str, &[Incoming]) {
    (&part.node, &part.findings)
}

fn now_ns() -> i64 {
    i64::try_from(clock::now_unix_ns()).unwrap_or(i64::MAX)
}
