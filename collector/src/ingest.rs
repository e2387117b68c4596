//! The ingest service: takes batches, has them stored, acknowledges.

use std::pin::Pin;

use proto::{
    Damaged,
    ingest::{Ack, Batch, Rejection, Sealed, ingest_service_server::IngestService},
    scc::Finding,
    well_known::value::Kind,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};
use tracing::{info, warn};

use crate::{store::Incoming, tls::Peer, writer::Job};

/// Acknowledgements on their way to one sensor; a sensor that does not read them is not read from either.
const WINDOW: usize = 64;

/// The service.
pub struct Ingest {
    jobs: mpsc::Sender<Job>,
    stop: watch::Receiver<bool>,
}

impl Ingest {
    /// Streams end, with everything they took in acknowledged, when `stop` turns true.
    pub(crate) fn new(jobs: mpsc::Sender<Job>, stop: watch::Receiver<bool>) -> Self {
        Self { jobs, stop }
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
        let claim = Claim { certified: Peer::of(&request) };
        let (acks, answers) = mpsc::channel(WINDOW);
        let (jobs, stop) = (self.jobs.clone(), self.stop.clone());
        let batches = request.into_inner();
        tokio::spawn(async move {
            info!(peer, "stream opened");
            match take(batches, claim, &jobs, &acks, stop).await {
                Ok(()) => info!(peer, "stream ended"),
                Err(status) => {
                    warn!(peer, "stream broken: {}", status.message());
                    let _ = acks.send(Err(status)).await;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// A batch on its way to the store.
struct Pending {
    sequence: u64,
    rejections: Vec<Rejection>,
    done: oneshot::Receiver<Result<(), String>>,
}

async fn take(
    mut batches: Streaming<Batch>,
    claim: Claim,
    jobs: &mpsc::Sender<Job>,
    acks: &mpsc::Sender<Result<Ack, Status>>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Status> {
    // Batches go on to the writer while earlier ones are being stored; acknowledgements keep their order.
    let (pending, mut stored) = mpsc::channel::<Pending>(WINDOW);
    let answer = {
        let acks = acks.clone();
        tokio::spawn(async move {
            while let Some(batch) = stored.recv().await {
                let ack = match batch.done.await {
                    Ok(Ok(())) => Ok(Ack { sequence: batch.sequence, rejections: batch.rejections }),
                    Ok(Err(why)) => Err(Status::unavailable(format!("not stored: {why}"))),
                    Err(_) => Err(Status::unavailable("the collector is stopping")),
                };
                let failed = ack.is_err();
                if acks.send(ack).await.is_err() || failed {
                    return;
                }
            }
        })
    };
    let mut node = String::new();
    let mut expected = 1;
    loop {
        let batch = tokio::select! {
            batch = batches.next() => match batch {
                Some(batch) => batch?,
                None => break,
            },
            // An error means that the server is gone.
            _ = stop.wait_for(|s| *s) => break,
        };
        if batch.sequence != expected {
            return Err(Status::invalid_argument(format!(
                "batch {} came where {expected} was due",
                batch.sequence
            )));
        }
        expected += 1;
        if let Some(sensor) = batch.sensor {
            claim.check(&sensor.node)?;
            node = sensor.node;
        }
        if node.is_empty() {
            return Err(Status::invalid_argument(
                "the first batch does not say whose it is: sensor.node is empty",
            ));
        }
        let mut rejections = Vec::new();
        let mut findings = Vec::with_capacity(batch.findings.len());
        for sealed in &batch.findings {
            findings.extend(open(sealed, &node, &claim, &mut rejections)?);
        }
        let (done, wait) = oneshot::channel();
        let job = Job { node: node.clone(), findings, done };
        if jobs.send(job).await.is_err() {
            return Err(Status::unavailable("the collector is stopping"));
        }
        if pending.send(Pending { sequence: batch.sequence, rejections, done: wait }).await.is_err() {
            break;
        }
    }
    drop(pending);
    let _ = answer.await;
    Ok(())
}

/// Whose a stream may say it is.
struct Claim {
    /// Names in the client's certificate; `None` when it has none.
    certified: Option<Peer>,
}

impl Claim {
    /// A certificate is for one node, and nobody else's findings.
    fn check(&self, node: &str) -> Result<(), Status> {
        match &self.certified {
            Some(peer) if !peer.is_for(node) => Err(Status::permission_denied(format!(
                "the client's certificate is for {peer}, not for node {node:?}"
            ))),
            _ => Ok(()),
        }
    }
}

/// A finding as it came, checked. What was damaged on its way is an error, since it was whole when it left; what can
/// never be stored is rejected, and must not hold up those behind it.
fn open(
    sealed: &Sealed,
    node: &str,
    claim: &Claim,
    rejections: &mut Vec<Rejection>,
) -> Result<Option<Incoming>, Status> {
    let finding = match sealed.open() {
        Ok(finding) => finding,
        Err(e @ Damaged::Checksum) => return Err(Status::data_loss(e.to_string())),
        Err(e @ Damaged::Form(_)) => {
            rejections.push(Rejection { name: String::new(), reason: e.to_string() });
            return Ok(None);
        }
    };
    if !is_acceptable(&finding, rejections) {
        return Ok(None);
    }
    if claim.certified.is_some() && node_of(&finding).is_some_and(|named| named != node) {
        let reason = format!("it is about another node than {node:?}, whose certificate this is");
        rejections.push(Rejection { name: finding.name, reason });
        return Ok(None);
    }
    Ok(Some(Incoming::new(&finding, sealed.finding.clone(), sealed.revision)))
}

/// The node that a finding says it is about.
fn node_of(finding: &Finding) -> Option<&str> {
    match finding.source_properties.get("Node_Name")?.kind.as_ref()? {
        Kind::StringValue(name) => Some(name),
        _ => None,
    }
}

/// Names longer than this are nobody's.
const NAME_BYTES_MAX: usize = 512;

/// A finding without a proper name can never be stored.
fn is_acceptable(finding: &Finding, rejections: &mut Vec<Rejection>) -> bool {
    let reason = match finding.name.rsplit_once("/findings/") {
        _ if finding.name.len() > NAME_BYTES_MAX => "its name is longer than 512 bytes",
        Some((_, id))
            if (1..=32).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()) =>
        {
            return true;
        }
        _ => "its name does not end in /findings/ID with an ID of 1 to 32 lower-case letters and digits",
    };
    rejections.push(Rejection {
        name: finding.name.chars().take(NAME_BYTES_MAX).collect(),
        reason: reason.to_owned(),
    });
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let mut rejections = Vec::new();
        let mut ok = |name: &str| {
            is_acceptable(&Finding { name: name.to_owned(), ..Finding::default() }, &mut rejections)
        };
        assert!(ok("projects/p/sources/s/locations/l/findings/0a9"));
        assert!(!ok("projects/p/sources/s/locations/l/findings/"));
        assert!(!ok("projects/p/findings/UPPER"));
        assert!(!ok(""));
        assert_eq!(rejections.len(), 3);
    }
}
