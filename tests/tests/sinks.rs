//! Where findings go on to from the collector: JSON Lines, and Security Command Center's public service.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use e2e::{
    certificate::{Authority, Files},
    client::{batch, deliver, store},
    collectors,
    daemon::{self, Daemon, wait_until},
    made::saying as finding,
    metadata, request,
    scc::SecurityCommandCenter,
    webhook::Receiver,
};
use proto::{
    ingest::Sensor,
    scc::{File, Finding, Process, finding::Severity},
    well_known::{Value as Property, value::Kind},
};
use serde_json::Value;
use tonic::Code;

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
        collectors::start_with(dir.path(), "port", port, &args).expect("a collector")
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

#[test]
fn a_sink_is_given_what_its_filter_lets_through() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("findings.jsonl");
    let args = [
        "--plaintext",
        "--json-lines",
        path.to_str().expect("a path"),
        "--json-lines-min-severity",
        "critical",
        "--json-lines-namespace",
        "shop, pay",
        "--json-lines-urgent-only",
    ];
    let (_collector, port) = collectors::start_with(dir.path(), "port", 0, &args).expect("a collector");
    let text = |text: &str| Property { kind: Some(Kind::StringValue(text.to_owned())) };
    let of = |id: &str, severity: Severity, namespace: Option<&str>, level: &str| {
        let level = Some(("Triage_Level", level));
        let named = [level, namespace.map(|namespace| ("Pod_Namespace", namespace))].into_iter().flatten();
        let source_properties = named.map(|(key, value)| (key.to_owned(), text(value))).collect();
        Finding { severity: severity.into(), source_properties, ..finding(id, id) }
    };
    let all = [
        of("a", Severity::Critical, Some("shop"), "urgent"),
        of("b", Severity::Critical, Some("shop"), "usual"),
        of("c", Severity::High, Some("shop"), "urgent"),
        of("d", Severity::Critical, Some("shops"), "urgent"),
        of("e", Severity::Critical, None, "urgent"),
    ];
    store(port, 1, &all);
    store(port, 2, &[of("z", Severity::Critical, Some("shop"), "urgent")]);
    let said = || -> Vec<Value> { lines(&path).iter().map(|f| f["description"].clone()).collect() };
    wait_until("the last", || said().last().is_some_and(|text| text == "z"));
    assert_eq!(said(), ["a", "e", "z"]);
    let args = ["serve", "--plaintext", "--scc", "--scc-namespace", "shop,"];
    let refusal = collectors::refusal(&args).expect("a refusal");
    assert!(refusal.contains("names of Kubernetes namespaces"), "{refusal}");
    let args = ["serve", "--plaintext", "--scc", "--scc-min-severity", "urgent"];
    let refusal = collectors::refusal(&args).expect("a refusal");
    assert!(refusal.contains("low, medium, high and critical"), "{refusal}");
}

/// A collector with the sink, a stand-in for the service, and one for where tokens come from.
fn scc(dir: &Path, per_minute: u32) -> (Daemon, u16, SecurityCommandCenter) {
    scc_with(dir, per_minute, &[])
}

fn scc_with(dir: &Path, per_minute: u32, more: &[&str]) -> (Daemon, u16, SecurityCommandCenter) {
    let scc = SecurityCommandCenter::start().expect("a service");
    let (collector, port) = scc_again(dir, &scc, per_minute, more);
    (collector, port, scc)
}

fn scc_again(dir: &Path, scc: &SecurityCommandCenter, per_minute: u32, more: &[&str]) -> (Daemon, u16) {
    let token = r#"{"access_token":"t0ken","expires_in":3600,"token_type":"Bearer"}"#;
    let server = metadata::serve("127.0.0.1:0", &[("instance/service-accounts/default/token", token)]);
    let endpoint = format!("http://{}", scc.address);
    let rate = per_minute.to_string();
    let args = ["--plaintext", "--scc", "--scc-endpoint", &endpoint, "--scc-per-minute", &rate];
    let args = [&args[..], more].concat();
    let env = [("GCE_METADATA_HOST", server.address.to_string())];
    collectors::start_in_env(dir, "port", 0, &args, &env).expect("a collector")
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
    store(port, 1, &[finding("a", "refused for good"), finding("b", "after it")]);
    wait_until("the one behind it", || descriptions(&scc).contains_key("b"));
    assert_eq!(descriptions(&scc).len(), 1);
    assert_eq!(scc.state().calls, ["create a", "create a", "create a", "create a", "create a", "create b"]);
}

#[test]
fn a_finding_made_before_the_project_was_known_is_filed_when_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("findings.jsonl");
    let more = ["--json-lines", file.to_str().expect("a path")];
    let (_collector, port, scc) = scc_with(dir.path(), 60_000, &more);
    let mut early = finding("early", "x");
    early.name = early.name.replace("projects/p/", "projects/-/");
    store(port, 1, &[early]);
    wait_until("a line", || lines(&file).len() == 1);
    assert!(lines(&file)[0]["name"].as_str().is_some_and(|name| name.starts_with("projects/-/")));
    store(port, 2, &[finding("later", "y")]);
    wait_until("both", || descriptions(&scc).len() == 2);
    assert!(scc.state().findings.keys().all(|name| name.starts_with("projects/p/")));
    wait_until("two more lines", || lines(&file).len() == 3);
    assert_eq!(collectors::findings(dir.path()).expect("findings").len(), 2);
}

#[test]
fn long_contents_are_cut_for_it_and_not_in_the_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port, scc) = scc(dir.path(), 60_000);
    let text = ": é\n".repeat(40_000);
    let script = File { contents: text.clone(), size: text.len() as i64, ..File::default() };
    let process = Process { script: Some(script), ..Process::default() };
    store(port, 1, &[Finding { processes: vec![process], ..finding("long", "x") }]);
    wait_until("it", || scc.state().findings.len() == 1);
    let filed = scc.state().findings.values().next().cloned().expect("a finding");
    let contents = filed.processes[0].script.clone().expect("a script").contents;
    assert!(contents.len() <= 100 * 1024 && contents.len() > 102_397, "{}", contents.len());
    assert!(text.starts_with(&contents));
    assert!(filed.source_properties.contains_key("Script_Contents_Kept"));
    let stored = &collectors::findings(dir.path()).expect("findings")[0];
    assert_eq!(stored["processes"][0]["script"]["contents"].as_str(), Some(text.as_str()));
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

#[test]
fn when_it_is_behind_it_gets_the_urgent_ones_first_and_the_newest_and_all_of_them_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let with_level = |number: usize| {
        let level = if number % 100 == 7 { "urgent" } else { "usual" };
        let level = Property { kind: Some(Kind::StringValue(level.to_owned())) };
        let source_properties = [("Triage_Level".to_owned(), level)].into();
        Finding { source_properties, ..finding(&format!("f{number}"), "x") }
    };
    // An older one of another node, which the many of this one are not to stand before.
    let mut of_another = batch(1, 1, &[with_level(1007)]);
    of_another.sensor = Some(Sensor { node: "quiet".to_owned(), version: "0".to_owned() });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(deliver(port, of_another)).expect("an acknowledgement");
    let all: Vec<Finding> = (0..400).map(with_level).collect();
    for some in all.chunks(200) {
        store(port, 1, some);
    }
    collector.stop().expect("a stop");
    // Four a second: a minute of them is less than what waits.
    let (mut collector, _, scc) = scc(dir.path(), 240);
    wait_until("some", || scc.state().calls.len() >= 25);
    collector.kill().expect("a kill");
    let given = scc.state().calls.len();
    let expected = ["f307", "f1007", "f207", "f107", "f7", "f399", "f398"].map(|id| format!("create {id}"));
    assert_eq!(scc.state().calls[..7], expected);
    // And as many of the oldest after each turn, so that none waits for ever.
    let numbers = |calls: &[String]| -> Vec<u32> {
        let number = |call: &String| call.rsplit_once('f').and_then(|(_, n)| n.parse().ok());
        calls.iter().map(|call| number(call).expect("a number")).collect()
    };
    assert_eq!(numbers(&scc.state().calls[10..20]), [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]);
    // With a higher rate it is not behind: the rest comes in the order in which it was stored. What it had is not sent again, but for
    // the last ones, which were not noted before the kill.
    let (_collector, _) = scc_again(dir.path(), &scc, 60_000, &[]);
    wait_until("all", || scc.state().findings.len() == 401);
    let calls = scc.state().calls.clone();
    let rest = &calls[given..];
    let created = rest.iter().filter(|call| call.starts_with("create") && !calls[..given].contains(call));
    assert!(numbers(&created.cloned().collect::<Vec<_>>()).is_sorted(), "{rest:?}");
    let again = rest.iter().filter(|call| calls[..given].contains(call)).count();
    assert!(again <= 10, "{again} of {given} came again: {rest:?}");
}

#[test]
fn a_day_that_is_used_up_does_not_hold_up_a_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut collector, port, scc) = scc_with(dir.path(), 60_000, &["--scc-mib-per-day", "1"]);
    let long = |id: &str| {
        let script = File { contents: "x".repeat(90 * 1024), ..File::default() };
        let process = Process { script: Some(script), ..Process::default() };
        Finding { processes: vec![process], ..finding(id, "x") }
    };
    let all: Vec<Finding> = (0..15).map(|n| long(&format!("f{n}"))).collect();
    store(port, 1, &all);
    wait_until("what a day has", || scc.state().findings.len() == 11);
    let start = Instant::now();
    collector.stop().expect("a stop");
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    assert_eq!(scc.state().findings.len(), 11);
}

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A collector that posts to a receiver of this certificate and trusts this authority.
fn hook(dir: &Path, files: &Files, trusted: &Path, more: &[&str]) -> (Daemon, u16, Receiver) {
    let receiver = Receiver::start(files).expect("a receiver");
    let secret = dir.join("secret");
    fs::write(&secret, SECRET).expect("a file");
    let url = format!("https://localhost:{}/hook", receiver.address.port());
    let text = |path: &Path| path.to_str().expect("a path").to_owned();
    let (secret, trusted) = (text(&secret), text(trusted));
    let mut args =
        vec!["--plaintext", "--webhook", &url, "--webhook-secret", &secret, "--webhook-ca", &trusted];
    args.extend(more);
    let (collector, port) = collectors::start_with(dir, "port", 0, &args).expect("a collector");
    (collector, port, receiver)
}

#[test]
fn a_webhook_gets_every_finding_signed_and_again_until_it_takes_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = Authority::new("hooks").expect("an authority");
    let ca = authority.write(dir.path(), "ca.crt").expect("a file");
    let files = authority.issue(dir.path(), "hook", "localhost", 1).expect("a certificate");
    let (_collector, port, receiver) = hook(dir.path(), &files, &ca, &[]);
    receiver.state().answers = [503, 429, 204, 422].into();
    store(port, 1, &[finding("a", "one"), finding("b", "refused for good"), finding("c", "three")]);
    wait_until("the last", || receiver.state().posts.len() == 5);
    let posts = receiver.state().posts.clone();
    let bodies: Vec<Value> = posts.iter().map(|p| serde_json::from_slice(&p.body).expect("JSON")).collect();
    let said: Vec<_> = bodies.iter().map(|b| b["description"].as_str().expect("a text")).collect();
    assert_eq!(said, ["one", "one", "one", "refused for good", "three"]);
    let checker = standardwebhooks::Webhook::new(SECRET).expect("a secret");
    let headers = |post: &e2e::webhook::Post| -> http::HeaderMap {
        let parsed = post.headers.iter().map(|(name, value)| {
            let name: http::HeaderName = name.parse().expect("a name");
            (name, value.parse().expect("a value"))
        });
        parsed.collect()
    };
    for post in &posts {
        checker.verify(&post.body, &headers(post)).expect("the signature fits");
        checker.verify(b"{}", &headers(post)).expect_err("a signature of something else");
    }
    // What was sent again has the same id, so that the receiver can tell.
    let ids: Vec<_> = posts.iter().map(|post| headers(post)["webhook-id"].clone()).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3]);
}

#[test]
fn a_webhook_that_proves_nothing_gets_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = Authority::new("other")
        .and_then(|a| a.issue(dir.path(), "hook", "localhost", 1))
        .expect("a certificate");
    let trusted = Authority::new("hooks").and_then(|a| a.write(dir.path(), "ca.crt")).expect("a file");
    let status = format!("127.0.0.1:{}", daemon::free_port());
    let (_collector, port, receiver) = hook(dir.path(), &files, &trusted, &["--admin-listen", &status]);
    store(port, 1, &[finding("a", "one")]);
    wait_until("an attempt", || {
        let metrics = request::get(&status, "/metrics");
        let mut lines =
            metrics.lines().filter(|line| line.contains("sink_failures_total{sink=\"webhook https"));
        lines.any(|line| !line.ends_with(" 0"))
    });
    assert!(receiver.state().posts.is_empty());
}
