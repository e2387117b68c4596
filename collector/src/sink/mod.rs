//! Where stored findings go on to. A sink follows the store from where it stopped, so what was stored reaches it at least
//! once, after a restart too; an update reaches it as the finding's latest state.

mod json_lines;
mod scc;
mod webhook;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::watch;
use tracing::{info, warn};

pub use json_lines::JsonLines;
pub use scc::{ENDPOINT as SCC_ENDPOINT, Options as SccOptions, SecurityCommandCenter};
pub use webhook::{Options as WebhookOptions, Webhook};

use crate::{
    metrics::{Metrics, OfSink},
    store::{Store, StoreError, Stored},
};

/// How often the store is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Findings written before the place is noted.
const NOTE_EVERY: usize = 50;

/// What a sink says of a finding that it did not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It may take it later.
    #[error("{0}")]
    Later(String),
    /// It will never take it.
    #[error("{0}")]
    Never(String),
}

/// Takes findings, one after the other.
pub trait Sink: Send {
    /// Its name, under which its place in the store is noted.
    fn name(&self) -> String;

    /// Writes a finding; when this returns it is written.
    fn write(&mut self, stored: &Stored) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// Gives a sink every finding that was stored since its place, until `stop` turns true.
pub(crate) async fn follow(
    mut sink: impl Sink,
    store: PathBuf,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) {
    let name = sink.name();
    let of = OfSink::named(&name);
    let mut pauses = Pauses::default();
    // Opened once; anew after a failure, which may have been its.
    let mut opened: Option<Store> = None;
    loop {
        let passed = match opened.take().map_or_else(|| Store::open(&store), Ok) {
            Ok(mut store) => {
                let passed = pass(&mut sink, &mut store, &metrics, &stop).await;
                if passed.is_ok() {
                    opened = Some(store);
                }
                passed
            }
            Err(e) => Err(e.to_string()),
        };
        match passed {
            Ok(()) => pauses = Pauses::default(),
            Err(why) => {
                metrics.sink_failures.get_or_create(&of).inc();
                let pause = pauses.next();
                warn!("sink {name}: {why}; again in {pause:?}");
                if wait(pause, &mut stop).await {
                    break;
                }
                continue;
            }
        }
        if wait(POLL, &mut stop).await {
            break;
        }
    }
    info!("sink {name} stopped");
}

/// Waits; true when it is time to stop.
async fn wait(pause: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    // An error means that the server is gone.
    tokio::time::timeout(pause, stop.wait_for(|s| *s)).await.is_ok()
}

/// Writes what there is; an error is why that ended early.
async fn pass(
    sink: &mut impl Sink,
    store: &mut Store,
    metrics: &Metrics,
    stop: &watch::Receiver<bool>,
) -> Result<(), String> {
    let name = sink.name();
    let of = OfSink::named(&name);
    let said = |e: StoreError| e.to_string();
    let mut place = store.place_of(&name).map_err(said)?;
    loop {
        let news = store.after(place).map_err(said)?;
        metrics.sink_waiting.get_or_create(&of).set((store.last_seq().map_err(said)? - place).max(0));
        if news.is_empty() {
            return Ok(());
        }
        for group in news.chunks(NOTE_EVERY) {
            let mut ended = None;
            for stored in group {
                if *stop.borrow() {
                    ended = Some(Ok(()));
                    break;
                }
                match sink.write(stored).await {
                    Ok(()) => {
                        metrics.sink_written.get_or_create(&of).inc();
                    }
                    Err(SinkError::Never(why)) => {
                        metrics.sink_refused.get_or_create(&of).inc();
                        store.count_refusal(&name).map_err(said)?;
                        warn!(name = stored.finding.name, "sink {name} refuses a finding for good: {why}");
                    }
                    Err(SinkError::Later(why)) => {
                        ended = Some(Err(why));
                        break;
                    }
                }
                place = stored.seq;
            }
            store.note_place(&name, place).map_err(said)?;
            if let Some(ended) = ended {
                return ended;
            }
        }
    }
}

/// Pauses between attempts: each twice as long as the one before.
#[derive(Default)]
struct Pauses(u32);

impl Pauses {
    fn next(&mut self) -> Duration {
        self.0 = (self.0 + 1).min(9);
        // From 0.2 s to a minute and a half.
        Duration::from_millis(100 << self.0)
    }
}
