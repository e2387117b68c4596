//! Writes a stream's findings into a database, to be searched and to go on to sinks.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{AckPolicy, PullConsumer, pull},
};
use futures_util::StreamExt;
use metrics::Metrics;
use store::{Batch, Limits, Part, StoreHandle};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    address::Address,
    connection::{JetStreamError, connect},
    message, sensors,
};

/// Messages fetched and stored together.
const FETCHED: usize = 512;
/// Bytes of them; a message is never larger.
const FETCHED_BYTES: usize = 32 << 20;
/// How long a fetch waits for more.
const WAIT: Duration = Duration::from_millis(500);
/// A message that was not acknowledged for so long comes again.
const AGAIN: Duration = Duration::from_secs(10);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// What is read.
pub struct Index {
    /// The stream.
    pub address: Address,
    /// Name of the durable consumer, under which the server keeps the place.
    pub consumer: String,
}

/// Reads until `stop` is cancelled. A message is acknowledged when the database has it, so what is read twice after a
/// failure is stored once: by name.
pub async fn index(
    of: Index,
    handle: StoreHandle,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<(), JetStreamError> {
    let connection = connect(&of.address, Limits::default()).await?;
    let config = pull::Config {
        durable_name: Some(of.consumer.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: AGAIN,
        max_ack_pending: 4 * FETCHED as i64,
        ..pull::Config::default()
    };
    let consumer: PullConsumer = connection
        .stream
        .get_or_create_consumer(&of.consumer, config)
        .await
        .map_err(|e| JetStreamError::Stream(of.address.clone(), e.to_string()))?;
    info!("reading {:?} as {}", of.address, of.consumer);
    let hearing = sensors::follow(&connection.client, &of.address.stream, handle.clone(), stop.clone());
    let reading = read(&of, &consumer, &handle, &metrics, &stop);
    tokio::join!(reading, hearing);
    connection.flush().await;
    Ok(())
}

async fn read(
    of: &Index,
    consumer: &PullConsumer,
    handle: &StoreHandle,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) {
    loop {
        let round = async {
            let fetched = consumer
                .batch()
                .max_messages(FETCHED)
                .max_bytes(FETCHED_BYTES)
                .expires(WAIT)
                .messages()
                .await;
            let mut fetched = fetched.map_err(|e| e.to_string())?;
            let mut messages = Vec::new();
            while let Some(message) = fetched.next().await {
                match message {
                    Ok(message) => messages.push(message),
                    // The server ends a fetch so when the next message does not fit any more.
                    Err(_) if !messages.is_empty() => break,
                    Err(e) => return Err(e.to_string()),
                }
            }
            store(&of.address.stream, messages, handle, metrics).await
        };
        let failed = tokio::select! {
            done = round => done.err(),
            () = stop.cancelled() => break,
        };
        if let Some(why) = failed {
            warn!("reading {:?}: {why}; again in {PAUSE:?}", of.address);
            if tokio::time::timeout(PAUSE, stop.cancelled()).await.is_ok() {
                break;
            }
        }
    }
}

async fn store(
    stream: &str,
    messages: Vec<Message>,
    handle: &StoreHandle,
    metrics: &Arc<Metrics>,
) -> Result<(), String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut taken = Vec::with_capacity(messages.len());
    for message in messages {
        if message.subject.as_str() == sensors::subject(stream) {
            // Of a stream that its operator gave more subjects. It was heard beside the stream.
            taken.push(message);
            continue;
        }
        match message::decode(message.headers.as_ref(), &message.payload) {
            Ok((node, incoming)) => {
                match parts.last_mut() {
                    Some(last) if last.node == node => last.findings.push(incoming),
                    _ => parts.push(Part { node, findings: vec![incoming] }),
                }
                taken.push(message);
            }
            Err(why) => {
                // It stays in the stream, and would come for ever.
                let place = message.info().map(|info| info.stream_sequence).unwrap_or_default();
                warn!("message {place} is no finding and is skipped: {why}");
                metrics.skipped.inc();
                message.ack_with(AckKind::Term).await.map_err(|e| e.to_string())?;
            }
        }
    }
    if !parts.is_empty() {
        let (done, wait) = oneshot::channel();
        handle.put(Batch { parts, done, room: None }).await.map_err(|e| e.to_string())?;
        wait.await.map_err(|e| e.to_string())??;
    }
    for message in taken {
        message.ack().await.map_err(|e| e.to_string())?;
    }
    Ok(())
}
