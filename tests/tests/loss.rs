//! Nothing is lost silently: losses are made to happen, and every one is counted by its cause.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command},
    time::Instant,
};

use e2e::{
    daemon::{Daemon, bin, scaled},
    node::Node,
    outcome::{Outcome, bytes},
    shell::{self, quiet},
};
use serde_json::Value;

/// Scripts of the storm, and who runs them.
const STORM: usize = 20_000;
const RUNNERS: usize = 8;

/// Runs short scripts from several processes at once; returns how many ended well.
fn storm(scripts: usize) -> usize {
    let runner = |who: usize| {
        (0..scripts / RUNNERS)
            .filter(|i| {
                let text = format!(": storm {who} {i}");
                quiet("/bin/dash").args(["-c", &text]).status().is_ok_and(|s| s.success())
            })
            .count()
    };
    // Processes, not threads: each starts shells of its own.
    let mut children = Vec::new();
    for who in 0..RUNNERS {
        // SAFETY: the child only runs programs and ends; it shares nothing that another thread may hold.
        match unsafe { nix::unistd::fork() }.expect("a fork") {
            nix::unistd::ForkResult::Child => {
                let done = runner(who) == scripts / RUNNERS;
                std::process::exit(i32::from(!done));
            }
            nix::unistd::ForkResult::Parent { child } => children.push(child),
        }
    }
    children
        .into_iter()
        .filter(|c| matches!(nix::sys::wait::waitpid(*c, None), Ok(nix::sys::wait::WaitStatus::Exited(_, 0))))
        .count()
        * (scripts / RUNNERS)
}

fn storm_captures(outcome: &Outcome) -> u64 {
    outcome.captures.iter().filter(|c| bytes(&c["content"]).starts_with(b": storm ")).count() as u64
}

#[test]
fn a_storm_with_the_reader_held_back_adds_up() {
    let node = Node::start(&["--ring-mib", "1"]).unwrap();
    let scripts = scaled(STORM);
    node.sensor.signal(libc::SIGSTOP);
    let run = storm(scripts) as u64;
    node.sensor.signal(libc::SIGCONT);
    assert_eq!(run, scripts as u64, "a runner failed");
    node.wait_for(|all| is_impaired(all, "events_lost")).unwrap();
    let outcome = node.finish().unwrap();
    let captured = storm_captures(&outcome);
    let lost_whole = outcome.total("kernel_lost_execs_total");
    let lost_text = outcome.total("shells_without_script_total{reason=\"events_lost\"}");
    let unscored = outcome.total("queue_items_dropped_total{queue=\"captures\"}");
    assert!(lost_whole > 0, "the reader was not held back: nothing was lost");
    assert!(captured > 0, "everything was lost");
    // What is lost has no name: shells that others started on this machine meanwhile may be among it.
    let told_of = captured + lost_whole + lost_text + unscored;
    assert!(
        (run..=outcome.total("kernel_execs_total")).contains(&told_of),
        "{told_of} of {run}: {}",
        outcome.log
    );
    // Every capture is whole: what arrived of a script arrived unharmed.
    assert!(outcome.captures.iter().all(|c| c["flags"]["truncated"] == false));
}

fn is_impaired(findings: &[Value], reason: &str) -> bool {
    findings.iter().any(|finding| {
        finding["category"] == "Sensor Impaired"
            && finding["findingClass"] == "SCC_ERROR"
            && finding["sourceProperties"]["Impairment_Reason"] == reason
    })
}

#[test]
fn a_sensor_that_was_killed_says_so_when_it_runs_again() {
    let mut node = Node::start(&[]).unwrap();
    node.sensor.stop().unwrap();
    node.restart_sensor().unwrap();
    // After a clean end nothing is told: this is about the kill alone.
    assert_eq!(node.reading("impairments_total{reason=\"unclean_end\"}").unwrap(), 0);
    node.sensor.kill().unwrap();
    node.restart_sensor().unwrap();
    node.wait_for(|all| is_impaired(all, "unclean_end")).unwrap();
    node.finish().unwrap();
}

#[test]
fn a_tier_that_is_attached_and_does_not_run_is_not_taken() {
    // A setting of the whole machine: only a guest may change it, and only the fexit tier depends on it.
    let is_guest = std::env::var_os("SCRIPTWATCH_TEST_FAKE_SHELL").is_some();
    if !is_guest || std::env::var("SCRIPTWATCH_SENSOR_TIER").as_deref() != Ok("fexit") {
        return;
    }
    let setting = "/proc/sys/kernel/ftrace_enabled";
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut command = Command::new(bin().join("sensor"));
    command.args(["run", "--collector", "http://127.0.0.1:9", "--spool", "off", "--admin-listen", "off"]);
    command.stderr(File::create(&log).unwrap());
    std::fs::write(setting, "0").unwrap();
    let ended = Daemon::start(&mut command).and_then(|mut sensor| sensor.end());
    std::fs::write(setting, "1").unwrap();
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(ended.expect("a sensor that sees nothing ends").code(), Some(2), "{said}");
    assert!(said.contains("no capture tier can be attached: fexit"), "{said}");
}

#[test]
fn a_storm_that_is_read_loses_nothing() {
    let node = Node::start(&[]).unwrap();
    let run = storm(scaled(8000)) as u64;
    let outcome = node.finish().unwrap();
    assert_eq!(storm_captures(&outcome), run, "{}", outcome.log);
    for counter in [
        "kernel_ring_full_total",
        "kernel_lost_execs_total",
        "shells_without_script_total{reason=\"events_lost\"}",
        "queue_items_dropped_total{queue=\"captures\"}",
        "queue_items_dropped_total{queue=\"long_captures\"}",
        "events_lost_total",
        "events_orphaned_total",
    ] {
        assert_eq!(outcome.total(counter), 0, "{counter}");
    }
}

fn waiting_shell(script: &Path) -> Child {
    // `wait` on a child that reads a terminal-less standard input which stays open.
    let mut child =
        quiet("/bin/dash").arg(script).stdin(std::process::Stdio::piped()).spawn().expect("a shell");
    let _ = child.stdin.as_mut();
    child
}

#[test]
fn more_shells_than_the_table_holds_are_counted() {
    let node = Node::start(&["--max-shells", "4"]).unwrap();
    let script = node.file("wait", b"read -r line\n").unwrap();
    let mut shells: Vec<Child> = (0..12).map(|_| waiting_shell(&script)).collect();
    // Its arguments are seen all the same.
    shell::run("/bin/dash", &["-c", ": over the limit"]).unwrap();
    for shell in &mut shells {
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
    let outcome = node.finish().unwrap();
    assert!(outcome.total("kernel_shells_full_total") >= 8, "{}", outcome.log);
    assert_eq!(outcome.with_content(b": over the limit").count(), 1, "{}", outcome.listing());
    assert!(
        outcome.log.contains("the table of shells, or a cgroup's share of it, is full"),
        "{}",
        outcome.log
    );
}

#[test]
fn memory_for_scripts_is_bounded_and_what_is_cut_is_counted() {
    let node = Node::start(&["--total-bytes", "300000"]).unwrap();
    let big = format!("{}read -r line\n", ": a line that only takes room, and plenty of it\n".repeat(4000));
    let script = node.file("big", big.as_bytes()).unwrap();
    let mut shells: Vec<Child> = (0..4).map(|_| waiting_shell(&script)).collect();
    let start = Instant::now();
    // All four have read their scripts when they wait for a line.
    while !shells.iter().all(|c| waits_for_input(c.id())) {
        assert!(start.elapsed().as_secs() < 20, "the shells do not come to wait");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for shell in &mut shells {
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
    let outcome = node.finish().unwrap();
    // By their shells: where there is no room there is none for the path either.
    let pids: Vec<u64> = shells.iter().map(|shell| shell.id().into()).collect();
    let of = |pids: &[u64]| -> Vec<&Value> {
        let is_one = |c: &&Value| c["id"]["pid"].as_u64().is_some_and(|pid| pids.contains(&pid));
        outcome.captures.iter().filter(is_one).collect()
    };
    // A shell's file is its first script. What is not kept of it stands in captures behind it.
    let kept: u64 = of(&pids)
        .iter()
        .filter(|c| c["id"]["ordinal"] == 0)
        // Where something was lost in between there are NULs.
        .map(|c| bytes(&c["content"]).iter().filter(|b| **b != 0).count() as u64)
        .sum();
    assert!(kept <= 300_000, "{kept} bytes kept");
    assert_eq!(
        outcome.total("script_cut_bytes_total{reason=\"total_limit\"}"),
        4 * big.len() as u64 - kept,
        "{}",
        outcome.log
    );
    assert_eq!(outcome.total("script_cut_bytes_total{reason=\"script_limit\"}"), 0);
    // Kept or not, each byte of it was judged.
    for pid in pids {
        let mut judged = vec![0; big.len()];
        for capture in of(&[pid]) {
            let (at, text) = (capture["offset"].as_u64().unwrap_or(0) as usize, bytes(&capture["content"]));
            for (place, byte) in judged[at..].iter_mut().zip(text).filter(|(_, byte)| *byte != 0) {
                *place = byte;
            }
        }
        assert!(judged == big.as_bytes(), "not all of {pid} was judged: {}", outcome.listing());
    }
}

fn waits_for_input(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/syscall"))
        .is_ok_and(|line| line.split_whitespace().take(2).eq(["0", "0x0"]))
}

#[test]
fn a_read_that_cannot_be_copied_is_counted() {
    let node = Node::start(&[]).unwrap();
    let text = node.file("text", ": read and taken away\n".repeat(300).as_bytes()).unwrap();
    // A guest has it elsewhere.
    let fake = std::env::var("SCRIPTWATCH_TEST_FAKE_SHELL")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_fake-shell").to_owned());
    let status = quiet(&fake).arg("100000").stdin(File::open(&text).unwrap()).status().unwrap();
    assert!(status.success());
    let outcome = node.finish().unwrap();
    assert!(outcome.total("kernel_short_read_total") > 0, "{}", outcome.log);
    // The process's own account says the same.
    assert!(outcome.total("events_lost_total") > 0, "{}", outcome.log);
}

#[test]
fn a_sensor_whose_log_a_shell_reads_does_not_feed_itself() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    // A shell started before the sensor: not known to it, and reading all the time.
    let command = format!(
        "{} run --admin-listen 127.0.0.1:0 --record {} 2>&1 | while read -r line; do echo \"$line\"; done > {}",
        e2e::daemon::bin().join("sensor").display(),
        dir.path().join("record.jsonl").display(),
        log.display()
    );
    let mut shell = quiet("/bin/bash")
        .args(["-c", &command])
        .env("SCRIPTWATCH_SENSOR_LOG", "debug")
        .env("NO_COLOR", "1")
        .spawn()
        .expect("a shell");
    let text = || std::fs::read_to_string(&log).unwrap_or_default();
    let start = Instant::now();
    let address = loop {
        if let Some((_, rest)) = text().split_once("status at http://") {
            break rest.split('/').next().unwrap_or_default().to_owned();
        }
        assert!(start.elapsed().as_secs() < 200, "the sensor does not start: {}", text());
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let reading = |name: &str| e2e::node::reading(&address, name).expect("a status");
    // One more shell whose output nobody waits for, and then nothing: what is left is the sensor's own doing.
    shell::run("/bin/bash", &["-c", ": something to log about"]).expect("a shell");
    let before = reading("events_total");
    let quiet_for = Instant::now();
    while quiet_for.elapsed().as_secs() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let grown = reading("events_total") - before;
    // Asking for the status runs no shell; a loop would make thousands.
    assert!(grown < 200, "{grown} events with nothing going on");
    let sensor: u32 = e2e::node::child_of(shell.id(), "sensor").expect("the sensor");
    // SAFETY: kill has no memory effects, and the process was started by this test.
    unsafe { libc::kill(sensor as i32, libc::SIGTERM) };
    assert!(shell.wait().expect("the shell").success());
    assert!(text().contains("totals:"), "{}", text());
}
