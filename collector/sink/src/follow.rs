//! Follows the store from where a sink stopped, so that what was stored reaches it at least once, after a restart too; an
//! update reaches it as the finding's latest state.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use metrics::{Metrics, OfSink};
use store::{Progress, Store, StoreError, StoreHandle, Stored};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    filter::Filter,
    sink::{Sink, SinkError},
};

/// How often the store is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Findings written before the place is noted.
const NOTE_EVERY: usize = 50;
/// Findings that a sink that is behind is given before their turn, and as many of the oldest then, so that none waits for ever.
const TURN: usize = 10;
/// Nodes remembered that were served.
const NODES: usize = 20_000;
/// A sink is behind whose oldest finding waits for longer.
const LATE: Duration = Duration::from_mins(1);
/// Pauses between attempts.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(90);

/// Where a sink reads, and where its place is kept.
pub struct Source {
    /// The database.
    pub store: PathBuf,
    /// The way to who writes it.
    pub handle: StoreHandle,
    /// What the sink is given.
    pub filter: Filter,
    /// What happens is counted there.
    pub metrics: Arc<Metrics>,
}

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Gives a sink every finding that was stored since its place, until `stop` is cancelled.
pub async fn follow(mut sink: impl Sink, source: Source, stop: CancellationToken) {
    let name = sink.name();
    let of = OfSink::named(&name);
    // A counter that is not there before it counts has no rise that could be seen.
    for counter in
        [&source.metrics.sink_written, &source.metrics.sink_rejected, &source.metrics.sink_failures]
    {
        drop(counter.get_or_create(&of));
    }
    let mut pause = pauses();
    let mut served = Served::default();
    while !stop.is_cancelled() {
        let mut has_written = false;
        let passed = pass(&mut sink, &source, &stop, &mut served, &mut has_written).await;
        if has_written {
            pause = pauses();
        }
        let wait = match passed {
            Ok(()) => {
                pause = pauses();
                POLL
            }
            Err(why) => {
                source.metrics.sink_failures.get_or_create(&of).inc();
                let wait = pause.next().unwrap_or(PAUSE_MAX);
                warn!("sink {name}: {why}; again in {wait:?}");
                wait
            }
        };
        let _ = tokio::time::timeout(wait, stop.cancelled()).await;
    }
    info!("sink {name} stopped");
}

/// What the store has for a sink.
struct News {
    /// Before their turn; none while it is not behind.
    first: Vec<Stored>,
    /// The oldest, in the order in which they were stored.
    oldest: Vec<Stored>,
    /// How many there are, about: updates leave numbers unused.
    waiting: i64,
    /// Where the sink is when it has written all of them.
    last: i64,
}

/// Which nodes had a finding given before its turn, and when: who waits longest is next.
#[derive(Clone, Default)]
struct Served {
    turn: u64,
    nodes: HashMap<String, u64>,
}

impl Served {
    fn note(&mut self, node: &str) {
        if self.nodes.len() >= NODES {
            self.nodes.clear();
        }
        self.turn += 1;
        self.nodes.insert(node.to_owned(), self.turn);
    }

    fn when(&self, node: &str) -> u64 {
        self.nodes.get(node).copied().unwrap_or(0)
    }
}

/// How far a sink has come: everything up to its place is written, and some beyond.
struct Written {
    place: i64,
    ahead: Vec<i64>,
}

impl Written {
    /// What is to be noted now.
    fn progress(&mut self, sink: &str, refused: u64) -> Progress {
        Progress { sink: sink.to_owned(), seq: self.place, ahead: std::mem::take(&mut self.ahead), refused }
    }
}

impl Source {
    /// Reads the database beside the async runtime.
    async fn read<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, String> {
        let path = self.store.clone();
        let read = move || ask(&Store::open_for_reading(&path)?);
        tokio::task::spawn_blocking(read).await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
    }

    async fn place(&self, sink: &str) -> Result<i64, String> {
        let sink = sink.to_owned();
        self.read(move |store| store.place_of(&sink)).await
    }

    async fn news(
        &self,
        sink: &str,
        place: i64,
        behind_beyond: Option<i64>,
        served: &Served,
    ) -> Result<News, String> {
        let (sink, served) = (sink.to_owned(), served.clone());
        self.read(move |store| {
            // All as it is at one time: a finding is not to be met in two versions.
            store.freeze()?;
            let last = store.last_seq()?.max(place);
            let waiting = (last - place - store.ahead_of(&sink)?).max(0);
            let oldest = store.waiting(&sink, place)?;
            let waits_ns = oldest.first().map_or(0, |stored| now_ns().saturating_sub(stored.stored_ns));
            let is_late = i128::from(waits_ns) > LATE.as_nanos().cast_signed();
            let is_behind = behind_beyond.is_some_and(|most| waiting > most || is_late);
            let first = if is_behind {
                store.waiting_first(&sink, place, TURN, |node| served.when(node))?
            } else {
                Vec::new()
            };
            Ok(News { first, oldest, waiting, last })
        })
        .await
    }
}

fn now_ns() -> i64 {
    i64::try_from(clock::now_unix_ns()).unwrap_or(i64::MAX)
}

/// How a group of findings was taken.
struct Taken {
    /// Numbers of those that the sink is done with, in their order.
    done: Vec<i64>,
    /// Of these, how many it took.
    written: usize,
    /// Of these, how many it will never take.
    refused: u64,
    /// Why it did not go on; `Ok` when it is to stop.
    ended: Option<Result<(), String>>,
}

/// Writes findings, at most so many.
async fn give(
    sink: &mut impl Sink,
    source: &Source,
    findings: impl Iterator<Item = &Stored>,
    most: usize,
    stop: &CancellationToken,
) -> Taken {
    let name = sink.name();
    let of = OfSink::named(&name);
    let metrics = &source.metrics;
    let mut taken = Taken { done: Vec::new(), written: 0, refused: 0, ended: None };
    for stored in findings {
        if taken.written >= most {
            break;
        }
        if stop.is_cancelled() {
            taken.ended = Some(Ok(()));
            break;
        }
        if source.filter.passes(&stored.finding) {
            match sink.write(stored).await {
                Ok(()) => {
                    metrics.sink_written.get_or_create(&of).inc();
                    taken.written += 1;
                }
                Err(SinkError::Never(why)) => {
                    metrics.sink_rejected.get_or_create(&of).inc();
                    taken.refused += 1;
                    warn!(name = stored.finding.name, "sink {name} refuses a finding for good: {why}");
                }
                Err(SinkError::Later(why)) => {
                    taken.ended = Some(Err(why));
                    break;
                }
            }
        }
        taken.done.push(stored.seq);
    }
    taken
}

/// Writes what there is; an error is why that ended early. `has_written` is set when anything was.
async fn pass(
    sink: &mut impl Sink,
    source: &Source,
    stop: &CancellationToken,
    served: &mut Served,
    has_written: &mut bool,
) -> Result<(), String> {
    let name = sink.name();
    let of = OfSink::named(&name);
    let mut written = Written { place: source.place(&name).await?, ahead: Vec::new() };
    loop {
        let News { first, oldest, waiting, last } =
            source.news(&name, written.place, sink.behind_beyond(), served).await?;
        source.metrics.sink_waiting.get_or_create(&of).set(waiting);
        if oldest.is_empty() {
            if last > written.place {
                // What is there was given before its turn, or its number is used no more.
                written.place = last;
                source.handle.note(written.progress(&name, 0)).await?;
            }
            return Ok(());
        }
        let most = if first.is_empty() { NOTE_EVERY } else { TURN };
        if !first.is_empty() {
            let taken = give(sink, source, first.iter(), TURN, stop).await;
            *has_written |= taken.written > 0;
            for stored in first.iter().take(taken.done.len()) {
                served.note(&stored.node);
            }
            written.ahead = taken.done;
            source.handle.note(written.progress(&name, taken.refused)).await?;
            if let Some(ended) = taken.ended {
                return ended;
            }
        }
        let mut rest = &oldest[..];
        while !rest.is_empty() {
            // Some of them were just given.
            let is_new = |stored: &Stored| !first.iter().any(|given| given.seq == stored.seq);
            let taken = give(sink, source, rest.iter().filter(|stored| is_new(stored)), most, stop).await;
            *has_written |= taken.written > 0;
            let done = taken.done.last().copied().unwrap_or(written.place);
            let next = rest.iter().find(|stored| stored.seq > done && is_new(stored));
            // Everything is done before the next one.
            written.place = next.map_or(rest[rest.len() - 1].seq, |next| next.seq - 1).max(written.place);
            source.handle.note(written.progress(&name, taken.refused)).await?;
            if let Some(ended) = taken.ended {
                return ended;
            }
            rest = &rest[rest.partition_point(|stored| stored.seq <= written.place)..];
            // It may take long, and what is more urgent may have come.
            if sink.behind_beyond().is_some() {
                break;
            }
        }
    }
}
