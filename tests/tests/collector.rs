//! The collector over real gRPC.

use std::time::Duration;

use e2e::{made::saying as finding, node};
use proto::{
    ingest::{Batch, Sealed, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
};
use tokio_stream::StreamExt;

fn batch(sequence: u64, findings: &[Finding]) -> Batch {
    let findings = findings.iter().map(|finding| Sealed::of(finding, sequence)).collect();
    Batch { sequence, sensor: Some(Sensor { node: "n".to_owned(), version: "0".to_owned() }), findings }
}

#[tokio::test]
async fn acknowledged_means_stored_and_the_same_name_is_one_finding() {
    let dir = tempfile::tempdir().unwrap();
    let (mut daemon, port) = node::collector(dir.path(), 0).unwrap();
    let mut client = IngestServiceClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap();
    let batches = vec![
        batch(1, &[finding("a", "old"), finding("b", "x"), finding("BAD", "never")]),
        batch(2, &[finding("a", "new")]),
    ];
    // The stream stays open: acknowledgements must not wait for its end.
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    for batch in batches {
        sender.send(batch).await.unwrap();
    }
    let mut acks =
        client.deliver(tokio_stream::wrappers::ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let mut rejected = Vec::new();
    let mut last = 0;
    while last < 2 {
        let ack = tokio::time::timeout(Duration::from_secs(10), acks.next()).await.unwrap().unwrap().unwrap();
        last = ack.sequence;
        rejected.extend(ack.rejections);
    }
    // Killed right after the acknowledgement: what was acknowledged is there all the same.
    daemon.kill().unwrap();
    let stored = node::findings(dir.path()).unwrap();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().any(|f| f["description"] == "new"));
    assert_eq!(rejected.len(), 1);
    assert!(rejected[0].name.ends_with("/BAD"));
}

#[tokio::test]
async fn a_batch_out_of_order_ends_the_stream_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, port) = node::collector(dir.path(), 0).unwrap();
    let mut client = IngestServiceClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap();
    let batches = tokio_stream::iter(vec![batch(1, &[]), batch(3, &[])]);
    let mut acks = client.deliver(batches).await.unwrap().into_inner();
    let mut end = None;
    while let Some(ack) = acks.next().await {
        if let Err(status) = ack {
            end = Some(status);
            break;
        }
    }
    let status = end.expect("an error");
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(status.message().contains("batch 3 came where 2 was due"), "{}", status.message());
}

#[tokio::test]
async fn health_is_served_and_a_stop_does_not_wait_for_open_streams() {
    let dir = tempfile::tempdir().unwrap();
    let (mut daemon, port) = node::collector(dir.path(), 0).unwrap();
    let channel = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let request =
        tonic_health::pb::HealthCheckRequest { service: "scriptwatch.ingest.v1.IngestService".to_owned() };
    let answer = health.check(request).await.unwrap().into_inner();
    assert_eq!(answer.status, i32::from(tonic_health::pb::health_check_response::ServingStatus::Serving));

    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    sender.send(batch(1, &[finding("a", "x")])).await.unwrap();
    let mut client = IngestServiceClient::new(channel);
    let mut acks =
        client.deliver(tokio_stream::wrappers::ReceiverStream::new(receiver)).await.unwrap().into_inner();
    acks.next().await.unwrap().unwrap();
    let stopped = tokio::task::spawn_blocking(move || daemon.stop());
    tokio::time::timeout(Duration::from_secs(10), stopped).await.expect("the stop hangs").unwrap().unwrap();
    drop(sender);
}

#[tokio::test]
async fn reflection_names_the_services() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, port) = node::collector(dir.path(), 0).unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    let mut client = ServerReflectionClient::new(endpoint.connect().await.unwrap());
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        client.server_reflection_info(tokio_stream::iter([request])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("not a list: {answer:?}")
    };
    let names: Vec<&str> = list.service.iter().map(|s| s.name.as_str()).collect();
    assert!(names.contains(&"scriptwatch.ingest.v1.IngestService"), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
}
