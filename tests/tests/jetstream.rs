//! Findings in a stream that many collectors share, in a real NATS server.

use std::{path::Path, time::Duration};

use async_nats::jetstream::{self, consumer::pull};
use e2e::{
    client::{self, store},
    collectors,
    daemon::{self, wait_until},
    made::saying as finding,
    nats::Nats,
};
use prost::Message;
use proto::scc::Finding;
use store::{Search, Store};
use tokio_stream::StreamExt;

/// What the database holds: ids and descriptions.
fn stored(dir: &Path) -> Vec<(String, String)> {
    let Ok(store) = Store::open_for_reading(&dir.join("findings.db")) else { return Vec::new() };
    let Ok(found) = store.search(&Search::default(), 100) else { return Vec::new() };
    let mut all: Vec<_> = found
        .into_iter()
        .map(|s| (s.finding.name.rsplit('/').next().unwrap_or_default().to_owned(), s.finding.description))
        .collect();
    all.sort();
    all
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn collectors_share_a_stream_and_a_database_is_made_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let nats = Nats::start(dir.path()).expect("a server");
    let (mut first, a) =
        collectors::start_into(&nats.stream(), dir.path(), "a", 0, &[]).expect("a collector");
    let (_second, b) = collectors::start_into(&nats.stream(), dir.path(), "b", 0, &[]).expect("a collector");
    store(a, 1, &[finding("a", "old"), finding("b", "x")]);
    // Killed right after the acknowledgement; its sensor sends again, elsewhere.
    first.kill().expect("a kill");
    store(b, 1, &[finding("a", "old"), finding("b", "x")]);
    store(b, 2, &[finding("a", "new")]);
    let mut index = collectors::index(&nats.stream(), dir.path()).expect("an index");
    wait_until("both", || stored(dir.path()) == pairs(&[("a", "new"), ("b", "x")]));
    index.stop().expect("a stop");
    // It goes on from there; what comes late and is older replaces nothing.
    store(b, 1, &[finding("c", "y")]);
    let _index = collectors::index(&nats.stream(), dir.path()).expect("an index");
    wait_until("the third", || stored(dir.path()) == pairs(&[("a", "new"), ("b", "x"), ("c", "y")]));
    // Word of sensors does not wait in the stream, and comes again and again.
    wait_until("the sensor", || {
        store(b, 1, &[]);
        let nodes = collectors::nodes(dir.path(), &[]).expect("nodes");
        nodes.len() == 1 && nodes[0]["node"] == "n" && nodes[0]["stored_findings"] == 3
    });
}

#[tokio::test]
async fn any_client_can_read_the_stream_and_each_version_is_one_message() {
    let dir = tempfile::tempdir().expect("a directory");
    let nats = Nats::start(dir.path()).expect("a server");
    let (_collector, port) =
        collectors::start_into(&nats.stream(), dir.path(), "port", 0, &[]).expect("a collector");
    for revision in [1, 1, 2] {
        let batch = client::batch(1, revision, &[finding("a", "\u{1b}[2J\n")]);
        client::deliver(port, batch).await.expect("an acknowledgement");
    }
    let client = async_nats::connect(nats.url()).await.expect("a client");
    let mut stream = jetstream::new(client).get_stream("findings").await.expect("the stream");
    assert_eq!(stream.info().await.expect("its state").state.messages, 2);
    let consumer = stream.create_consumer(pull::Config::default()).await.expect("a consumer");
    let mut messages = consumer.fetch().max_messages(10).messages().await.expect("messages");
    let message = messages.next().await.expect("a message").expect("a message");
    assert_eq!(message.subject.as_str(), "findings.findings.n");
    let kind = message.headers.as_ref().and_then(|headers| headers.get("Content-Type")).expect("a type");
    assert_eq!(kind.as_str(), "application/x-protobuf");
    let sent = Finding::decode(message.payload.clone()).expect("a finding");
    assert_eq!(sent.description, "\u{1b}[2J\n");
    assert_eq!(sent.name, "projects/p/sources/s/locations/global/findings/a");
}

#[tokio::test]
async fn a_script_of_a_megabyte_of_the_worst_characters_passes() {
    let dir = tempfile::tempdir().expect("a directory");
    let nats = Nats::start(dir.path()).expect("a server");
    let (_collector, port) =
        collectors::start_into(&nats.stream(), dir.path(), "port", 0, &[]).expect("a collector");
    let text = "\u{1}".repeat(1024 * 1024);
    let batch = client::batch(1, 1, &[finding("a", &text)]);
    client::deliver(port, batch).await.expect("an acknowledgement");
    let _index = collectors::index(&nats.stream(), dir.path()).expect("an index");
    tokio::task::spawn_blocking(move || {
        wait_until("it", || stored(dir.path()) == pairs(&[("a", text.as_str())]));
    })
    .await
    .expect("it is stored");
}

#[tokio::test]
async fn without_its_server_nothing_is_acknowledged_and_the_collector_says_that_it_is_not_ready() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nats = Nats::start(dir.path()).expect("a server");
    let (_collector, port) =
        collectors::start_into(&nats.stream(), dir.path(), "port", 0, &[]).expect("a collector");
    nats.kill().expect("a kill");
    let batch = client::batch(1, 1, &[finding("a", "x")]);
    let sent = tokio::time::timeout(Duration::from_secs(30), client::deliver(port, batch.clone())).await;
    let status = sent.expect("an answer in time").expect_err("a refusal");
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    let endpoint =
        tonic::transport::Endpoint::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
    let channel = endpoint.connect().await.expect("a connection");
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let asked =
        tonic_health::pb::HealthCheckRequest { service: "scriptwatch.ingest.v1.IngestService".to_owned() };
    let answer = health.check(asked).await.expect("an answer").into_inner();
    assert_eq!(answer.status, i32::from(tonic_health::pb::health_check_response::ServingStatus::NotServing));
    nats.restart().expect("a server");
    let begun = std::time::Instant::now();
    while client::deliver(port, batch.clone()).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come back");
    }
}

#[tokio::test]
async fn a_stream_that_has_no_leader_for_a_while_is_nothing_that_a_sensor_notices() {
    let dir = tempfile::tempdir().expect("a directory");
    let nats = Nats::start(dir.path()).expect("a server");
    let (_collector, port) =
        collectors::start_into(&nats.stream(), dir.path(), "port", 0, &[]).expect("a collector");
    let context = jetstream::new(async_nats::connect(nats.url()).await.expect("a connection"));
    let mut stream = context.get_stream("findings").await.expect("the stream");
    let config = stream.info().await.expect("what it is like").config.clone();
    // To who publishes it looks the same: nobody answers.
    context.delete_stream("findings").await.expect("no stream");
    let batch = client::batch(1, 1, &[finding("a", "x")]);
    let mut delivering = tokio::spawn(client::deliver(port, batch));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut delivering).await;
    assert!(early.is_err(), "{early:?}");
    context.create_stream(config).await.expect("the stream again");
    let ack = delivering.await.expect("an end").expect("an acknowledgement");
    assert!(ack.rejections.is_empty());
    let mut stream = context.get_stream("findings").await.expect("the stream");
    assert_eq!(stream.info().await.expect("what it is like").state.messages, 1);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_what_the_servers_do_not_take() {
    let dir = tempfile::tempdir().expect("a directory");
    let nats = Nats::start(dir.path()).expect("a server");
    let (mut collector, port) =
        collectors::start_into(&nats.stream(), dir.path(), "port", 0, &[]).expect("a collector");
    let context = jetstream::new(async_nats::connect(nats.url()).await.expect("a connection"));
    context.delete_stream("findings").await.expect("no stream");
    let mut delivering = tokio::spawn(client::deliver(port, client::batch(1, 1, &[finding("a", "x")])));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut delivering).await;
    assert!(early.is_err(), "{early:?}");
    let begun = std::time::Instant::now();
    collector.signal(libc::SIGTERM);
    assert!(collector.end().expect("an end").success());
    // It would be tried for 19 s more.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(delivering.await.expect("an end").is_err(), "nothing was stored");
}

#[test]
fn a_stop_does_not_wait_for_a_server_that_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nats = Nats::start(dir.path()).expect("a server");
    let (mut collector, port) =
        collectors::start_into(&nats.stream(), dir.path(), "port", 0, &[]).expect("a collector");
    let mut index = collectors::index(&nats.stream(), dir.path()).expect("an index");
    store(port, 1, &[finding("a", "x")]);
    wait_until("it", || stored(dir.path()).len() == 1);
    nats.kill().expect("a kill");
    for running in [&mut collector, &mut index] {
        running.signal(libc::SIGTERM);
        assert!(running.end().expect("an end").success());
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().expect("a directory");
    let refusal = |store: &str, more: &[&str]| {
        let mut args = vec!["serve", "--plaintext", "--listen", "127.0.0.1:0", "--store", store];
        args.extend(more);
        collectors::refusal(&args).expect("a refusal")
    };
    let nowhere = refusal(&format!("jetstream://127.0.0.1:{}", daemon::free_port()), &[]);
    assert!(nowhere.contains("is a nats-server there"), "{nowhere}");
    let plain = Nats::configured(dir.path(), "max_payload: 8MB").expect("a server");
    assert!(refusal(&plain.stream(), &[]).contains("nats-server -js"));
    drop(plain);
    let small = Nats::configured(dir.path(), "jetstream: { store_dir: \"DIR/s\" }").expect("a server");
    assert!(refusal(&small.stream(), &[]).contains("max_payload: 8MB"));
    let locked =
        "max_payload: 8MB\njetstream: { store_dir: \"DIR/l\" }\nauthorization: { user: u, password: p }";
    drop(small);
    let locked = Nats::configured(dir.path(), locked).expect("a server");
    assert!(refusal(&locked.stream(), &[]).contains("login"));
    let with_login = locked.stream().replace("//", "//u:p@");
    // Such a server would take the setting, and lose the stream when it restarts.
    drop(collectors::start_into(&with_login, dir.path(), "alone", 0, &[]).expect("a collector"));
    let alone = refusal(&format!("{with_login}?replicas=3"), &[]);
    assert!(alone.contains("replicas=3 needs as many servers"), "{alone}");
    let page = refusal(&with_login, &["--web-listen", "127.0.0.1:0"]);
    assert!(page.contains("--web-listen") && page.contains("collector index"), "{page}");
    let list = collectors::refusal(&["list", "--store", "jetstream://nats:4222"]).expect("a refusal");
    assert!(list.contains("collector index"), "{list}");
}

#[tokio::test]
async fn what_an_operator_set_on_the_stream_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let nats = Nats::start(dir.path()).expect("a server");
    let days = |n: u64| Duration::from_hours(24 * n);
    let context = jetstream::new(async_nats::connect(nats.url()).await.expect("a client"));
    let config = jetstream::stream::Config {
        name: "findings".to_owned(),
        subjects: vec!["findings.findings.>".to_owned()],
        max_age: days(7),
        max_bytes: 1 << 30,
        ..Default::default()
    };
    context.create_stream(config).await.expect("a stream");
    let limits = || async {
        let mut stream = context.get_stream("findings").await.expect("the stream");
        let config = &stream.info().await.expect("its state").config;
        (config.max_age, config.max_bytes)
    };
    drop(collectors::start_into(&nats.stream(), dir.path(), "a", 0, &[]).expect("a collector"));
    assert_eq!(limits().await, (days(7), 1 << 30));
    let more = ["--retention-days", "30"];
    drop(collectors::start_into(&nats.stream(), dir.path(), "b", 0, &more).expect("a collector"));
    assert_eq!(limits().await, (days(30), 1 << 30));
}
