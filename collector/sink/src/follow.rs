//! Follows the store from where a sink stopped, so that what was stored reaches it at least once, after a restart too; an
//! update reaches it as the finding's latest state.

use std::{path::PathBuf, sync::Arc, time::Duration};

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
/// Findings given to a sink that is behind before it is looked whether more urgent ones came.
const AHEAD: usize = 10;
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
    while !stop.is_cancelled() {
        let wait = match pass(&mut sink, &source, &stop).await {
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
    findings: Vec<Stored>,
    /// How many there are, about: updates leave numbers unused.
    waiting: i64,
    /// Where the sink is when it has written all of them.
    last: i64,
    /// They are not in the order of their numbers.
    is_newest_first: bool,
}

/// How far a sink has come: everything up to its place is written, and some beyond.
struct Written {
    place: i64,
    ahead: Vec<i64>,
}

impl Written {
    fn add(&mut self, seq: i64, is_newest_first: bool) {
        if is_newest_first {
            self.ahead.push(seq);
        } else {
            self.place = seq;
        }
    }

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

    async fn news(&self, sink: &str, place: i64, behind_beyond: Option<i64>) -> Result<News, String> {
        let sink = sink.to_owned();
        self.read(move |store| {
            // First: what is stored meanwhile is not among the findings, or is met again.
            let last = store.last_seq()?.max(place);
            let waiting = (last - place - store.ahead_of(&sink)?).max(0);
            let is_newest_first = behind_beyond.is_some_and(|most| waiting > most);
            let findings = if is_newest_first {
                store.waiting_newest_first(&sink, place, AHEAD)?
            } else {
                store.waiting(&sink, place)?
            };
            Ok(News { findings, waiting, last, is_newest_first })
        })
        .await
    }
}

/// Writes what there is; an error is why that ended early.
async fn pass(sink: &mut impl Sink, source: &Source, stop: &CancellationToken) -> Result<(), String> {
    let name = sink.name();
    let of = OfSink::named(&name);
    let metrics = &source.metrics;
    let mut written = Written { place: source.place(&name).await?, ahead: Vec::new() };
    loop {
        let News { findings, waiting, last, is_newest_first } =
            source.news(&name, written.place, sink.behind_beyond()).await?;
        metrics.sink_waiting.get_or_create(&of).set(waiting);
        if findings.is_empty() {
            if waiting > 0 {
                // Numbers that are used no more, or what was given before its turn.
                written.place = last;
                source.handle.note(written.progress(&name, 0)).await?;
            }
            return Ok(());
        }
        for group in findings.chunks(NOTE_EVERY) {
            let mut ended = None;
            let mut refused = 0;
            for stored in group {
                if stop.is_cancelled() {
                    ended = Some(Ok(()));
                    break;
                }
                if !source.filter.passes(&stored.finding) {
                    written.add(stored.seq, is_newest_first);
                    continue;
                }
                match sink.write(stored).await {
                    Ok(()) => {
                        metrics.sink_written.get_or_create(&of).inc();
                    }
                    Err(SinkError::Never(why)) => {
                        metrics.sink_rejected.get_or_create(&of).inc();
                        refused += 1;
                        warn!(name = stored.finding.name, "sink {name} refuses a finding for good: {why}");
                    }
                    Err(SinkError::Later(why)) => {
                        ended = Some(Err(why));
                        break;
                    }
                }
                written.add(stored.seq, is_newest_first);
            }
            source.handle.note(written.progress(&name, refused)).await?;
            if let Some(ended) = ended {
                return ended;
            }
        }
    }
}
