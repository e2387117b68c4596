//! The thread in front of the writer: it acknowledges a batch when the backlog has it, and has the writer bring the backlog into
//! the database. So a rush is taken in as fast as a file is appended to, and is searched a little later.

use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use metrics::Metrics;
use stage::{Heartbeat, Supervisor};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;

use crate::{
    backlog::{Backlog, Portion},
    handle::{Batch, StoreHandle, Write, Writing},
    turns::Row,
    volume::Volume,
};

/// Batches that are appended with one sync to disk, and bytes of them, about.
const GROUP: usize = 256;
const GROUP_BYTES: usize = 16 << 20;
/// What the writer is given at once, about: findings, by how long the last ones took, and bytes of them.
const PORTION_MIN: usize = 64;
const PORTION_MAX: usize = 8192;
const PORTION_BYTES: usize = 16 << 20;
const PORTION_QUICK: Duration = Duration::from_millis(300);
const PORTION_SLOW: Duration = Duration::from_secs(1);
/// Portions that it has at a time: one that it writes, and the next.
const UNDER_WAY: usize = 2;
/// Bytes that may wait on disk. A node may have as many of them as it leaves free, so there is always room for another.
const WAITING_BYTES: u64 = 256 << 20;
/// So many times as much as waits must be free on the disk, for the database.
const DISK: u64 = 2;
/// Bytes of batches that wait in memory for their node to have room, of all nodes. What comes beyond is refused.
const HELD_BYTES: usize = 16 << 20;
/// How long the thread waits for something to happen, how often what is in the database goes out of the backlog, and when what
/// failed is tried again.
const IDLE: Duration = Duration::from_secs(1);
/// How long a stop waits for what is in the backlog. The rest is brought into the database at the next start.
const STOP: Duration = Duration::from_secs(10);
/// A disk may take long for a sync; a thread that takes longer than this hangs.
const HUNG: Duration = Duration::from_mins(2);

/// Starts it in front of a writer. It ends when every handle is gone and what waits is in the database, or some time after `stop` is
/// cancelled: the rest is left for the next start.
pub fn start(
    database: &Path,
    backlog: Backlog,
    writer: StoreHandle,
    metrics: Arc<Metrics>,
    supervisor: &Supervisor,
    stop: CancellationToken,
) -> std::io::Result<Writing> {
    let (handle, waiting) = StoreHandle::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let intake = Intake {
        backlog,
        volume: Volume::of(database),
        writer,
        metrics,
        under_way: VecDeque::new(),
        portion: PORTION_MIN,
        held: VecDeque::new(),
        wanted: None,
        stop,
        tidied: Instant::now(),
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
    rows: Vec<Row>,
    stored: oneshot::Receiver<Result<(), String>>,
    begun: Instant,
}

/// Why what comes, or waits, cannot be stored, and when it is tried again.
struct Failing {
    why: String,
    again: Instant,
}

struct Intake {
    backlog: Backlog,
    volume: Volume,
    writer: StoreHandle,
    metrics: Arc<Metrics>,
    under_way: VecDeque<UnderWay>,
    /// Findings in the next portion.
    portion: usize,
    /// Batches of nodes that have no room.
    held: VecDeque<Batch>,
    /// The disk must have so many bytes free before anything more is taken in.
    wanted: Option<u64>,
    stop: CancellationToken,
    tidied: Instant,
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
        let (mut is_closed, mut stopping) = (false, None::<Instant>);
        loop {
            heartbeat.beat();
            self.look_after();
            runtime.block_on(self.hand_over());
            self.metrics.backlog_size.set(i64::try_from(self.backlog.bytes()).unwrap_or(i64::MAX));
            if stopping.is_none() && self.stop.is_cancelled() {
                // Their streams end only when these are answered.
                stopping = Some(Instant::now());
                self.refuse_held();
            }
            if is_closed && (self.is_settled() || stopping.is_some_and(|at| at.elapsed() > STOP)) {
                if !self.is_settled() {
                    tracing::warn!("findings wait to be brought into the database: the next start does it");
                }
                self.tidy();
                return;
            }
            match runtime.block_on(self.next(&mut writes, !is_closed, stopping.is_some())) {
                Happened::Came(write) => self.take(write, &mut writes, runtime),
                Happened::Closed => is_closed = true,
                Happened::Stored(stored) => self.note(stored),
                Happened::Nothing => {}
            }
        }
    }

    async fn next(
        &mut self,
        writes: &mut mpsc::Receiver<Write>,
        is_open: bool,
        is_stopping: bool,
    ) -> Happened {
        let stop = self.stop.clone();
        let first = self.under_way.front_mut();
        let is_first = first.is_some();
        let stored = async {
            match first {
                Some(first) => (&mut first.stored).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            write = writes.recv(), if is_open => write.map_or(Happened::Closed, Happened::Came),
            stored = stored, if is_first => {
                Happened::Stored(stored.unwrap_or_else(|_| Err("the writer has stopped".to_owned())))
            }
            () = stop.cancelled(), if !is_stopping => Happened::Nothing,
            () = tokio::time::sleep(IDLE) => Happened::Nothing,
        }
    }

    /// Is everything in the database?
    fn is_settled(&self) -> bool {
        self.under_way.is_empty() && self.backlog.is_empty()
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
                Write::Batch(batch) if !self.has_disk(&batch, bytes) => {
                    self.refuse(batch, "the collector's disk has too little room");
                }
                Write::Batch(batch) if self.has_share(&batch, bytes) && !self.is_held(&batch) => {
                    bytes += batch.bytes();
                    group.push(batch);
                }
                Write::Batch(batch) => self.hold(batch),
                // A writer that is gone is the supervisor's to tell.
                other => drop(runtime.block_on(self.writer.pass(other))),
            }
            next = if group.len() < GROUP && bytes < GROUP_BYTES { writes.try_recv().ok() } else { None };
        }
        self.append(group);
    }

    /// Has the node of a batch a share of the room, beside so many bytes that come with it?
    fn has_share(&self, batch: &Batch, beside: usize) -> bool {
        let size = batch.bytes() as u64;
        let free = WAITING_BYTES.saturating_sub(self.backlog.bytes() + beside as u64 + size);
        batch.parts.iter().all(|part| self.backlog.bytes_of(&part.node) + size <= free)
    }

    /// Has the disk room for a batch? If not, nothing can be stored until it has.
    fn has_disk(&mut self, batch: &Batch, beside: usize) -> bool {
        let wanted = (self.backlog.bytes() + (beside + batch.bytes()) as u64) * DISK;
        if self.wanted.is_none() && self.volume.free() < wanted {
            tracing::error!(
                "the disk has too little room: nothing is taken in until {wanted} bytes are free"
            );
            self.metrics.set_ready(false);
            self.wanted = Some(wanted);
        }
        self.wanted.is_none()
    }

    /// Has one of its nodes a batch that waits for room?
    fn is_held(&self, batch: &Batch) -> bool {
        let is_of =
            |held: &Batch| held.parts.iter().any(|part| batch.parts.iter().any(|p| p.node == part.node));
        self.held.iter().any(is_of)
    }

    /// Has a batch wait in memory until there is room. Its sensor is told nothing, so it sends no more soon.
    fn hold(&mut self, batch: Batch) {
        // Whose stream is gone sends it again.
        self.held.retain(|held| !held.done.is_closed());
        let of_same =
            |held: &&Batch| held.parts.iter().any(|part| batch.parts.iter().any(|p| p.node == part.node));
        let of_node: usize = self.held.iter().filter(of_same).map(Batch::bytes).sum();
        let held: usize = self.held.iter().map(Batch::bytes).sum();
        let size = batch.bytes();
        if self.stop.is_cancelled() || held + size > HELD_BYTES || of_node + size > HELD_BYTES / 2 {
            self.refuse(batch, "much of this node is not in the database yet: send it later");
        } else {
            self.held.push_back(batch);
        }
    }

    fn refuse(&self, batch: Batch, why: &str) {
        self.metrics.take(Duration::ZERO, false);
        let _ = batch.done.send(Err(why.to_owned()));
    }

    fn refuse_held(&mut self) {
        for batch in std::mem::take(&mut self.held) {
            self.refuse(batch, "the collector is stopping");
        }
    }

    fn append(&mut self, group: Vec<Batch>) {
        if group.is_empty() {
            return;
        }
        let begun = Instant::now();
        let appended = match &self.failing {
            // What cannot be searched is better kept by its sensor, which may know another collector.
            Some(failing) => Err(failing.why.clone()),
            None => self.backlog.append(&group).map_err(|e| {
                let why = e.to_string();
                self.fail(why.clone());
                why
            }),
        };
        if appended.is_ok() {
            self.tidied = begun;
            self.tell_ready();
        }
        for batch in group {
            self.metrics.take(begun.elapsed(), appended.is_ok());
            // A stream that is gone will send again; storing by name makes that harmless.
            let _ = batch.done.send(appended.clone());
        }
    }

    /// Gives the writer what waits, as much as it is to have at a time.
    async fn hand_over(&mut self) {
        let (most, portion) = match &self.failing {
            Some(failing) if failing.again > Instant::now() => return,
            // A row, of each owner in turn: perhaps only one of them fails.
            Some(_) => (1, 1),
            None => (UNDER_WAY, self.portion),
        };
        while self.under_way.len() < most && !self.backlog.is_empty() {
            let Portion { rows, parts } = match self.backlog.take(portion, PORTION_BYTES) {
                Ok(portion) => portion,
                Err(e) => return self.fail(e.to_string()),
            };
            let (done, stored) = oneshot::channel();
            if self.writer.put(Batch { parts, done, room: None }).await.is_err() {
                self.backlog.put_back(rows);
                return self.fail("the writer has stopped".to_owned());
            }
            self.under_way.push_back(UnderWay { rows, stored, begun: Instant::now() });
        }
    }

    /// The first portion under way is in the database, or is not.
    fn note(&mut self, stored: Result<(), String>) {
        let Some(UnderWay { rows, begun, .. }) = self.under_way.pop_front() else { return };
        match stored {
            Ok(()) => {
                self.backlog.done(&rows);
                if self.failing.take().is_some() {
                    tracing::info!("the store takes findings again");
                    self.tell_ready();
                }
                // The one before it was waited for, too.
                let took = begun.elapsed();
                if took < PORTION_QUICK {
                    self.portion = (self.portion * 2).min(PORTION_MAX);
                } else if took > PORTION_SLOW {
                    self.portion = (self.portion / 2).max(PORTION_MIN);
                }
                self.release();
            }
            Err(why) => {
                self.backlog.put_back(rows);
                self.fail(why);
            }
        }
    }

    /// Takes in what waits for room, as far as there is some.
    fn release(&mut self) {
        let (mut group, mut rest, mut bytes) = (Vec::new(), VecDeque::new(), 0);
        for batch in std::mem::take(&mut self.held) {
            if batch.done.is_closed() {
                continue;
            }
            if self.has_disk(&batch, bytes) && self.has_share(&batch, bytes) {
                bytes += batch.bytes();
                group.push(batch);
            } else {
                rest.push_back(batch);
            }
        }
        self.held = rest;
        self.append(group);
    }

    /// Nothing more is taken in until what waits gets into the database. What got there in spite of it does no harm: a finding that
    /// is stored already is no news.
    fn fail(&mut self, why: String) {
        if self.failing.is_none() {
            tracing::error!("findings cannot be stored: {why}; again in {IDLE:?}");
        }
        self.metrics.set_ready(false);
        self.failing = Some(Failing { why, again: Instant::now() + IDLE });
        self.portion = PORTION_MIN;
        for under_way in std::mem::take(&mut self.under_way) {
            self.backlog.put_back(under_way.rows);
        }
    }

    fn tell_ready(&self) {
        self.metrics.set_ready(self.failing.is_none() && self.wanted.is_none());
    }

    /// What is in the database goes out of the backlog now and then, and what failed is tried again.
    fn look_after(&mut self) {
        if self.tidied.elapsed() < IDLE {
            return;
        }
        self.tidied = Instant::now();
        self.tidy();
        let is_due = self.failing.as_ref().is_some_and(|failing| failing.again <= Instant::now());
        // Where something waits, that is tried.
        if is_due && self.is_settled() {
            match self.backlog.try_out() {
                Ok(()) => {
                    tracing::info!("the store takes findings again");
                    self.failing = None;
                    self.tell_ready();
                }
                Err(e) => self.fail(e.to_string()),
            }
        }
        if let Some(wanted) = self.wanted
            && self.volume.free() >= wanted
        {
            tracing::info!("the disk has room again");
            self.wanted = None;
            self.tell_ready();
        }
        if self.failing.is_none() {
            self.release();
        }
    }

    fn tidy(&mut self) {
        if self.backlog.is_untidy()
            && let Err(e) = self.backlog.append(&[])
        {
            tracing::debug!("the backlog could not be tidied: {e}");
        }
        if self.backlog.bytes() == 0
            && let Err(e) = self.backlog.shrink()
        {
            tracing::debug!("the backlog's file could not be made smaller: {e}");
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
    use crate::{Incoming, Limits, Part, Retention, Store, StoreError, backlog, writer};

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
        let writer =
            writer::start(store, false, "0", retention, metrics.clone(), &supervisor).expect("a writer");
        let backlog = Backlog::open(path).expect("a backlog");
        let (handle, stop) = (writer.handle.clone(), CancellationToken::new());
        let intake =
            super::start(path, backlog, handle, metrics.clone(), &supervisor, stop).expect("an intake");
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
        backlog.append(&[batch("a"), batch("b"), batch("c")]).expect("appended");
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
        let (begun, mut taken) = (Instant::now(), vec!["a", "c"]);
        while put(&running.intake.handle, "n", vec![incoming("b", 1)]).await.is_ok() {
            // It is known a moment after the first one.
            taken.push("b");
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
        for id in taken {
            assert!(store.find(id, None).expect("an answer").is_some(), "{id}");
        }
        assert!(Bytes::from(std::fs::read(backlog::of(&path)).expect("a file")).len() < 1 << 20);
    }

    #[tokio::test]
    async fn what_is_in_the_database_leaves_the_backlog_though_something_always_comes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.db");
        let running = start_all(&path);
        assert_eq!(put(&running.intake.handle, "n", vec![incoming("a", 1)]).await, Ok(()));
        let waiting = tokio::task::spawn_blocking({
            let path = path.clone();
            move || Backlog::wait(&path, Duration::from_secs(5))
        });
        while !waiting.is_finished() {
            assert_eq!(put(&running.intake.handle, "m", vec![]).await, Ok(()));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waiting.await.expect("no panic").expect("nothing is left");
        end(running).await;
    }

    #[tokio::test]
    async fn who_sends_much_leaves_room_and_turns_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.db");
        // A database that somebody else locks takes nothing.
        let running = start_all(&path);
        let lock = rusqlite::Connection::open(&path).expect("a connection");
        lock.execute_batch("BEGIN IMMEDIATE").expect("a lock");
        let large = |id: &str| {
            let finding = Finding {
                name: format!("projects/p/findings/{id}"),
                description: "x".repeat(4 << 20),
                ..Finding::default()
            };
            Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), 1)
        };
        let mut taken = 0;
        while let Ok(Ok(())) = tokio::time::timeout(
            Duration::from_millis(500),
            put(&running.intake.handle, "loud", vec![large(&format!("l{taken}"))]),
        )
        .await
        {
            taken += 1;
            assert!(taken < 40, "it has all there is");
        }
        assert!(taken > 20, "{taken}");
        assert_eq!(put(&running.intake.handle, "quiet", vec![incoming("q", 1)]).await, Ok(()));
        lock.execute_batch("COMMIT").expect("no lock");
        let stored = |id: &str| {
            let store = Store::open_for_reading(&path).expect("a store");
            store.find(id, None).expect("an answer").map(|stored| stored.seq)
        };
        let begun = Instant::now();
        while stored("q").is_none() || stored(&format!("l{}", taken - 1)).is_none() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is not stored");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(stored("q") < stored(&format!("l{}", taken / 2)), "it waited for the other");
        end(running).await;
    }
}
