//! Shells at a terminal: each entered line, and the start-up files.

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
