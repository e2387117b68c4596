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
    volume::{Room, Volume},
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
        room: Room::default(),
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
    /// Whether the disk has room for more.
    room: Room,
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

    /// Has the disk room for a batch? If not, nothing is stored until it has.
    fn has_disk(&mut self, batch: &Batch, beside: usize) -> bool {
        let was_lacking = self.room.is_lacking();
        let size = (beside + batch.bytes()) as u64;
        let has_room = self.room.is_for(size, self.backlog.bytes(), self.volume.free());
        if !has_room && !was_lacking {
            tracing::error!("the disk has too little room: nothing is taken in until it has");
            self.metrics.set_ready(false);
        }
        has_room
    }

    /// Has one of its nodes a batch that waits for room?
    fn is_held(&self, batch: &Batch) -> bool {
        self.held.iter().any(|held| is_of_same(held, batch))
    }

    /// Has a batch wait in memory until there is room. Its sensor is told nothing, so it sends no more soon.
    fn hold(&mut self, batch: Batch) {
        // Whose stream is gone sends it again.
        self.held.retain(|held| !held.done.is_closed());
        let of_same = self.held.iter().filter(|held| is_of_same(held, &batch));
        let of_node: usize = of_same.map(Batch::bytes).sum();
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
        self.metrics.set_ready(self.failing.is_none() && !self.room.is_lacking());
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
        if self.room.is_found(self.backlog.bytes(), self.volume.free()) {
            tracing::info!("the disk has room again");
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

/// Is something in both of one node?
fn is_of_same(one: &Batch, other: &Batch) -> bool {
    one.parts.iter().any(|part| other.parts.iter().any(|another| another.node == part.node))
}

#[cfg(test)]
mod tests;
