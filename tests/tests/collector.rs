//! The collector over real gRPC.

use std::time::Duration;

use e2e::{client, collectors, daemon, made::saying as finding, request};
use proto::{
    ingest::{Batch, Health, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
    well_known::{Timestamp, Value, value::Kind},
};
use tokio_stream::StreamExt;

fn batch(sequence: u64, findings: &[Finding]) -> Batch {
    client::batch(sequence, sequence, findings)
}

#[tokio::test]
async fn how_sensors_are_is_listed_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let admin = format!("127.0.0.1:{}", daemon::free_port());
    let args = ["--plaintext", "--admin-listen", &admin];
    let (_daemon, port) = collectors::start_with(dir.path(), "port", 0, &args).unwrap();
    let health = |seconds, reasons: &[&str], stopping| Health {
        waiting_findings: 7,
        oldest_waiting_seconds: seconds,
        impairments: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        stopping,
    };
    for (node, version, health) in [
        ("a", "99.0.0", health(60, &[], false)),
        ("b", "99.0.0", health(61, &[], false)),
        ("c", "99.0.0", health(61, &["events_lost", "\u{1b}[2J"], false)),
        ("d", "0.0.1", health(0, &[], false)),
        ("e", "99.0.0", health(0, &["events_lost"], true)),
    ] {
        let sensor = Some(Sensor { node: node.to_owned(), version: version.to_owned() });
        let batch = Batch { sequence: 1, sensor, findings: Vec::new(), health: Some(health) };
        client::deliver(port, batch).await.unwrap();
    }
    daemon::wait_until("all five", || collectors::nodes(dir.path(), &[]).is_ok_and(|all| all.len() == 5));
    let nodes = collectors::nodes(dir.path(), &[]).unwrap();
    let of = |key: &str| -> Vec<String> {
        nodes.iter().map(|node| node[key].as_str().unwrap_or_default().to_owned()).collect()
    };
    // The worst first.
    assert_eq!(of("state"), ["impaired", "behind", "outdated", "stopped", "ok"]);
    assert_eq!(of("node"), ["c", "b", "d", "e", "a"]);
    assert_eq!(nodes[0]["impairments"], serde_json::json!(["events_lost"]));
    assert_eq!(nodes[0]["waiting_findings"], 7);
    let metrics = request::get(&admin, "/metrics");
    for (state, count) in
        [("impaired", 1), ("behind", 2), ("outdated", 1), ("stopped", 1), ("ok", 1), ("silent", 0)]
    {
        let line = format!("scriptwatch_collector_sensors{{state=\"{state}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} is missing in\n{metrics}");
    }
    let refused = collectors::refusal(&["nodes", "--state", "well"]).unwrap();
    assert!(refused.contains("silent, impaired, behind, outdated, stopped and ok"), "{refused}");
}

#[tokio::test]
async fn acknowledged_means_stored_and_the_same_name_is_one_finding() {
    let dir = tempfile::tempdir().unwrap();
    let (mut daemon, port) = collectors::start(dir.path(), 0).unwrap();
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
    // Killed right after the acknowledgement: what was acknowledged is there all the same when it comes again.
    daemon.kill().unwrap();
    let (_daemon, _) = collectors::start(dir.path(), 0).unwrap();
    let stored = collectors::findings(dir.path()).unwrap();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().any(|f| f["description"] == "new"));
    assert_eq!(rejected.len(), 1);
    assert!(rejected[0].name.ends_with("/BAD"));
}

#[tokio::test]
async fn a_batch_out_of_order_ends_the_stream_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, port) = collectors::start(dir.path(), 0).unwrap();
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
    let (mut daemon, port) = collectors::start(dir.path(), 0).unwrap();
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
    let (_daemon, port) = collectors::start(dir.path(), 0).unwrap();
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

#[tokio::test]
async fn a_client_has_so_many_streams_and_findings_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--plaintext", "--client-streams", "2", "--client-findings-per-second", "50"];
    let (_daemon, port) = collectors::start_with(dir.path(), "port", 0, &args).unwrap();
    let open = || async move {
        let (sender, receiver) = tokio::sync::mpsc::channel(4);
        let mut client = IngestServiceClient::connect(format!("http://127.0.0.1:{port}")).await.unwrap();
        let acks = client.deliver(tokio_stream::wrappers::ReceiverStream::new(receiver)).await;
        acks.map(|acks| (sender, acks.into_inner()))
    };
    let (first, mut acks) = open().await.unwrap();
    let second = open().await.unwrap();
    let refused = open().await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(refused.message().contains("--client-streams"), "{}", refused.message());
    drop(second);
    let begun = std::time::Instant::now();
    while open().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "a stream that ended is not given back");
    }
    // Fifty at once, then fifty a second.
    let many: Vec<_> = (0..100).map(|n| finding(&format!("f{n}"), "x")).collect();
    let begun = std::time::Instant::now();
    first.send(batch(1, &many)).await.unwrap();
    acks.next().await.unwrap().unwrap();
    assert!(begun.elapsed() > Duration::from_millis(800), "{:?}", begun.elapsed());
    assert_eq!(collectors::findings(dir.path()).unwrap().len(), 100);
}

#[tokio::test]
async fn what_happened_is_counted_and_says_nothing_of_scripts() {
    let dir = tempfile::tempdir().unwrap();
    let status = format!("127.0.0.1:{}", daemon::free_port());
    let lines = dir.path().join("lines");
    let args = ["--plaintext", "--admin-listen", &status, "--json-lines", lines.to_str().unwrap()];
    let (_daemon, port) = collectors::start_with(dir.path(), "port", 0, &args).unwrap();
    let sent = batch(1, &[finding("a", "hidden words"), finding("b", "x"), finding("BAD", "never")]);
    client::deliver(port, sent).await.unwrap();
    let mut damaged = batch(1, &[finding("c", "x")]);
    damaged.findings[0].crc32 += 1;
    client::deliver(port, damaged).await.unwrap_err();
    let get = |path: &str| request::get(&status, path);
    assert!(get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(get("/readyz").starts_with("HTTP/1.1 200"));
    daemon::wait_until("the sink's count", || {
        let metrics = get("/metrics");
        let mut lines = metrics.lines().filter(|line| line.contains("sink_findings_written_total{sink="));
        lines.any(|line| line.ends_with(" 2"))
    });
    let metrics = get("/metrics");
    for line in [
        "scriptwatch_collector_findings_received_total 3",
        "scriptwatch_collector_findings_rejected_total 1",
        "scriptwatch_collector_findings_stored_total 2",
        "scriptwatch_collector_findings_damaged_total 1",
        "scriptwatch_collector_store_duration_seconds_count 1",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    assert!(!metrics.contains("hidden words"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_pods_finding_gets_it_or_is_told_where_to_look() {
    let dir = tempfile::tempdir().unwrap();
    let (_daemon, port) = collectors::start(dir.path(), 0).unwrap();
    let database = dir.path().join("findings.db");
    let wait = |pod: &str, timeout: &str| {
        let mut command = std::process::Command::new(daemon::bin().join("collector"));
        command.args(["wait", "--namespace", "shop", "--pod", pod, "--recent", "60", "--timeout", timeout]);
        command.arg("--store").arg(&database).output()
    };
    let told = |output: &std::process::Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (found, _, why) = told(&wait("web-0", "0").unwrap());
    assert!(!found && why.contains("collector nodes"), "{why}");
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let of_pod = |id: &str, pod: &str, ago: u64| Finding {
        source_properties: [("Pod_Name", text(pod)), ("Pod_Namespace", text("shop"))]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
        event_time: Some(Timestamp { seconds: (now.as_secs() - ago) as i64, nanos: 0 }),
        ..finding(id, "x")
    };
    client::deliver(port, batch(1, &[of_pod("old", "web-1", 3600)])).await.unwrap();
    let late = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| told(&wait("web-0", "20").unwrap()));
        let sent = client::deliver(port, batch(1, &[of_pod("new", "web-0", 1)]));
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(sent)).unwrap();
        waiting.join().unwrap()
    });
    assert!(late.0 && late.1.trim_end().ends_with(" new"), "{late:?}");
    assert!(!told(&wait("web-1", "0").unwrap()).0, "it is an hour old");
}
