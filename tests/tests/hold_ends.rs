//! `--respond hold`: nobody is left stopped, and nobody else continues who is held.

use std::{
    collections::HashMap,
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nix::{
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::Pid,
};

use e2e::{
    cgroup::Cgroup,
    daemon::{is_emulated, patience, scaled},
    drill::property,
    holding::{attack, container, inside, state, wait_for_holds},
    node::Node,
    stopped_thread::StoppedThread,
};

/// How long a shell may take whose sensor hangs: the deadline (50 ms), what the second process waits on top, and what a test's
/// machine needs to run anybody.
const LATE: Duration = Duration::from_millis(600);

/// Stops the sensor, and then starts a shell that is held: the sensor's last sign of life is not too old yet.
fn start_held(node: &Node, cgroup: &Cgroup, marker: &Path) -> Child {
    let text = format!("echo > {}", marker.display());
    for _ in 0..20 {
        node.sensor.signal(libc::SIGSTOP);
        while state(node.sensor.pid()) != Some('T') {
            std::hint::spin_loop();
        }
        let mut child = inside(cgroup, "/bin/bash", &["-c", &text]).spawn().expect("a shell");
        loop {
            match state(child.id()) {
                Some('T') if !marker.exists() => return child,
                // The machine was busy: the shell was not held, or went on before anybody looked.
                Some('Z') | None => break,
                _ => std::hint::spin_loop(),
            }
        }
        child.wait().expect("its end");
        fs::remove_file(marker).expect("it ran");
        node.sensor.signal(libc::SIGCONT);
        let holds = || node.reading("kernel_holds_total").expect("a counter");
        let before = holds();
        let is_held_again = || inside(cgroup, "/bin/bash", &["-c", ":"]).status().is_ok() && holds() > before;
        node.wait_until(is_held_again).expect("the sensor is back");
    }
    panic!("no shell is held\n{}", node.log());
}

#[test]
fn nobody_is_left_stopped() {
    let node = Node::start(&["--respond", "hold"]).expect("a node");
    let cgroup = container(0xd3);
    wait_for_holds(&node, &cgroup);
    let marker = |name: &str| node.path(&format!("ran-{name}"));

    // The sensor hangs: its second process continues the shell, and later ones are not stopped.
    let mut held = start_held(&node, &cgroup, &marker("hung"));
    let begun = Instant::now();
    assert!(held.wait().expect("its end").success());
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
    assert!(marker("hung").exists());
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    assert!(inside(&cgroup, "/bin/bash", &["-c", ":"]).status().expect("a shell").success());
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
    node.sensor.signal(libc::SIGCONT);
    wait_for_holds(&node, &cgroup);

    // It is killed: likewise.
    let mut held = start_held(&node, &cgroup, &marker("killed"));
    node.sensor.signal(libc::SIGKILL);
    assert!(held.wait().expect("its end").success());
    assert!(marker("killed").exists());
}

/// Continues a process again and again until it has ended, from two threads.
fn continue_without_end(child: &mut Child) -> std::process::ExitStatus {
    let pid = i32::try_from(child.id()).expect("a process id");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // SAFETY: a plain system call on a child of this test that nobody has waited for.
                    unsafe { libc::kill(pid, libc::SIGCONT) };
                }
            });
        }
        // It is not reaped before the threads have ended: until then nobody else can have its id.
        waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("its end");
        is_over.store(true, Ordering::Relaxed);
    });
    child.wait().expect("its end")
}

/// Can a program stand where a process leaves the kernel, or at the signal? On arm64 from 6.4 on.
fn may_have_latch() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's version");
    let mut numbers = release.split(['.', '-']).map_while(|n| n.trim().parse::<u32>().ok());
    cfg!(target_arch = "x86_64") || (numbers.next(), numbers.next()) >= (Some(6), Some(4))
}

#[test]
fn who_is_held_stays_so_whoever_continues_it() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xd9);
    wait_for_holds(&node, &cgroup);
    let rounds = scaled(40);
    let (mut ran, mut not_killed) = (0, 0);
    for round in 0..rounds {
        let marker = node.path(&format!("ran-{round}"));
        let shell = if round % 2 == 0 { "/bin/bash" } else { "/bin/dash" };
        let text = attack(&format!("continued-{round}"), &marker);
        let mut child = inside(&cgroup, shell, &["-c", &text]).spawn().expect("a shell");
        let status = continue_without_end(&mut child);
        ran += u64::from(marker.exists());
        not_killed += u64::from(status.signal() != Some(libc::SIGKILL));
    }
    // Those that are harmless go on, and end.
    for round in 0..rounds {
        let mut child = inside(&cgroup, "/bin/bash", &["-c", &format!("exit {}", round % 9)]).spawn();
        let status = continue_without_end(child.as_mut().expect("a shell"));
        assert_eq!(status.code(), i32::try_from(round % 9).ok());
    }
    // Without a program at the kernel's own functions some instructions run after each signal.
    let log = node.log();
    let (leaks, has_latch) = (!log.contains("kept so at get_signal"), log.contains("kept so at"));
    assert!(has_latch || !may_have_latch(), "{log}");
    let outcome = node.finish().expect("an outcome");
    // As above: an emulated machine now and then keeps the sensor from its work.
    let missed =
        outcome.total("holds_total{outcome=\"timed_out\"}") + outcome.total("kernel_holds_stale_total");
    assert!(missed == 0 || is_emulated(), "{missed} were not held");
    let missed = if leaks { missed + (rounds as u64).div_ceil(4) } else { missed };
    assert!(
        ran.max(not_killed) <= missed,
        "{ran} ran, {not_killed} were not killed, and {missed} are counted"
    );
    assert!(!has_latch || outcome.total("kernel_holds_kept_total") > 0);
    assert_eq!(outcome.total("kernel_holds_failed_total"), 0);
}

#[test]
fn while_nothing_is_judged_shells_go_on_after_the_deadline_and_then_are_not_stopped() {
    let node = Node::start(&["--respond", "hold"]).expect("a node");
    let (cgroup, other) = (container(0xda), container(0xdb));
    wait_for_holds(&node, &cgroup);
    wait_for_holds(&node, &other);
    let count = |name: &str| node.reading(name).expect("a counter");
    let scoring = StoppedThread::of(node.sensor.pid(), "scoring");
    let marker = node.path("ran-late");
    let begun = Instant::now();
    let mut late = inside(&cgroup, "/bin/bash", &["-c", &attack("late", &marker)]).spawn().expect("a shell");
    assert!(late.wait().expect("its end").success());
    assert!(marker.exists() && begun.elapsed() < LATE, "{:?}", begun.elapsed());
    // After sixteen of them within a second its shells are not stopped for a while; those of others are.
    let mut shells: Vec<Child> = (0..20)
        .map(|i| inside(&cgroup, "/bin/bash", &["-c", &format!(": {i}")]).spawn().expect("a shell"))
        .collect();
    for shell in &mut shells {
        assert!(shell.wait().expect("its end").success());
    }
    node.wait_until(|| count("hold_pauses_total") == 1).expect("a pause");
    let before = count("kernel_holds_total");
    assert!(inside(&cgroup, "/bin/bash", &["-c", ":"]).status().expect("a shell").success());
    assert_eq!(count("kernel_holds_total"), before, "{}", node.log());
    assert!(inside(&other, "/bin/bash", &["-c", ":"]).status().expect("a shell").success());
    assert!(count("kernel_holds_total") > before);
    assert!(count("holds_total{outcome=\"timed_out\"}") > 16);
    drop(scoring);
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert_eq!(property(&findings, "late", "Response_Hold_Timed_Out"), true);
    assert_eq!(property(&findings, "late", "Response_Ran_Before"), "unknown");
    node.finish().expect("an outcome");
}

/// A memory cgroup of version 1, the only one in which a limit can be tried here.
const MEMORY: &str = "/sys/fs/cgroup/memory";

#[test]
fn a_sensor_that_runs_out_of_memory_leaves_nobody_stopped() {
    if !Path::new(MEMORY).join("memory.limit_in_bytes").exists() {
        eprintln!("there is no memory controller of cgroup v1: not tried");
        return;
    }
    let mut node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xdc);
    wait_for_holds(&node, &cgroup);
    let own = Path::new(MEMORY).join(format!("scriptwatch-test-{}", node.sensor.pid()));
    fs::create_dir(&own).expect("a cgroup");
    for pid in
        [i32::try_from(node.sensor.pid()).expect("a process id")].into_iter().chain(guards(node.sensor.pid()))
    {
        fs::write(own.join("cgroup.procs"), pid.to_string()).expect("it is moved");
    }
    // What was allocated before is charged elsewhere.
    fs::write(own.join("memory.limit_in_bytes"), "4M").expect("a limit");
    let mut stops = Stops::default();
    let mut shells: Vec<Child> = Vec::new();
    for i in 0..40 {
        let text = format!(": {i}\n").repeat(100_000);
        let file = node.file(&format!("{i}.sh"), text.as_bytes()).expect("a file");
        shells.push(inside(&cgroup, "/bin/bash", &[&file.to_string_lossy()]).spawn().expect("a shell"));
    }
    let begun = Instant::now();
    while !shells.is_empty() {
        shells.retain_mut(|shell| {
            stops.look(shell.id());
            let Some(status) = shell.try_wait().expect("a child") else { return true };
            assert!(status.success(), "{status}");
            false
        });
        assert!(begun.elapsed() < patience(), "some are left stopped\n{}", node.log());
    }
    let ended = node.sensor.end().expect("the sensor's end");
    assert_eq!(ended.signal(), Some(libc::SIGKILL), "it was not ended: {ended}\n{}", node.log());
    assert!(stops.longest < LATE + Duration::from_secs(1), "{:?}", stops.longest);
    let _ = fs::remove_dir(&own);
}

/// Process ids of the second processes of a sensor.
fn guards(sensor: u32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{sensor}/task/{sensor}/children")).unwrap_or_default();
    let tasks = fs::read_dir(format!("/proc/{sensor}/task")).into_iter().flatten().flatten();
    let all = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let pids = all.chain([children]).collect::<Vec<_>>().join(" ");
    let mut pids: Vec<i32> = pids.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    pids.dedup();
    pids
}

#[test]
fn the_next_sensor_continues_whom_two_killed_processes_left() {
    let mut node = Node::start(&["--respond", "hold"]).expect("a node");
    let cgroup = container(0xd4);
    wait_for_holds(&node, &cgroup);
    let marker = node.path("ran-left");
    let guard = *guards(node.sensor.pid()).first().expect("a second process");
    // SAFETY: plain system calls on a child of the sensor that this test started.
    unsafe { libc::kill(guard, libc::SIGSTOP) };
    let mut held = start_held(&node, &cgroup, &marker);
    node.sensor.signal(libc::SIGKILL);
    // SAFETY: as above.
    unsafe { libc::kill(guard, libc::SIGKILL) };
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(state(held.id()), Some('T'), "nobody is there to continue it");
    node.restart_sensor().expect("a sensor");
    assert!(held.wait().expect("its end").success());
    assert!(marker.exists());
    assert!(
        node.log().contains("1 shells were continued that an earlier sensor had stopped"),
        "{}",
        node.log()
    );
    node.sensor.stop().expect("its end");
}

/// How long processes were seen stopped without a break, at most.
#[derive(Default)]
struct Stops {
    /// Since when, and how often it had left a processor by then.
    since: HashMap<u32, (String, Instant)>,
    longest: Duration,
}

impl Stops {
    fn look(&mut self, pid: u32) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim();
        if !field("State:").starts_with('T') {
            self.since.remove(&pid);
            return;
        }
        // One that ran and was stopped again has left a processor once more.
        let switches = field("voluntary_ctxt_switches:");
        let stop = self.since.entry(pid).or_insert_with(|| (switches.to_owned(), Instant::now()));
        if stop.0 != switches {
            *stop = (switches.to_owned(), Instant::now());
        }
        self.longest = self.longest.max(stop.1.elapsed());
    }
}

/// How long the sensor hangs there.
const HANG: Duration = Duration::from_millis(600);
/// How long a shell may be stopped: the deadline (50 ms), 100 ms, and what this test needs to look at all of them.
const LONGEST: Duration = Duration::from_millis(200);

/// Shells that get signals from others, and a sensor that hangs now and then. `SCRIPTWATCH_TEST_RUNS` shells, in batches.
#[test]
fn shells_that_others_meddle_with_end_as_they_would() {
    const BATCH: usize = 30;
    let node = Node::start(&["--respond", "hold"]).expect("a node");
    let cgroup = container(0xd5);
    wait_for_holds(&node, &cgroup);
    let runs = std::env::var("SCRIPTWATCH_TEST_RUNS").ok().and_then(|runs| runs.parse().ok());
    let runs = runs.unwrap_or_else(|| scaled(300));
    let mut stops = Stops::default();
    for batch in 0..runs.div_ceil(BATCH) {
        let mut children: Vec<(usize, Child)> = Vec::new();
        for round in batch * BATCH..runs.min((batch + 1) * BATCH) {
            let text = format!("eval ': {round}'; eval 'exit {}'", round % 7);
            let shell = if round % 3 == 0 { "/bin/dash" } else { "/bin/bash" };
            let mut command = inside(&cgroup, shell, &["-c", &text]);
            if round % 5 == 0 {
                command.process_group(0);
            }
            let child = command.spawn().expect("a shell");
            let pid = i32::try_from(child.id()).expect("a process id");
            let signal = match round % 4 {
                0 => Some(libc::SIGCONT),
                1 => Some(libc::SIGKILL),
                _ => None,
            };
            if let Some(signal) = signal {
                // SAFETY: a plain system call on a child of this test that nobody has waited for.
                unsafe { libc::kill(pid, signal) };
            }
            children.push((round, child));
            if round % BATCH == 4 + batch % 16 {
                node.sensor.signal(libc::SIGSTOP);
            }
        }
        let begun = Instant::now();
        while !children.is_empty() {
            if begun.elapsed() > HANG {
                node.sensor.signal(libc::SIGCONT);
            }
            children.retain_mut(|(round, child)| {
                stops.look(child.id());
                let Some(status) = child.try_wait().expect("a child") else { return true };
                let expected = i32::try_from(*round % 7).expect("a small number");
                let is_as_expected =
                    status.code() == Some(expected) || *round % 4 == 1 && status.signal().is_some();
                assert!(is_as_expected, "{round}: {status}");
                false
            });
            assert!(begun.elapsed() < patience(), "some are left stopped\n{}", node.log());
        }
        node.sensor.signal(libc::SIGCONT);
    }
    let outcome = node.finish().expect("an outcome");
    assert!(outcome.total("kernel_holds_total") > 0);
    assert_eq!(outcome.total("kernel_holds_failed_total"), 0);
    let timed_out = outcome.total("holds_total{outcome=\"timed_out\"}");
    eprintln!(
        "{} holds, {timed_out} timed out, the longest stop {:?}",
        outcome.total("kernel_holds_total"),
        stops.longest
    );
    assert!(stops.longest < LONGEST * if is_emulated() { 2 } else { 1 }, "{:?}", stops.longest);
}
