//! Findings as OCSF events, as the published schema has them.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use e2e::{
    client::store,
    collectors,
    daemon::wait_until,
    drill::malice,
    made::{self, saying},
    node::Node,
    shell,
};
use proto::{
    scc::{
        Container, File, Finding, Indicator, Kubernetes, Label, MitreAttack, Process,
        finding::Severity,
        kubernetes::{Node as KubernetesNode, Pod},
    },
    well_known::{ListValue, Timestamp, Value as Property, value::Kind},
};
use serde_json::{Value, json};

/// All that a finding may say.
fn complete(uid: &str) -> Finding {
    let string = |text: &str| Property { kind: Some(Kind::StringValue(text.to_owned())) };
    let number = |n: f64| Property { kind: Some(Kind::NumberValue(n)) };
    let list = |texts: &[&str]| Property {
        kind: Some(Kind::ListValue(ListValue { values: texts.iter().map(|text| string(text)).collect() })),
    };
    let label = |name: &str| Label { name: name.to_owned(), value: "v".to_owned() };
    let container = Container {
        name: "web".to_owned(),
        uri: "registry.example/web:1".to_owned(),
        image_id: format!("sha256:{}", "0".repeat(64)),
        labels: vec![label("app")],
        create_time: None,
    };
    let file =
        |path: &str| File { path: path.to_owned(), size: 7, sha256: "a".repeat(64), ..File::default() };
    let script = File { contents: "id\n".to_owned(), partially_hashed: true, ..file("/tmp/x.sh") };
    let process = |pid, script| Process {
        name: "bash".to_owned(),
        binary: Some(file("/bin/bash")),
        script,
        args: vec!["bash".to_owned(), "/tmp/x.sh".to_owned()],
        pid,
        parent_pid: 9,
        user_id: 1000,
        ..Process::default()
    };
    Finding {
        severity: Severity::Critical.into(),
        event_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 5_000_000 }),
        create_time: Some(Timestamp { seconds: 1_700_000_001, nanos: 0 }),
        category: "Malicious Script Executed".to_owned(),
        external_uri: "https://www.virustotal.com/gui/file/x/detection".to_owned(),
        resource_name: "//container.googleapis.com/projects/p/locations/l/clusters/c".to_owned(),
        next_steps: "1. Read it.".to_owned(),
        module_name: "SCRIPTWATCH_MALICIOUS_SCRIPT_EXECUTED".to_owned(),
        mitre_attack: Some(MitreAttack { version: "17".to_owned(), ..MitreAttack::default() }),
        indicator: Some(Indicator {
            ip_addresses: vec!["192.0.2.1".to_owned(), "2001:db8::1".to_owned()],
            domains: vec!["x.example".to_owned()],
            uris: vec!["http://x.example/a".to_owned()],
        }),
        processes: vec![process(10, Some(script)), process(9, None), process(1, None)],
        containers: vec![container.clone()],
        kubernetes: Some(Kubernetes {
            pods: vec![Pod {
                ns: "shop".to_owned(),
                name: "web-0".to_owned(),
                labels: vec![label("app")],
                containers: vec![container],
            }],
            nodes: vec![KubernetesNode { name: "n".to_owned() }],
        }),
        source_properties: BTreeMap::from(
            [
                ("Verdict_Techniques", list(&["T1059.004", "T1105"])),
                ("Verdict_Score", number(0.987)),
                ("Execution_Count", number(3.0)),
                ("Last_Execution_Timestamp", string("2023-11-14T22:14:00Z")),
                ("Process_Creation_Timestamp", string("2023-11-14T22:13:00Z")),
                ("Script_Parent", string("feed")),
                ("Container_Pid", number(7.0)),
                ("Container_Id", string(&"c".repeat(64))),
                ("Pod_Uid", string(uid)),
                ("Node_Name", string("n")),
                ("Project_Id", string("p")),
                ("Cluster_Location", string("europe-west3")),
                ("VM_Zone", string("europe-west3-a")),
                ("VM_Instance_Id", string("123")),
                ("Response_Action", string("killed")),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        ),
        ..saying(&format!("complete{}", uid.len()), "A script ran.")
    }
}

/// The events of a store in this format.
fn events(dir: &Path, format: &str) -> Vec<Value> {
    let file = dir.join(format!("{format}.jsonl"));
    let path = file.to_str().expect("a path");
    let args = ["--plaintext", "--json-lines", path, "--json-lines-format", format];
    let (mut collector, _) = collectors::start_with(dir, "port", 0, &args).expect("a collector");
    let stored = collectors::findings(dir).expect("findings").len();
    let text = || fs::read_to_string(&file).unwrap_or_default();
    wait_until("all of them", || text().lines().count() >= stored);
    collector.stop().expect("a stop");
    text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What is wrong with them.
fn faults(dir: &Path, events: &[Value]) -> Option<String> {
    let Some(python) = env::var_os("SCRIPTWATCH_TEST_OCSF") else {
        assert!(env::var_os("CI").is_none(), "SCRIPTWATCH_TEST_OCSF names no Python");
        eprintln!("SKIPPED: SCRIPTWATCH_TEST_OCSF names no Python with the schemas of OCSF");
        return None;
    };
    let file = dir.join("events");
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    fs::write(&file, lines.join("\n")).expect("a file");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ocsf/validate.py");
    let input = fs::File::open(&file).expect("the file");
    let checked = Command::new(python).arg(script).stdin(input).output().expect("Python");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains(&format!("{} events", events.len())), "{checked:?}");
    (!checked.status.success()).then_some(said)
}

fn named<'a>(events: &'a [Value], id: &str) -> &'a Value {
    let is_it = |event: &&Value| {
        event["metadata"]["correlation_uid"].as_str().is_some_and(|name| name.ends_with(&format!("/{id}")))
    };
    events.iter().find(is_it).unwrap_or_else(|| panic!("no {id} in {events:#?}"))
}

#[test]
fn every_finding_is_an_event_of_the_published_schema() {
    // What a real sensor says, with a script that evaluates another.
    let node = Node::start(&["--node", "n"]).expect("a node");
    let script =
        node.file("x.sh", format!("{}\neval '{}'\n", malice("a"), malice("b")).as_bytes()).expect("a file");
    shell::run("/bin/bash", &[script.to_str().expect("a path")]).expect("a shell");
    let real = node.wait_for(|all| all.len() == 2).expect("two findings");
    let real: Vec<Finding> =
        real.into_iter().map(|finding| serde_json::from_value(finding).expect("a finding")).collect();
    node.finish().expect("an outcome");

    let dir = tempfile::tempdir().expect("a directory");
    let (mut collector, port) =
        collectors::start_with(dir.path(), "port", 0, &["--plaintext"]).expect("a collector");
    let impaired = Finding {
        category: "Sensor Impaired".to_owned(),
        severity: Severity::High.into(),
        event_time: Some(Timestamp { seconds: 1_700_000_000, nanos: 0 }),
        ..saying("impaired", "The sensor was impaired.")
    };
    let uid = "7c2e4b6f-0c1f-4e6a-9f1b-2f3c4d5e6f70";
    // What no sensor says: parents without end, and what is no hash, technique or name.
    let mut hostile = Finding { name: saying("hostile", "").name, ..complete(uid) };
    hostile.processes.extend(vec![Process::default(); 10_000]);
    hostile.processes[0].binary.as_mut().expect("a binary").sha256 = "no hash".to_owned();
    let techniques = ["", ".1"].map(|id| Property { kind: Some(Kind::StringValue(id.to_owned())) });
    let techniques = Property { kind: Some(Kind::ListValue(ListValue { values: techniques.to_vec() })) };
    hostile.source_properties.insert("Verdict_Techniques".to_owned(), techniques);
    hostile.source_properties.remove("Container_Id");
    hostile.source_properties.remove("Pod_Uid");
    hostile.containers[0].name.clear();
    hostile.kubernetes.as_mut().expect("objects").pods[0].name.clear();
    // A static pod's uid is no UUID.
    let all = [
        &real[..],
        &[complete(uid), complete(&"0".repeat(32)), hostile, impaired, saying("bare", ""), made::finding(1)],
    ]
    .concat();
    store(port, 1, &all);
    collector.stop().expect("a stop");

    let found = events(dir.path(), "ocsf");
    assert_eq!(found.len(), all.len());
    assert_eq!(faults(dir.path(), &found), None);
    assert!(found.iter().all(|event| event["class_uid"] == 2004));
    let event = named(&found, "complete36");
    assert_eq!(
        (&event["severity_id"], &event["count"], &event["confidence_score"]),
        (&json!(5), &json!(3), &json!(99))
    );
    assert_eq!((&event["disposition"], &event["action"]), (&json!("Blocked"), &json!("Denied")));
    assert_eq!(event["time"], 1_700_000_000_005_i64);
    let evidence = &event["evidences"][0];
    assert_eq!(evidence["script"]["script_content"]["value"], "id\n");
    assert_eq!(evidence["script"]["parent_uid"], "feed");
    assert_eq!(evidence["process"]["parent_process"]["parent_process"]["pid"], 1);
    assert_eq!(evidence["container"]["pod_uuid"], uid);
    assert_eq!(named(&found, "complete32")["evidences"][0]["container"]["pod_uuid"], Value::Null);
    assert_eq!(event["attacks"][0]["sub_technique"]["uid"], "T1059.004");
    assert_eq!(event["unmapped"]["Response_Action"], "killed");
    assert_eq!(named(&found, "bare")["time"].as_i64().map(|time| time > 1_700_000_000_000), Some(true));

    let found = events(dir.path(), "ocsf-script-activity");
    assert_eq!(faults(dir.path(), &found), None);
    let event = named(&found, "complete36");
    assert_eq!((&event["class_uid"], &event["script"]["type_id"]), (&json!(1009), &json!(6)));
    assert_eq!(event["actor"]["process"]["pid"], 10);
    assert_eq!(named(&found, "impaired")["class_uid"], 2004);

    // The check finds what is wrong.
    let mut wrong = event.clone();
    wrong["script"]["type_id"] = json!("shell");
    if let Some(faults) = faults(dir.path(), &[wrong]) {
        assert!(faults.contains("$.script.type_id"), "{faults}");
    } else {
        assert!(env::var_os("SCRIPTWATCH_TEST_OCSF").is_none(), "a type that is none passes");
    }
}
