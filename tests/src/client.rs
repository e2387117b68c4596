//! A client of the collector that is no sensor.

use std::net::SocketAddr;

use proto::{
    ingest::{Ack, Batch, Envelope, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

/// A batch of the node `n`.
pub fn batch(sequence: u64, revision: u64, findings: &[Finding]) -> Batch {
    let findings = findings.iter().map(|finding| Envelope::of(finding, revision)).collect();
    Batch {
        sequence,
        sensor: Some(Sensor { node: "n".to_owned(), version: "0".to_owned() }),
        findings,
        health: None,
    }
}

/// Sends one batch and waits for the answer.
pub async fn deliver(port: u16, batch: Batch) -> Result<Ack, tonic::Status> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let unavailable = |e: tonic::transport::Error| tonic::Status::unavailable(e.to_string());
    let client = IngestServiceClient::connect(format!("http://{address}")).await.map_err(unavailable)?;
    let mut client = client.max_encoding_message_size(64 * 1024 * 1024);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    sender.send(batch).await.map_err(|e| tonic::Status::internal(e.to_string()))?;
    let mut acks = client.deliver(ReceiverStream::new(receiver)).await?.into_inner();
    acks.next().await.unwrap_or_else(|| Err(tonic::Status::unavailable("no answer")))
}

/// Has findings stored.
///
/// # Panics
/// When they are not, or one is refused.
pub fn store(port: u16, revision: u64, findings: &[Finding]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let ack = runtime.block_on(deliver(port, batch(1, revision, findings))).expect("an acknowledgement");
    assert!(ack.rejections.is_empty(), "{:#?}", ack.rejections);
}
