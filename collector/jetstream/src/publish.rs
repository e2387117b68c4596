//! Takes what streams hand in and publishes it; a batch is stored when the server has acknowledged all of it.

use std::sync::Arc;

use async_nats::jetstream::context::PublishAckFuture;
use futures_util::future::try_join_all;
use metrics::Metrics;
use stage::Supervisor;
use store::{Batch, Limits, StoreHandle, Write, Writing};
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use crate::{
    address::Address,
    connection::{Connection, JetStreamError, connect},
    message, sensors,
};

/// Batches that wait for the server.
const IN_FLIGHT: usize = 256;

/// Connects and starts to publish. It ends when every sender is gone, after the last acknowledgement.
pub async fn start(
    address: &Address,
    limits: Limits,
    metrics: Arc<Metrics>,
    supervisor: &Supervisor,
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
    let ended = supervisor.task("jetstream", publish(connection, stream, waiting, metrics));
    Ok(Writing { handle, ended })
}

async fn publish(
    connection: Connection,
    stream: String,
    mut writes: mpsc::Receiver<Write>,
    metrics: Arc<Metrics>,
) {
    let room = Arc::new(Semaphore::new(IN_FLIGHT));
    while let Some(write) = writes.recv().await {
        let batch = match write {
            Write::Batch(batch) => batch,
            Write::Sensors(words) => {
                sensors::publish(&connection, &stream, words).await;
                continue;
            }
            // Sinks follow a database, and there is none.
            Write::Progress(..) => continue,
        };
        // Nobody closes it.
        let Ok(permit) = room.clone().acquire_owned().await else { break };
        let begun = std::time::Instant::now();
        let sent = send(&connection, &stream, &batch).await;
        let metrics = metrics.clone();
        tokio::spawn(async move {
            let stored = match sent {
                Ok(acks) => try_join_all(acks.into_iter().map(IntoFuture::into_future))
                    .await
                    .map_err(|e| e.to_string()),
                Err(why) => Err(why),
            };
            metrics.commit(begun.elapsed(), stored.is_ok().then_some(batch.findings.len()));
            if let Err(why) = &stored {
                warn!("a batch was not stored by JetStream: {why}");
            }
            // A stream that is gone will send again; the server knows what it has.
            let _ = batch.done.send(stored.map(|_| ()));
            drop(permit);
        });
    }
    let _ = room.acquire_many(IN_FLIGHT as u32).await;
    let _ = connection.client.flush().await;
}

async fn send(connection: &Connection, stream: &str, batch: &Batch) -> Result<Vec<PublishAckFuture>, String> {
    // A sensor that is told at once finds another collector sooner.
    if !*connection.is_up.borrow() {
        return Err("there is no connection to NATS".to_owned());
    }
    let mut acks = Vec::with_capacity(batch.findings.len());
    for incoming in &batch.findings {
        let message = message::encode(stream, &batch.node, incoming);
        let max = connection.client.server_info().max_payload;
        if message.payload.len() + 1024 > max {
            return Err(format!(
                "a finding of {} bytes, and the server's max_payload is {max}: raise it",
                message.payload.len()
            ));
        }
        let (subject, headers, payload) =
            (message.subject, message.headers.unwrap_or_default(), message.payload);
        let ack = connection.context.publish_with_headers(subject, headers, payload).await;
        acks.push(ack.map_err(|e| e.to_string())?);
    }
    Ok(acks)
}
