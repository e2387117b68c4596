//! Takes what streams hand in and publishes it; a batch is stored when the server has acknowledged all of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use backon::{ExponentialBuilder, Retryable};
use futures_util::future::try_join_all;
use metrics::Metrics;
use stage::Supervisor;
use store::{Batch, Incoming, Limits, StoreHandle, Write, Writing};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    address::Address,
    connection::{Connection, JetStreamError, connect},
    message, sensors,
};

/// Batches that wait for the server.
const IN_FLIGHT: usize = 256;
/// How long a batch is tried that the servers do not take, from when it was taken up: when one of a cluster is gone, the others need
/// some seconds to choose who leads the stream. Less than a sensor waits for its acknowledgement (30 s): it is to hear of it, and may
/// know another collector.
const TRIED: Duration = Duration::from_secs(20);
/// And what a server refuses.
const TRIED_REFUSED: Duration = Duration::from_secs(2);
/// How long a stop waits for what was sent.
const STOP: Duration = Duration::from_secs(2);
/// Pauses between attempts.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Connects and starts to publish. It ends when every sender is gone, after the last acknowledgement.
pub async fn start(
    address: &Address,
    limits: Limits,
    metrics: Arc<Metrics>,
    supervisor: &Supervisor,
    stop: CancellationToken,
) -> Result<Writing, JetStreamError> {
    let connection = connect(address, limits).await?;
    let mut is_up = connection.is_up.clone();
    let told = metrics.clone();
    supervisor.errand("jetstream-state", async move {
        loop {
            told.set_ready(*is_up.borrow_and_update());
            if is_up.changed().await.is_err() {
                return;
            }
        }
    });
    let (handle, waiting) = StoreHandle::new();
    let stream = address.stream.clone();
    let ended = supervisor.task("jetstream", publish(connection, stream, waiting, metrics, stop));
    Ok(Writing { handle, ended })
}

/// The way to the servers.
struct Publisher {
    connection: Connection,
    stream: String,
    /// The last attempt failed, and that was told.
    is_failing: AtomicBool,
    /// Streams wait for their batches, so these end when it is cancelled.
    stop: CancellationToken,
}

async fn publish(
    connection: Connection,
    stream: String,
    mut writes: mpsc::Receiver<Write>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    let publisher = Arc::new(Publisher { connection, stream, is_failing: AtomicBool::new(false), stop });
    while let Some(write) = writes.recv().await {
        let batch = match write {
            Write::Batch(batch) => batch,
            Write::Sensors(words) => {
                sensors::publish(&publisher.connection, &publisher.stream, words).await;
                continue;
            }
            // Sinks follow a database, and there is none.
            Write::Progress(..) => continue,
        };
        // Nobody closes it.
        let Ok(permit) = room.clone().acquire_owned().await else { break };
        let begun = Instant::now();
        // Here, so that batches are sent in their order.
        let sent = publisher.send(&batch).await;
        let (metrics, publisher) = (metrics.clone(), publisher.clone());
        tokio::spawn(async move {
            let stored = publisher.settle(&batch, sent, begun).await;
            metrics.commit(begun.elapsed(), stored.is_ok().then_some(batch.len()));
            // A stream that is gone will send again; the server knows what it has.
            let _ = batch.done.send(stored);
            drop(permit);
        });
    }
    let _ = room.acquire_many(IN_FLIGHT as u32).await;
    publisher.connection.flush().await;
}

/// Why a batch is not stored.
enum Failure {
    /// It may be in a moment, and makes sense to try for so long.
    Now(String, Duration),
    /// It makes no sense to try again here.
    Final(String),
}

impl Failure {
    fn of(e: &PublishError) -> Self {
        let tried = match e.kind() {
            // Nobody leads the stream, or answers.
            PublishErrorKind::StreamNotFound | PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
                TRIED
            }
            // Some of these pass: the first copy is being stored, the cluster is busy. Most do not: the stream is full, or its limits
            // do not let this in; and who waits for it takes the place of others.
            _ => TRIED_REFUSED,
        };
        Self::Now(e.to_string(), tried)
    }
}

impl Publisher {
    /// Waits until a batch that was sent is stored, and sends it again while it is not. What the servers have of it, they know.
    async fn settle(
        &self,
        batch: &Batch,
        sent: Result<Vec<PublishAckFuture>, Failure>,
        begun: Instant,
    ) -> Result<(), String> {
        let first = match sent {
            Ok(acks) => tokio::select! {
                first = acknowledged(acks) => first,
                () = self.stopped() => Err(Failure::Final("the collector is stopping".to_owned())),
            },
            Err(why) => Err(why),
        };
        let stored = match first {
            Err(Failure::Now(why, tried)) => {
                self.tell(&why);
                let pauses = ExponentialBuilder::new()
                    .with_min_delay(PAUSE_MIN)
                    .with_max_delay(PAUSE_MAX)
                    .with_jitter()
                    .without_max_times()
                    .with_total_delay(Some(TRIED));
                let again = || async { acknowledged(self.send(batch).await?).await };
                let again = again.retry(pauses).when(|failure| matches!(failure, Failure::Now(..)));
                tokio::select! {
                    stored = again => stored,
                    () = tokio::time::sleep(tried.min(TRIED.saturating_sub(begun.elapsed()))) => Err(Failure::Final(why)),
                    () = self.stopped() => Err(Failure::Final(why)),
                }
            }
            other => other,
        };
        match stored {
            Ok(()) => {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    info!("JetStream takes findings again");
                }
                Ok(())
            }
            Err(Failure::Now(why, _) | Failure::Final(why)) => {
                warn!("a batch was not stored by JetStream: {why}");
                Err(why)
            }
        }
    }

    /// A stop waits a moment for what was sent, and no longer.
    async fn stopped(&self) {
        self.stop.cancelled().await;
        tokio::time::sleep(STOP).await;
    }

    /// Once for all batches that meet it.
    fn tell(&self, why: &str) {
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            warn!("JetStream does not take findings at this time: {why}; trying again for {TRIED:?}");
        }
    }

    async fn send(&self, batch: &Batch) -> Result<Vec<PublishAckFuture>, Failure> {
        // A sensor that is told at once finds another collector sooner.
        if !*self.connection.is_up.borrow() {
            return Err(Failure::Final("there is no connection to NATS".to_owned()));
        }
        let mut acks = Vec::with_capacity(batch.len());
        for part in &batch.parts {
            for incoming in &part.findings {
                acks.push(self.send_one(&part.node, incoming).await?);
            }
        }
        Ok(acks)
    }

    async fn send_one(&self, node: &str, incoming: &Incoming) -> Result<PublishAckFuture, Failure> {
        let Connection { client, context, .. } = &self.connection;
        let message = message::encode(&self.stream, node, incoming);
        let max = client.server_info().max_payload;
        if message.payload.len() + 1024 > max {
            return Err(Failure::Final(format!(
                "a finding of {} bytes, and the server's max_payload is {max}: raise it",
                message.payload.len()
            )));
        }
        let (subject, headers, payload) =
            (message.subject, message.headers.unwrap_or_default(), message.payload);
        context.publish_with_headers(subject, headers, payload).await.map_err(|e| Failure::of(&e))
    }
}

async fn acknowledged(acks: Vec<PublishAckFuture>) -> Result<(), Failure> {
    let all = try_join_all(acks.into_iter().map(IntoFuture::into_future)).await;
    all.map(drop).map_err(|e| Failure::of(&e))
}
