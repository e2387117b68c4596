//! Shells at a terminal: each entered line, and the start-up files.

use std::{io, os::unix::process::CommandExt};

use e2e::{node::Node, terminal::Terminal};

const RC: &str = "# start-up file\nPS1='READY> '\n";

#[test]
fn lines_entered_at_bash_are_a_script() {
    let node = Node::start(&[]).unwrap();
    node.file(".bashrc", format!("{RC}PROMPT_COMMAND='echo prompting'\n").as_bytes()).unwrap();
    node.file(".profile", b"# profile\n. ~/.bashrc\n").unwrap();
    node.file("history", b"an old line\nanother\n").unwrap();
    let mut pids = Vec::new();
    for args in [&["-i"][..], &["-l"], &["--noediting", "-i"]] {
        let mut terminal = Terminal::start("/bin/bash", args, node.dir.path()).unwrap();
        pids.push(terminal.pid());
        // A letter too many is taken back: what counts is the line as it was entered.
        terminal.enter(b"echo onne\x7f\x7fe\r").unwrap();
        terminal.enter(b"for i in 1 2; do :; done\r").unwrap();
        terminal.leave(b"exit\r").unwrap();
    }
    let outcome = node.finish().unwrap();
    for pid in pids {
        let typed: Vec<_> = outcome.of_process(pid).filter(|c| c["origin"] == "interactive").collect();
        assert_eq!(typed.len(), 1, "{}", outcome.listing());
        assert_eq!(typed[0]["content"], "echo one\nfor i in 1 2; do :; done\nexit\n");
        assert_eq!(typed[0]["flags"]["keystrokes"], false);
        let of = |origin: &str, text: &str| {
            outcome
                .of_process(pid)
                .filter(|c| c["origin"] == origin && c["content"].as_str().unwrap().contains(text))
                .count()
        };
        assert_eq!(of("sourced", "# start-up file"), 1, "{}", outcome.listing());
        assert_eq!(of("eval", "echo prompting"), 1, "{}", outcome.listing());
        // The history is read as a sourced file is, and is none.
        assert_eq!(of("sourced", "an old line"), 0, "{}", outcome.listing());
    }
}

#[test]
fn lines_entered_at_other_shells_are_a_script() {
    let node = Node::start(&[]).unwrap();
    node.file(".bashrc", RC.as_bytes()).unwrap();
    let mut expected = Vec::new();
    // dash leaves editing to the terminal; the others do it themselves and show only keystrokes.
    for (program, args, keystrokes) in [
        ("/bin/dash", &["-i"][..], false),
        ("/bin/busybox", &["sh", "-i"], true),
        ("/bin/bash-static", &["-i"], true),
        // It reads keys from the terminal by a descriptor of its own.
        ("/bin/zsh", &["-f", "-i"], true),
    ] {
        let mut terminal = Terminal::start(program, args, node.dir.path()).unwrap();
        expected.push((terminal.pid(), program, keystrokes));
        terminal.enter(b"echo onne\x7f\x7fe\r").unwrap();
        terminal.leave(b"exit\r").unwrap();
    }
    let outcome = node.finish().unwrap();
    for (pid, program, keystrokes) in expected {
        let typed: Vec<_> = outcome.of_process(pid).filter(|c| c["origin"] == "interactive").collect();
        assert_eq!(typed.len(), 1, "{program}\n{}", outcome.listing());
        assert_eq!(typed[0]["content"], "echo one\nexit\n", "{program}");
        assert_eq!(typed[0]["flags"]["keystrokes"], keystrokes, "{program}");
    }
}

/// The system calls by which probes on functions' entries and returns come back into the kernel (`uprobe`, `uretprobe` of the
/// x86-64 table; other machines have no such).
const PROBES: [u32; 2] = [336, 335];

/// From here on a process that makes one of these is ended, as by a filter that lists what a shell may do.
fn forbid_probes() -> io::Result<()> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut steps = [
        // The number of the call is what the filter is given first.
        step(LOAD, 0, 0, 0),
        step(EQUALS, 2, 0, PROBES[0]),
        step(EQUALS, 1, 0, PROBES[1]),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
    ];
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the filter lives until the calls return.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn a_filter_of_system_calls_does_not_end_a_shell_that_is_probed() {
    let node = Node::start(&[]).unwrap();
    node.file(".bashrc", RC.as_bytes()).unwrap();
    let filtered = |command: &mut std::process::Command| {
        // SAFETY: prctl is async-signal-safe, and the filter is on the stack.
        unsafe { command.pre_exec(forbid_probes) };
    };
    let mut terminal = Terminal::start_with(filtered, "/bin/bash", &["-i"], node.dir.path()).unwrap();
    let pid = terminal.pid();
    for number in 0..5 {
        terminal.enter(format!("eval 'echo {number}'\r").as_bytes()).unwrap();
    }
    terminal.leave(b"exit\r").unwrap();
    let outcome = node.finish().unwrap();
    let of = |origin: &str| outcome.of_process(pid).filter(|c| c["origin"] == origin).count();
    assert_eq!((of("interactive"), of("eval")), (1, 5), "{}", outcome.listing());
}
