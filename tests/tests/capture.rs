//! Every way a script comes to a shell: what was captured is, byte for byte, what was run.

use std::{fmt::Write, fs, path::Path, process::Command, thread, time::Duration};

use e2e::{daemon::scaled, node::Node, outcome::bytes, shell, shells::SHELLS};

/// A script that forks, runs builtins, reads data, and tells itself from every other by `tag`.
fn script(tag: &str, lines: usize) -> String {
    let mut text = format!(
        "# {tag}\nx=$(echo data-not-script)\necho one | while read -r y; do echo \"$y\"; done\n(echo sub)\n"
    );
    for i in 0..lines {
        // Now and then a command that forks, after which bash reads its script again; else builtins.
        let command = if i % 12 == 0 { "/bin/true" } else { ":" };
        let _ =
            writeln!(text, "{command} {tag} {i} # padding padding padding padding padding\n: builtin {i}");
    }
    text.push_str("echo end");
    text
}

#[test]
fn every_form_is_captured_by_every_shell() {
    let node = Node::start(&[]).unwrap();
    let mut expected = Vec::new();
    for shell in SHELLS.iter() {
        for lines in [1, scaled(300).max(60)] {
            let tag = |form: &str| format!("{}-{form}-{lines}", shell.name);
            let (program, first) = (shell.program, &shell.first[..]);

            let text = script(&tag("file"), lines);
            let file = node.file(&tag("file"), text.as_bytes()).unwrap();
            let pid =
                shell::run(program, &shell.with(&[file.to_str().unwrap(), "one", "two words"])).unwrap();
            expected.push((shell, text, "file", pid, Some(file)));

            let text = script(&tag("stdin"), lines);
            let file = node.file(&tag("stdin"), text.as_bytes()).unwrap();
            let pid = shell::from_file(program, first, &file).unwrap();
            expected.push((shell, text, "stdin", pid, Some(file)));

            let text = script(&tag("pipe"), lines);
            let pid = shell::pipe(program, first, text.as_bytes()).unwrap();
            expected.push((shell, text, "stdin", pid, None));

            let text = script(&tag("argument"), lines);
            let pid = shell::run(program, &shell.with(&["-c", &text, "name", "arg"])).unwrap();
            expected.push((shell, text, "command", pid, None));

            let text = format!("{}\n{}", shell.shebang(), script(&tag("shebang"), lines));
            let file = node.file(&tag("shebang"), text.as_bytes()).unwrap();
            let pid = shell::execute(&file, &["arg"]).unwrap();
            expected.push((shell, text, "file", pid, Some(file)));
        }
    }
    let outcome = node.finish().unwrap();
    for (shell, text, origin, pid, path) in &expected {
        let capture = outcome.captured_once(text.as_bytes(), origin);
        assert_eq!(capture["interpreter"]["kind"], shell.family, "{shell:?}");
        assert_eq!(capture["id"]["pid"], *pid);
        match path {
            Some(path) => assert_eq!(bytes(&capture["path"]), path.to_str().unwrap().as_bytes()),
            None => assert!(capture["path"].is_null()),
        }
    }
    assert_eq!(outcome.total("events_lost_total"), 0);
}

#[test]
fn data_that_a_script_reads_is_not_in_its_content() {
    let node = Node::start(&[]).unwrap();
    let data = node.file("data", b"secret line one\nsecret line two\n").unwrap();
    let text = format!(
        "# data-test\nwhile read -r l; do :; done < {0}\nmapfile -t a < {0}\nv=$(cat {0})\nread -r z <<< here-string\ncat <<END >/dev/null\nhere-doc\nEND\n",
        data.display()
    );
    let file = node.file("script", text.as_bytes()).unwrap();
    shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    // In a shell that has its script as an argument, standard input is data.
    shell::pipe("/bin/bash", &["-c", "read -r x; echo $x # stdin-test"], b"secret line three\n").unwrap();
    let outcome = node.finish().unwrap();
    outcome.captured_once(text.as_bytes(), "file");
    for capture in &outcome.captures {
        assert!(!String::from_utf8_lossy(&bytes(&capture["content"])).contains("secret line"), "{capture}");
    }
}

#[test]
fn who_wrote_what_a_shell_reads_is_known() {
    let node = Node::start(&[]).unwrap();
    let file = |name: &str| node.file(name, format!(": written {name}\n").as_bytes()).unwrap();
    let (piped, copied, sent, sourced) = (file("piped"), file("copied"), file("sent"), file("sourced"));
    let script = format!(
        "cat {0} | bash\n/bin/busybox cp {1} {1}.sh; sh {1}.sh\n/bin/busybox dd if={2} of={2}.sh; sh {2}.sh\ncat {3} | /bin/busybox tee {3}.sh; . {3}.sh\n\
         echo ': written by echo' > {3}.echo; sh {3}.echo\necho ': written by nobody' | sh\n",
        piped.display(),
        copied.display(),
        sent.display(),
        sourced.display()
    );
    shell::run("/bin/bash", &["-c", &script]).unwrap();
    let outcome = node.finish().unwrap();
    let writer = |text: &str, origin: &str| {
        let writer = &outcome.captured_once(text.as_bytes(), origin)["writer"];
        String::from_utf8(bytes(&writer["name"])).unwrap()
    };
    assert_eq!(writer(": written piped\n", "stdin"), "cat");
    assert_eq!(writer(": written copied\n", "file"), "busybox");
    assert_eq!(writer(": written sent\n", "file"), "busybox");
    assert_eq!(writer(": written sourced\n", "sourced"), "busybox");
    assert_eq!(writer(": written by echo\n", "file"), "bash");
    assert!(outcome.captured_once(b": written by nobody\n", "stdin")["writer"].is_null());
    assert!(outcome.captured_once(script.as_bytes(), "command")["writer"].is_null());
}

#[test]
fn a_shell_is_known_by_what_it_is_not_by_its_name() {
    let node = Node::start(&[]).unwrap();
    let copy = node.path("renamed-tool");
    fs::copy("/bin/bash", &copy).unwrap();
    let fake = node.path("sh");
    fs::copy("/bin/cat", &fake).unwrap();
    // What is executed within a step of its file's times may have been changed since, and counts as a shell.
    let executed = || fs::metadata(&fake).unwrap().modified().unwrap().elapsed().unwrap_or_default();
    while executed() < Duration::from_millis(50) {
        thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..2 {
        shell::run(copy.to_str().unwrap(), &["-c", "echo renamed shell"]).unwrap();
        shell::pipe(fake.to_str().unwrap(), &[], b"echo not a script\n").unwrap();
        shell::pipe("/bin/busybox", &["cat"], b"echo not a script\n").unwrap();
    }
    let outcome = node.finish().unwrap();
    assert_eq!(outcome.with_content(b"echo renamed shell").count(), 2);
    assert_eq!(outcome.with_content(b"echo not a script\n").count(), 0);
    let capture = outcome.with_content(b"echo renamed shell").next().unwrap();
    assert_eq!(bytes(&capture["interpreter"]["path"]), copy.to_str().unwrap().as_bytes());
    assert_eq!(capture["interpreter"]["size"], fs::metadata("/bin/bash").unwrap().len());
}

#[test]
fn what_is_beyond_the_limit_comes_in_parts_and_what_is_not_text_is_kept() {
    let node = Node::start(&["--script-bytes", "100000"]).unwrap();
    let long = format!("# long\n{}", ": some line of a long script\n".repeat(10_000));
    let file = node.file("long", long.as_bytes()).unwrap();
    shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    let mut odd = b"# odd \xff\xfe\n: \x80\x81\n".to_vec();
    odd.extend_from_slice(b"exit 0\n");
    let file = node.file("odd", &odd).unwrap();
    shell::run("/bin/dash", &[file.to_str().unwrap()]).unwrap();
    let outcome = node.finish().unwrap();
    let kept = &long.as_bytes()[..100_000];
    let capture = outcome.with_content(kept).next().expect("the first 100,000 bytes");
    assert_eq!(capture["size"], long.len());
    assert_eq!(capture["flags"]["truncated"], true);
    let last = &long.as_bytes()[200_000 - 4096..];
    assert_eq!(outcome.with_content(last).next().expect("the third part")["offset"], 200_000 - 4096);
    assert_eq!(outcome.total("script_cut_bytes_total{reason=\"script_limit\"}"), 0);
    assert_eq!(outcome.with_content(&odd).count(), 1);
}

#[test]
fn a_long_argument_is_captured_whole() {
    let node = Node::start(&[]).unwrap();
    // MAX_ARG_STRLEN is 128 KiB, the terminating NUL included.
    let text = format!("echo {}", "x".repeat(128 * 1024 - 6));
    shell::run("/bin/bash", &["-c", &text]).unwrap();
    let outcome = node.finish().unwrap();
    outcome.captured_once(text.as_bytes(), "command");
}

#[test]
fn a_thousand_scripts_one_by_one_and_two_hundred_at_once() {
    let node = Node::start(&[]).unwrap();
    let mut expected = Vec::new();
    for i in 0..scaled(1000) {
        let text = script(&format!("serial-{i}"), i % 7);
        let file = node.file(&format!("serial-{i}"), text.as_bytes()).unwrap();
        let shell = &SHELLS[i % SHELLS.len()];
        shell::run(shell.program, &shell.with(&[file.to_str().unwrap()])).unwrap();
        expected.push((text, "file"));
    }
    let mut children = Vec::new();
    for i in 0..scaled(200) {
        let text = script(&format!("parallel-{i}"), 5);
        let shell = &SHELLS[i % SHELLS.len()];
        let mut command = Command::new(shell.program);
        command.args(&shell.first).stdout(std::process::Stdio::null());
        children.push(command.args(["-c", &text]).spawn().unwrap());
        expected.push((text, "command"));
    }
    for mut child in children {
        child.wait().unwrap();
    }
    let outcome = node.finish().unwrap();
    for (text, origin) in &expected {
        outcome.captured_once(text.as_bytes(), origin);
    }
    for counter in [
        "events_lost_total",
        "kernel_ring_full_total",
        "kernel_shells_full_total",
        "kernel_short_read_total",
        "queue_items_dropped_total{queue=\"captures\"}",
        "queue_items_dropped_total{queue=\"long_captures\"}",
        "events_undecodable_total",
        "events_orphaned_total",
    ] {
        assert_eq!(outcome.total(counter), 0, "{counter}");
    }
}

#[test]
fn a_sourced_file_is_a_script_of_its_own() {
    let node = Node::start(&[]).unwrap();
    let inner = "# inner sourced\n: nothing\n";
    let inner_file = node.file("inner", inner.as_bytes()).unwrap();
    let outer = format!("# outer\n. {}\necho done\n", inner_file.display());
    let outer_file = node.file("outer", outer.as_bytes()).unwrap();
    for shell in SHELLS.iter() {
        shell::run(shell.program, &shell.with(&[outer_file.to_str().unwrap()])).unwrap();
    }
    let outcome = node.finish().unwrap();
    assert_eq!(outcome.with_content(outer.as_bytes()).count(), SHELLS.len());
    let sourced: Vec<_> = outcome.with_content(inner.as_bytes()).collect();
    assert_eq!(sourced.len(), SHELLS.len(), "{}", outcome.listing());
    assert!(
        sourced
            .iter()
            .all(|c| c["origin"] == "sourced" && Path::new(c["path"].as_str().unwrap()) == inner_file)
    );
}
