//! Where findings go on to from the collector: JSON Lines, and Security Command Center's public service.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use e2e::{
    made::saying as finding,
    metadata,
    node::{self, Daemon},
    scc::SecurityCommandCenter,
};
use proto::{
    ingest::{Batch, Sealed, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
};
use serde_json::Value;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::Code;

/// Has findings stored.
fn store(port: u16, revision: u64, findings: &[Finding]) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut client =
            IngestServiceClient::connect(format!("http://{address}")).await.expect("a connection");
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let sensor = Some(Sensor { node: "n".to_owned(), version: String::new() });
        let findings = findings.iter().map(|finding| Sealed::of(finding, revision)).collect();
        sender.send(Batch { sequence: 1, sensor, findings }).await.expect("a stream");
        let mut acks = client.deliver(ReceiverStream::new(receiver)).await.expect("a stream").into_inner();
        acks.next().await.expect("an answer").expect("an acknowledgement");
    });
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not come to it: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_finding_is_a_line_also_after_a_kill_and_a_rotation() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("findings.jsonl");
    let start = |port| -> (Daemon, u16) {
        let args = ["--plaintext", "--json-lines", path.to_str().expect("a path")];
        node::collector_with(dir.path(), "port", port, &args).expect("a collector")
    };
    let (mut collector, port) = start(0);
    // Whatever a script holds, it is one line.
    store(port, 1, &[finding("a", "one\ntwo\u{2028}three\u{1b}[2J"), finding("b", "x")]);
    wait_until("two lines", || lines(&path).len() == 2);
    assert_eq!(lines(&path)[0]["description"], "one\ntwo\u{2028}three\u{1b}[2J");
    collector.kill().expect("a kill");
    fs::rename(&path, dir.path().join("rotated.jsonl")).expect("a rotation");
    let (mut collector, port) = start(port);
    store(port, 2, &[finding("b", "more is known"), finding("c", "y")]);
    let said = || -> Vec<Value> { lines(&path).iter().map(|f| f["description"].clone()).collect() };
    wait_until("two more", || said().ends_with(&["more is known".into(), "y".into()]));
    // A kill between the lines and the note of them may bring those two again, and nothing else.
    assert!(matches!(said().len(), 2..=4), "{:?}", said());
    // An orderly stop brings nothing again.
    let before = said().len();
    collector.stop().expect("a stop");
    let (_collector, port) = start(port);
    store(port, 3, &[finding("d", "z")]);
    wait_until("one more", || said().last().is_some_and(|text| text == "z"));
    assert_eq!(said().len(), before + 1, "{:?}", said());
}

/// A collector with the sink, a stand-in for the service, and one for where tokens come from.
fn scc(dir: &Path, per_minute: u32) -> (Daemon, u16, SecurityCommandCenter) {
    let scc = SecurityCommandCenter::start().expect("a service");
    let token = r#"{"access_token":"t0ken","expires_in":3600,"token_type":"Bearer"}"#;
    let server = metadata::serve("127.0.0.1:0", &[("instance/service-accounts/default/token", token)]);
    let endpoint = format!("http://{}", scc.address);
    let rate = per_minute.to_string();
    let args = ["--plaintext", "--scc", "--scc-endpoint", &endpoint, "--scc-per-minute", &rate];
    let env = [("GCE_METADATA_HOST", server.address.to_string())];
    let (collector, port) = node::collector_in_env(dir, "port", 0, &args, &env).expect("a collector");
    (collector, port, scc)
}

fn descriptions(scc: &SecurityCommandCenter) -> BTreeMap<String, String> {
    let state = scc.state();
    let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    state.findings.iter().map(|(name, f)| (id(name), f.description.clone())).collect()
}

#[test]
fn findings_are_created_and_updated_through_the_public_service() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port, scc) = scc(dir.path(), 60_000);
    store(port, 1, &[finding("a", "first"), finding("b", "second")]);
    wait_until("two findings", || descriptions(&scc).len() == 2);
    store(port, 2, &[finding("a", "more is known")]);
    wait_until("an update", || descriptions(&scc)["a"] == "more is known");
    let state = scc.state();
    assert_eq!(state.calls, ["create a", "create b", "create a", "update a"]);
    assert_eq!(state.tokens, ["Bearer t0ken"]);
}

#[test]
fn what_may_pass_is_tried_again_and_what_cannot_is_left_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port, scc) = scc(dir.path(), 60_000);
    scc.state().failures = [
        Code::Unavailable,
        Code::ResourceExhausted,
        Code::Unauthenticated,
        Code::Internal,
        Code::InvalidArgument,
    ]
    .into();
    let mut nobodys = finding("n", "nobody's");
    nobodys.name = nobodys.name.replace("projects/p/", "projects/-/");
    store(port, 1, &[finding("a", "refused for good"), nobodys, finding("b", "after it")]);
    wait_until("the one behind it", || descriptions(&scc).contains_key("b"));
    assert_eq!(descriptions(&scc).len(), 1);
    assert_eq!(scc.state().calls, ["create a", "create a", "create a", "create a", "create a", "create b"]);
}

#[test]
fn the_quota_is_kept_to() {
    let dir = tempfile::tempdir().expect("a directory");
    // Five a second.
    let (_collector, port, scc) = scc(dir.path(), 300);
    let all: Vec<Finding> = (0..8).map(|n| finding(&format!("f{n}"), "x")).collect();
    store(port, 1, &all);
    let start = Instant::now();
    wait_until("all of them", || descriptions(&scc).len() == 8);
    let took = start.elapsed().as_secs_f64();
    assert!(took > 1.0, "eight calls in {took:.2} s at five a second");
}
