//! The thread in front of the writer: it acknowledges a batch when the backlog has it, and has the writer bring the backlog into
//! the database. So a rush is taken in as fast as a file is appended to, and is searched a little later.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::Metrics;
use stage::{Heartbeat, Supervisor};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
};

use crate::{
    backlog::{Backlog, Portion},
    error::StoreError,
    handle::{Batch, StoreHandle, Write, Writing},
};

/// Batches that are appended with one sync to disk, and bytes of them, about.
const GROUP: usize = 256;
const GROUP_BYTES: usize = 16 << 20;
/// What the writer is given at once, about: findings, and bytes of them.
const PORTION: usize = 8192;
const PORTION_BYTES: usize = 16 << 20;
/// Portions that it has at a time: one that it writes, and the next.
const UNDER_WAY: usize = 2;
/// Bytes that may wait on disk; then nothing more is taken in until some are in the database.
const WAITING_BYTES: u64 = 1 << 30;
/// How long the thread waits for something to happen.
const IDLE: Duration = Duration::from_secs(1);
/// How long a stop waits for what is in the backlog. The rest is brought into the database at the next start.
const STOP: Duration = Duration::from_secs(15);
/// A disk may take long for a sync; a thread that takes longer than this hangs.
const HUNG: Duration = Duration::from_mins(2);

/// Starts it in front of a writer. It ends when every handle is gone.
pub fn start(
    backlog: Backlog,
    writer: StoreHandle,
    metrics: Arc<Metrics>,
    supervisor: &Supervisor,
) -> std::io::Result<Writing> {
    let (handle, waiting) = StoreHandle::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let intake = Intake {
        backlog,
        writer,
        metrics,
        under_way: VecDeque::new(),
        sent: 0,
        done: 0,
        removed: 0,
        failing: None,
    };
    let heartbeat = supervisor.heartbeat("intake", HUNG);
    let thread = supervisor.thread("intake", move || intake.run(&runtime, waiting, &heartbeat))?;
    let ended = tokio::task::spawn_blocking(move || {
        // A panic is the supervisor's to tell.
        let _ = thread.join();
    });
    Ok(Writing { handle, ended })
}

/// A portion that the writer has.
struct UnderWay {
    last: i64,
    stored: oneshot::Receiver<Result<(), String>>,
}

/// Why what waits does not get into the database, and when it is tried again.
struct Failing {
    why: String,
    again: Instant,
}

struct Intake {
    backlog: Backlog,
    writer: StoreHandle,
    metrics: Arc<Metrics>,
    under_way: VecDeque<UnderWay>,
    /// What has numbers up to this one was given to the writer,
    sent: i64,
    /// up to this one it is in the database,
    done: i64,
    /// and up to this one it is gone from the backlog.
    removed: i64,
    failing: Option<Failing>,
}

/// What the thread waited for.
enum Happened {
    Came(Write),
    /// Nothing will come any more.
    Closed,
    /// The first portion under way is in the database, or is not.
    Stored(Result<(), String>),
    Nothing,
}

impl Intake {
    fn run(mut self, runtime: &Runtime, mut writes: mpsc::Receiver<Write>, heartbeat: &Heartbeat) {
        let mut closed: Option<Instant> = None;
        loop {
            heartbeat.beat();
            runtime.block_on(self.hand_over());
            self.metrics.backlog_size.set(i64::try_from(self.backlog.bytes()).unwrap_or(i64::MAX));
            if closed.is_some_and(|at| self.is_settled() || at.elapsed() > STOP) {
                if !self.is_settled() {
                    tracing::warn!("findings wait to be brought into the database: the next start does it");
                }
                self.tidy();
                return;
            }
            match runtime.block_on(self.next(&mut writes, closed.is_none())) {
                Happened::Came(write) => self.take(write, &mut writes, runtime),
                Happened::Closed => closed = Some(Instant::now()),
                Happened::Stored(stored) => self.note(stored),
                Happened::Nothing => self.tidy(),
            }
        }
    }

    async fn next(&mut self, writes: &mut mpsc::Receiver<Write>, is_open: bool) -> Happened {
        let has_room = self.backlog.bytes() < WAITING_BYTES;
        let first = self.under_way.front_mut();
        let is_first = first.is_some();
        let stored = async {
            match first {
                Some(first) => (&mut first.stored).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            write = writes.recv(), if is_open && has_room => write.map_or(Happened::Closed, Happened::Came),
            stored = stored, if is_first => {
                Happened::Stored(stored.unwrap_or_else(|_| Err("the writer has stopped".to_owned())))
            }
            () = tokio::time::sleep(IDLE) => Happened::Nothing,
        }
    }

    /// Is everything in the database?
    fn is_settled(&self) -> bool {
        self.under_way.is_empty() && self.sent >= self.backlog.last()
    }

    /// Takes in what came, and what came since, with one sync.
    fn take(&mut self, first: Write, writes: &mut mpsc::Receiver<Write>, runtime: &Runtime) {
        let (mut group, mut bytes) = (Vec::new(), 0);
        let mut next = Some(first);
        while let Some(write) = next {
            match write {
                // Only says how its sensor is.
                Write::Batch(batch) if batch.is_empty() => {
                    let _ = batch.done.send(Ok(()));
                }
                Write::Batch(batch) => {
                    bytes += batch.bytes();
                    group.push(batch);
                }
                // A writer that is gone is the supervisor's to tell.
                other => drop(runtime.block_on(self.writer.pass(other))),
            }
            next = if group.len() < GROUP && bytes < GROUP_BYTES { writes.try_recv().ok() } else { None };
        }
        if group.is_empty() {
            return;
        }
        let begun = Instant::now();
        let appended = match &self.failing {
            // What cannot be searched is better kept by its sensor, which may know another collector.
            Some(failing) => Err(failing.why.clone()),
            None => self.append(&group).map_err(|e| {
                tracing::error!("batches could not be taken in: {e}");
                e.to_string()
            }),
        };
        if appended.is_err() {
            self.metrics.set_ready(false);
        }
        for batch in group {
            self.metrics.take(begun.elapsed(), appended.is_ok());
            // A stream that is gone will send again; storing by name makes that harmless.
            let _ = batch.done.send(appended.clone());
        }
    }

    fn append(&mut self, group: &[Batch]) -> Result<(), StoreError> {
        self.backlog.append(group, self.done)?;
        self.removed = self.done;
        Ok(())
    }

    /// Gives the writer what waits, as much as it is to have at a time.
    async fn hand_over(&mut self) {
        let most = match &self.failing {
            Some(failing) if failing.again > Instant::now() => return,
            Some(_) => 1,
            None => UNDER_WAY,
        };
        while self.under_way.len() < most && self.sent < self.backlog.last() {
            let Portion { last, parts } = match self.backlog.after(self.sent, PORTION, PORTION_BYTES) {
                Ok(portion) => portion,
                Err(e) => return self.fail(e.to_string()),
            };
            let (done, stored) = oneshot::channel();
            if self.writer.put(Batch { parts, done, room: None }).await.is_err() {
                return self.fail("the writer has stopped".to_owned());
            }
            // There is no more, though numbers were given: it is gone.
            self.sent = if last == self.sent { self.backlog.last() } else { last };
            self.under_way.push_back(UnderWay { last: self.sent, stored });
        }
    }

    /// The first portion under way is in the database, or is not.
    fn note(&mut self, stored: Result<(), String>) {
        let Some(first) = self.under_way.pop_front() else { return };
        match stored {
            Ok(()) => {
                self.done = first.last;
                self.failing = None;
            }
            Err(why) => self.fail(why),
        }
    }

    /// All that is not in the database is given to the writer again. What got there in spite of it does no harm: a finding that is
    /// stored already is no news.
    fn fail(&mut self, why: String) {
        if self.failing.is_none() {
            tracing::error!(
                "findings that were taken in do not get into the database: {why}; again in {IDLE:?}"
            );
        }
        self.failing = Some(Failing { why, again: Instant::now() + IDLE });
        self.under_way.clear();
        self.sent = self.done;
    }

    /// While nothing comes: what is in the database goes out of the backlog.
    fn tidy(&mut self) {
        if self.done > self.removed {
            match self.append(&[]) {
                Ok(()) => {}
                Err(e) => tracing::warn!("the backlog could not be tidied: {e}"),
            }
        }
        if self.backlog.bytes() == 0
            && let Err(e) = self.backlog.shrink()
        {
            tracing::warn!("the backlog's file could not be made smaller: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use prometheus_client::registry::Registry;
    use prost::Message;
    use proto::scc::Finding;

    use super::*;
    use crate::{Incoming, Limits, Part, Retention, Store, backlog, writer};

    fn incoming(id: &str, revision: u64) -> Incoming {
        let finding = Finding { name: format!("projects/p/findings/{id}"), ..Finding::default() };
        Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), revision)
    }

    struct Running {
        metrics: Arc<Metrics>,
        intake: Writing,
        writer: Writing,
    }

    /// As a collector starts it.
    fn start_all(path: &std::path::Path) -> Running {
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::register(&mut registry, "0"));
        let supervisor = Supervisor::register(&mut registry);
        supervisor.expect_ends();
        let store = Store::open(path).expect("a store");
        let retention = Retention::new(Limits::default(), vec![]);
        let writer = writer::start(store, "0", retention, metrics.clone(), &supervisor).expect("a writer");
        let backlog = Backlog::open(path).expect("a backlog");
        let intake =
            super::start(backlog, writer.handle.clone(), metrics.clone(), &supervisor).expect("an intake");
        Running { metrics, intake, writer }
    }

    async fn put(handle: &StoreHandle, node: &str, findings: Vec<Incoming>) -> Result<(), String> {
        let (done, wait) = oneshot::channel();
        let batch = Batch { parts: vec![Part { node: node.to_owned(), findings }], done, room: None };
        handle.put(batch).await.expect("a running intake");
        wait.await.expect("an answer")
    }

    async fn end(running: Running) {
        drop(running.intake.handle);
        running.intake.ended.await.expect("its end");
        drop(running.writer.handle);
        running.writer.ended.await.expect("its end");
    }

    #[tokio::test]
    async fn what_is_acknowledged_gets_into_the_database_and_out_of_the_backlog() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.db");
        let running = start_all(&path);
        let many: Vec<Incoming> = (0..500).map(|n| incoming(&format!("m{n}"), 1)).collect();
        for part in many.chunks(50) {
            assert_eq!(put(&running.intake.handle, "n", part.to_vec()).await, Ok(()));
        }
        assert_eq!(put(&running.intake.handle, "n", vec![]).await, Ok(()));
        tokio::task::spawn_blocking({
            let path = path.clone();
            move || Backlog::wait(&path, Duration::from_secs(10)).expect("all in the database")
        })
        .await
        .expect("no panic");
        assert_eq!(Store::open_for_reading(&path).expect("a store").count().expect("a count"), 500);
        end(running).await;
        assert_eq!(Backlog::open(&path).expect("a backlog").bytes(), 0);
    }

    #[tokio::test]
    async fn what_a_kill_left_in_the_backlog_is_stored_by_the_next_start_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.db");
        let mut store = Store::open(&path).expect("a store");
        store.put("n", 1, &[incoming("a", 1)]).expect("stored");
        let mut backlog = Backlog::open(&path).expect("a backlog");
        let batch = |id| {
            let (done, _) = oneshot::channel();
            Batch {
                parts: vec![Part { node: "n".to_owned(), findings: vec![incoming(id, 1)] }],
                done,
                room: None,
            }
        };
        // The first is in the database, too: it was on its way out of here.
        backlog.append(&[batch("a"), batch("b"), batch("c")], 0).expect("appended");
        let seen = store.last_seq().expect("a number");
        assert!(matches!(Backlog::wait(&path, Duration::from_millis(100)), Err(StoreError::Backlog(_))));
        drop((store, backlog));
        let running = start_all(&path);
        end(running).await;
        let store = Store::open_for_reading(&path).expect("a store");
        let news = store.after(seen).expect("findings");
        let names: Vec<&str> = news.iter().map(|stored| stored.finding.name.as_str()).collect();
        assert_eq!(names, ["projects/p/findings/b", "projects/p/findings/c"], "what is stored is no news");
        assert_eq!(Backlog::open(&path).expect("a backlog").bytes(), 0);
    }

    #[tokio::test]
    async fn while_the_database_takes_nothing_nothing_more_is_taken_in() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.db");
        let running = start_all(&path);
        let breaker = rusqlite::Connection::open(&path).expect("a connection");
        breaker
            .execute_batch(
                "CREATE TRIGGER broken BEFORE INSERT ON finding BEGIN SELECT RAISE(ABORT, 'full'); END",
            )
            .expect("a trigger");
        assert_eq!(put(&running.intake.handle, "n", vec![incoming("a", 1)]).await, Ok(()));
        let begun = Instant::now();
        while put(&running.intake.handle, "n", vec![incoming("b", 1)]).await.is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(10), "it goes on");
        }
        assert!(!*running.metrics.ready().borrow());
        breaker.execute_batch("DROP TRIGGER broken").expect("no trigger");
        let begun = Instant::now();
        while put(&running.intake.handle, "n", vec![incoming("c", 1)]).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not recover");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        end(running).await;
        let store = Store::open_for_reading(&path).expect("a store");
        for id in ["a", "b", "c"] {
            assert!(store.find(id, None).expect("an answer").is_some(), "{id}");
        }
        assert!(Bytes::from(std::fs::read(backlog::of(&path)).expect("a file")).len() < 1 << 20);
    }
}
