//! The ingest service: takes batches, has them stored, acknowledges.

use std::{pin::Pin, sync::Arc, time::Duration};

use prost::Message;
use proto::{
    Damaged, FINDING_BYTES_MAX, FINDING_ELEMENTS_MAX, elements,
    ingest::{Ack, Batch, Envelope, Rejection, ingest_service_server::IngestService},
};
use tokio::sync::{Semaphore, mpsc, mpsc::error::SendTimeoutError, oneshot};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::{info, warn};

use metrics::Metrics;
use store::{Hearing, Incoming, Part, StoreHandle};

use crate::{
    claim::Claim,
    clients::{Client, Clients},
    head::Head,
    peer::Peer,
    tls,
    token::Tokens,
};

/// Acknowledgements on their way to one sensor; a sensor that does not read them is not read from either.
const WINDOW: usize = 64;

/// KiB of findings that are on their way to the store, of all streams together.
const ROOM_KIB: u32 = 64 * 1024;
/// A client that reads no acknowledgement for so long is cut off.
const READS: Duration = Duration::from_mins(1);

/// The service.
pub struct Ingest {
    store: StoreHandle,
    clients: Arc<Clients>,
    room: Arc<Semaphore>,
    hearing: Arc<Hearing>,
    tokens: Option<Arc<Tokens>>,
    projects: Arc<[String]>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Ingest {
    /// With `tokens`, each client must have one; with `projects`, only findings of these are taken. Streams end, with everything they took in acknowledged, when `stop` is
    /// cancelled.
    pub fn new(
        store: StoreHandle,
        clients: Arc<Clients>,
        hearing: Arc<Hearing>,
        tokens: Option<Arc<Tokens>>,
        projects: Vec<String>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Self {
        let room = Arc::new(Semaphore::new(ROOM_KIB as usize));
        Self { store, clients, room, hearing, tokens, projects: projects.into(), metrics, stop }
    }
}

#[tonic::async_trait]
impl IngestService for Ingest {
    type DeliverStream = Pin<Box<dyn Stream<Item = Result<Ack, Status>> + Send>>;

    async fn deliver(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let peer = request.remote_addr().map_or_else(|| "unknown".to_owned(), |a| a.to_string());
        let mut vouched: Vec<Peer> = tls::peer(&request).into_iter().collect();
        let mut left = None;
        if let Some(tokens) = &self.tokens {
            let token = tokens.identify(request.metadata()).await.inspect_err(|status| {
                self.metrics.tokens_refused.inc();
                warn!(peer, "stream refused: {}", status.message());
            })?;
            vouched.push(token.peer);
            left = Some(token.left);
        }
        let claim = Claim { vouched, projects: self.projects.clone() };
        // A credential says who it is; without one all clients behind an address are one.
        let client = claim.vouched.first().map_or_else(
            || request.remote_addr().map_or_else(String::new, |address| address.ip().to_string()),
            ToString::to_string,
        );
        let Some(client) = self.clients.enter(&client) else {
            self.metrics.streams_refused.inc();
            return Err(Status::resource_exhausted(format!(
                "client {client} has {} streams, as many as it may: --client-streams of the collector says so",
                self.clients.most()
            )));
        };
        let (acks, answers) = mpsc::channel(WINDOW);
        let stream = Delivery {
            batches: request.into_inner(),
            claim,
            left,
            age: self.clients.stream_age(),
            client,
            store: self.store.clone(),
            room: self.room.clone(),
            hearing: self.hearing.clone(),
            metrics: self.metrics.clone(),
            acks: acks.clone(),
        };
        let (open, stop) = (OpenStream::new(self.metrics.clone()), self.stop.clone());
        tokio::spawn(async move {
            let _open = open;
            info!(peer, "stream opened");
            match stream.take(stop).await {
                Ok(()) => info!(peer, "stream ended"),
                Err(status) => {
                    warn!(peer, "stream broken: {}", status.message());
                    // Whoever does not read will not read this either.
                    let _ = acks.try_send(Err(status));
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// Counts a stream while it is open, however it ends.
struct OpenStream(Arc<Metrics>);

impl OpenStream {
    fn new(metrics: Arc<Metrics>) -> Self {
        metrics.streams.inc();
        Self(metrics)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.dec();
    }
}

/// A batch on its way to the store.
struct Pending {
    sequence: u64,
    rejections: Vec<Rejection>,
    done: oneshot::Receiver<Result<(), String>>,
}

/// One stream of a sensor.
struct Delivery {
    batches: Streaming<Batch>,
    claim: Claim,
    /// How long the client's token is good.
    left: Option<Duration>,
    /// How long the stream is kept.
    age: Option<Duration>,
    client: Client,
    store: StoreHandle,
    room: Arc<Semaphore>,
    hearing: Arc<Hearing>,
    metrics: Arc<Metrics>,
    acks: mpsc::Sender<Result<Ack, Status>>,
}

impl Delivery {
    async fn take(mut self, stop: CancellationToken) -> Result<(), Status> {
        // Batches go on to the store while earlier ones are being stored; acknowledgements keep their order.
        let (pending, stored) = mpsc::channel::<Pending>(WINDOW);
        let answer = tokio::spawn(acknowledge(stored, self.acks.clone()));
        let (mut node, mut version) = (String::new(), String::new());
        let mut expected = 1;
        let mut ended = Ok(());
        let expired = tokio::time::sleep(self.left.unwrap_or(Duration::MAX));
        let aged = tokio::time::sleep(self.age.unwrap_or(Duration::MAX));
        tokio::pin!(expired, aged);
        loop {
            let batch = tokio::select! {
                batch = self.batches.next() => match batch {
                    Some(batch) => batch?,
                    None => break,
                },
                () = stop.cancelled() => break,
                // The client connects anew, to whichever collector is chosen then.
                () = &mut aged => break,
                () = &mut expired => {
                    ended = Err(Status::unauthenticated("the client's token has expired, and it did not come with a new one"));
                    break;
                }
                // Nothing more will be acknowledged.
                () = pending.closed() => break,
            };
            if batch.sequence != expected {
                return Err(Status::invalid_argument(format!(
                    "batch {} came where {expected} was due",
                    batch.sequence
                )));
            }
            expected += 1;
            if batch.findings.len() > FINDINGS_MAX {
                return Err(Status::invalid_argument(format!(
                    "the batch has {} findings, and may have {FINDINGS_MAX}",
                    batch.findings.len()
                )));
            }
            if let Some(sensor) = batch.sensor {
                if !is_word(&sensor.node, NODE_BYTES_MAX) {
                    return Err(Status::invalid_argument(
                        "the batch does not say whose it is: sensor.node is a name of 1 to 253 printable ASCII characters",
                    ));
                }
                self.claim.check(&sensor.node)?;
                (node, version) = (sensor.node, sensor.version);
            }
            if node.is_empty() {
                return Err(Status::invalid_argument(
                    "the first batch does not say whose it is: sensor.node is empty",
                ));
            }
            self.hearing.hear(&node, &version, batch.health, now_ns());
            let waited = self.client.keep_pace(batch.findings.len().max(1)).await;
            self.metrics.throttled.inc_by(waited.as_secs_f64());
            let bytes: usize = batch.findings.iter().map(|envelope| envelope.finding.len()).sum();
            let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(ROOM_KIB);
            // Nobody closes it.
            let room = self.room.clone().acquire_many_owned(kib).await.ok();
            let mut rejections = Vec::new();
            let mut findings = Vec::with_capacity(batch.findings.len());
            for envelope in &batch.findings {
                let opened = open(envelope, &node, &self.claim, &mut rejections);
                findings.extend(opened.inspect_err(|_| {
                    self.metrics.damaged.inc();
                })?);
            }
            self.metrics.batches.inc();
            self.metrics.received.inc_by(batch.findings.len() as u64);
            self.metrics.received_bytes.inc_by(bytes as u64);
            self.metrics.rejected.inc_by(rejections.len() as u64);
            let (done, wait) = oneshot::channel();
            let part = Part { node: node.clone(), findings };
            let write = store::Batch { parts: vec![part], done, room };
            if self.store.put(write).await.is_err() {
                return Err(Status::unavailable("the collector is stopping"));
            }
            if pending.send(Pending { sequence: batch.sequence, rejections, done: wait }).await.is_err() {
                break;
            }
        }
        drop(pending);
        answer.await.unwrap_or(Ok(())).and(ended)
    }
}

/// Acknowledges batches in their order, each when it is stored. Ends at the first that is not, and when the client does not
/// read.
async fn acknowledge(
    mut stored: mpsc::Receiver<Pending>,
    acks: mpsc::Sender<Result<Ack, Status>>,
) -> Result<(), Status> {
    while let Some(batch) = stored.recv().await {
        let done = tokio::select! {
            done = batch.done => done,
            // Nobody waits for it any more, and whoever stores it sees that.
            () = acks.closed() => return Ok(()),
        };
        let ack = match done {
            Ok(Ok(())) => Ok(Ack { sequence: batch.sequence, rejections: batch.rejections }),
            Ok(Err(why)) => return Err(Status::unavailable(format!("not stored: {why}"))),
            Err(_) => return Err(Status::unavailable("the collector is stopping")),
        };
        if let Err(e) = acks.send_timeout(ack, READS).await {
            return match e {
                SendTimeoutError::Timeout(_) => {
                    Err(Status::deadline_exceeded("the client does not read its acknowledgements"))
                }
                // The stream is gone.
                SendTimeoutError::Closed(_) => Ok(()),
            };
        }
    }
    Ok(())
}

/// A finding as it came, checked. What was damaged on its way is an error, since it was whole when it left; what can
/// never be stored is rejected, and must not hold up those behind it.
fn open(
    envelope: &Envelope,
    node: &str,
    claim: &Claim,
    rejections: &mut Vec<Rejection>,
) -> Result<Option<Incoming>, Status> {
    let mut reject = |name: String, reason: String| {
        let short = |text: String| text.chars().take(REJECTION_CHARS_MAX).collect();
        rejections.push(Rejection { name: short(name), reason: short(reason) });
        Ok(None)
    };
    if envelope.finding.len() > FINDING_BYTES_MAX {
        let bytes = envelope.finding.len();
        return reject(
            String::new(),
            format!("it has {bytes} bytes, and at most {FINDING_BYTES_MAX} are stored"),
        );
    }
    if !envelope.is_whole() {
        return Err(Status::data_loss(Damaged::Checksum.to_string()));
    }
    if elements::of_finding(&envelope.finding, FINDING_ELEMENTS_MAX).is_none() {
        return reject(
            String::new(),
            format!("it is no finding, or has more than {FINDING_ELEMENTS_MAX} elements"),
        );
    }
    let head = match Head::decode(envelope.finding.clone()) {
        Ok(head) => head,
        Err(e) => return reject(String::new(), format!("it is no finding: {e}")),
    };
    match checked_name(&head.name).and_then(|()| claim.admits(&head, node)) {
        Ok(()) => {
            let revision = Some(envelope.revision).filter(|revision| *revision <= REVISION_MAX);
            Ok(Some(Incoming::new(head.name, envelope.finding.clone(), revision.unwrap_or_default())))
        }
        Err(reason) => reject(head.name, reason),
    }
}

fn now_ns() -> i64 {
    i64::try_from(clock::now_unix_ns()).unwrap_or(i64::MAX)
}

/// Characters of a rejection's texts, which repeat what the client sent.
const REJECTION_CHARS_MAX: usize = 512;
/// Findings in a batch: a sensor sends at most 64.
const FINDINGS_MAX: usize = 256;
/// Revisions are times since boot in ns: ten years. One beyond counts as the lowest: any later version replaces it.
const REVISION_MAX: u64 = 10 * 366 * 24 * 3600 * 1_000_000_000;
/// Names longer than this are nobody's.
const NAME_BYTES_MAX: usize = 512;
/// Likewise of nodes: the longest DNS name.
const NODE_BYTES_MAX: usize = 253;

/// Is it a name that may stand in headers, subjects and logs?
fn is_word(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A finding without a proper name can never be stored.
fn checked_name(name: &str) -> Result<(), String> {
    if !is_word(name, NAME_BYTES_MAX) {
        return Err("its name is not 1 to 512 printable ASCII characters".to_owned());
    }
    let is_id = |id: &str| {
        (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    };
    match name.rsplit_once('/') {
        Some((before, id)) if before.ends_with("/findings") && is_id(id) => Ok(()),
        _ => Err("its name does not end in /findings/ID with an ID of 1 to 32 lower-case letters and digits"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proto::scc::{Finding, Process};

    use super::*;

    #[test]
    fn names_are_checked() {
        let ok = |name: &str| checked_name(name).is_ok();
        assert!(ok("projects/p/sources/s/locations/l/findings/0a9"));
        assert!(!ok("projects/p/sources/s/locations/l/findings/"));
        assert!(!ok("projects/p/findings/UPPER"));
        assert!(!ok(""));
        assert!(!ok("projects/p\r\nX: y/findings/a"));
    }

    #[test]
    fn what_would_lock_or_block_others_is_rejected_alone() {
        let claim = Claim { vouched: vec![], projects: [].into() };
        let finding = Finding { name: "projects/p/findings/a".to_owned(), ..Finding::default() };
        let large = Finding { description: "x".repeat(FINDING_BYTES_MAX), ..finding.clone() };
        let opened = |finding: &Finding, revision| {
            let mut rejections = Vec::new();
            let opened = open(&Envelope::of(finding, revision), "n", &claim, &mut rejections).expect("whole");
            (opened.map(|incoming| incoming.revision()), rejections.len())
        };
        assert_eq!(opened(&finding, REVISION_MAX), (Some(REVISION_MAX), 0));
        assert_eq!(opened(&finding, REVISION_MAX + 1), (Some(0), 0));
        assert_eq!(opened(&large, 1), (None, 1));
        let many = Finding { processes: vec![Process::default(); FINDING_ELEMENTS_MAX], ..finding.clone() };
        assert_eq!(opened(&many, 1), (None, 1));
        let long = Finding { parent: "x".repeat(1 << 20), ..finding };
        let mut rejections = Vec::new();
        assert!(open(&Envelope::of(&long, 1), "n", &claim, &mut rejections).expect("whole").is_none());
        assert!(rejections[0].reason.len() <= REJECTION_CHARS_MAX);
    }
}
