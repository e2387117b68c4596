//! The gRPC stream: batches with sequence numbers up, acknowledgements down, again after a reconnect.

use std::{collections::VecDeque, sync::atomic::Ordering, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use proto::{
    ingest::{Ack, Batch, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
};
use tokio::sync::{mpsc, watch};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{codec::CompressionEncoding, transport::Channel};
use tracing::{info, warn};

use super::queue::Queue;
use crate::cause::chain;

/// Findings in one batch.
const BATCH_MAX: usize = 64;
/// Bytes of script in one batch; a finding larger than that travels alone.
const BATCH_BYTES: usize = 1024 * 1024;
/// Batches sent and not yet acknowledged.
const WINDOW: usize = 64;
/// How long a stop waits for what is on its way.
const DRAIN: Duration = Duration::from_secs(5);
/// Largest message in either direction.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Where to deliver, and as whom.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The collector, such as `http://127.0.0.1:7600`.
    pub uri: String,
    /// The sender.
    pub sensor: Sensor,
}

/// Why a stream ended.
enum End {
    /// The connection is of no use any more.
    Broken(String),
    /// Everything is delivered, or the time to do so is over.
    Stopped,
}

/// Delivers findings until `stop` turns true and what was made is stored, or the time for that is over.
pub async fn deliver(endpoint: Endpoint, mut queue: Queue, mut stop: watch::Receiver<bool>) {
    let mut unacknowledged: VecDeque<Vec<Finding>> = VecDeque::new();
    let delays = || {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(30))
            .with_jitter()
            .without_max_times()
            .build()
    };
    let mut backoff = delays();
    loop {
        let before = queue.counts.stored.load(Ordering::Relaxed);
        let why = match connect(&endpoint).await {
            Ok(client) => {
                match session(client, &endpoint, &mut queue, &mut unacknowledged, &mut stop).await {
                    End::Stopped => return,
                    End::Broken(why) => why,
                }
            }
            Err(e) => e,
        };
        if queue.counts.stored.load(Ordering::Relaxed) > before {
            backoff = delays();
        }
        let delay = backoff.next().unwrap_or(Duration::from_secs(30));
        warn!("collector {}: {why}; trying again in {delay:?}", endpoint.uri);
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stopped(&mut stop) => {
                let left = unacknowledged.iter().map(Vec::len).sum::<usize>() + queue.receiver.len();
                if left > 0 {
                    warn!("{left} findings could not be delivered before the stop");
                }
                return;
            }
        }
    }
}

/// Resolves when the daemon stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the daemon is gone, which is a stop too.
    let _ = stop.wait_for(|s| *s).await;
}

async fn connect(endpoint: &Endpoint) -> Result<IngestServiceClient<Channel>, String> {
    let channel = Channel::from_shared(endpoint.uri.clone())
        .map_err(|e| format!("not a usable address: {e}"))?
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .connect()
        .await
        .map_err(|e| chain(&e))?;
    Ok(IngestServiceClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip))
}

/// One connection's life.
async fn session(
    mut client: IngestServiceClient<Channel>,
    endpoint: &Endpoint,
    queue: &mut Queue,
    unacknowledged: &mut VecDeque<Vec<Finding>>,
    stop: &mut watch::Receiver<bool>,
) -> End {
    let (up, outgoing) = mpsc::channel::<Batch>(WINDOW + 1);
    // Sequence number of the first unacknowledged batch on this stream.
    let mut first: u64 = 1;
    for (i, findings) in unacknowledged.iter().enumerate() {
        let batch = Batch {
            sequence: first + i as u64,
            sensor: Some(endpoint.sensor.clone()),
            findings: findings.clone(),
        };
        if up.try_send(batch).is_err() {
            return End::Broken("the window is full".to_owned());
        }
    }
    let mut down = match client.deliver(ReceiverStream::new(outgoing)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return End::Broken(format!("stream refused: {}", status.message())),
    };
    info!("delivering to {}", endpoint.uri);
    let mut ended = false;
    let mut stopping = { *stop.borrow() };
    let mut deadline = tokio::time::Instant::now() + DRAIN;
    loop {
        if stopping && unacknowledged.is_empty() && queue.receiver.is_empty() {
            return End::Stopped;
        }
        tokio::select! {
            finding = queue.receiver.recv(), if unacknowledged.len() < WINDOW && !ended => {
                // Closed and empty: the daemon stops.
                let Some(finding) = finding else { ended = true; continue };
                let findings = fill(finding, &mut queue.receiver);
                let batch = Batch {
                    sequence: first + unacknowledged.len() as u64,
                    sensor: Some(endpoint.sensor.clone()),
                    findings: findings.clone(),
                };
                unacknowledged.push_back(findings);
                if up.send(batch).await.is_err() {
                    return End::Broken("the stream was closed".to_owned());
                }
            }
            ack = down.next() => match ack {
                Some(Ok(ack)) => acknowledge(&ack, &mut first, unacknowledged, queue),
                Some(Err(status)) => return End::Broken(status.message().to_owned()),
                None => return End::Broken("the collector ended the stream".to_owned()),
            },
            () = stopped(stop), if !stopping => {
                stopping = true;
                deadline = tokio::time::Instant::now() + DRAIN;
            }
            () = tokio::time::sleep_until(deadline), if stopping => {
                let left = unacknowledged.iter().map(Vec::len).sum::<usize>() + queue.receiver.len();
                if left > 0 {
                    warn!("{left} findings were not acknowledged before the stop");
                }
                return End::Stopped;
            }
        }
    }
}

/// A batch of what is there already: nothing waits for more.
fn fill(first: Finding, receiver: &mut mpsc::Receiver<Finding>) -> Vec<Finding> {
    let size = |f: &Finding| {
        f.processes.iter().filter_map(|p| p.script.as_ref()).map(|s| s.contents.len()).sum::<usize>()
    };
    let mut bytes = size(&first);
    let mut findings = vec![first];
    while findings.len() < BATCH_MAX && bytes < BATCH_BYTES {
        let Ok(finding) = receiver.try_recv() else { break };
        bytes += size(&finding);
        findings.push(finding);
    }
    findings
}

fn acknowledge(ack: &Ack, first: &mut u64, unacknowledged: &mut VecDeque<Vec<Finding>>, queue: &Queue) {
    let mut done = 0;
    while *first <= ack.sequence {
        let Some(batch) = unacknowledged.pop_front() else { break };
        done += batch.len() as u64;
        *first += 1;
    }
    for rejection in &ack.rejections {
        warn!(name = rejection.name, "the collector refused a finding: {}", rejection.reason);
    }
    let rejected = ack.rejections.len() as u64;
    queue.counts.rejected.fetch_add(rejected, Ordering::Relaxed);
    queue.counts.stored.fetch_add(done.saturating_sub(rejected), Ordering::Relaxed);
}
