//! The many ways to start a script: each is captured as the shell read it, with the path as the shell saw it.

use std::{
    ffi::OsStr,
    fs,
    io::{Seek, SeekFrom, Write},
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::{PermissionsExt, symlink},
        },
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use ::shell::recognition;
use e2e::{
    node::Node,
    outcome::bytes,
    shell::{self, quiet},
};
use serde_json::Value;

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode set");
}

fn path_of(capture: &Value) -> Vec<u8> {
    bytes(&capture["path"])
}

#[test]
fn paths_of_every_kind() {
    let node = Node::start(&[]).unwrap();
    let dir = node.dir.path().canonicalize().unwrap();

    let by_env = "#!/usr/bin/env bash\n: by env\n";
    let by_env_file = node.file("by-env", by_env.as_bytes()).unwrap();
    shell::execute(&by_env_file, &["x"]).unwrap();

    let relative = ": relative\n";
    node.file("relative.sh", relative.as_bytes()).unwrap();
    quiet("/bin/bash").arg("./relative.sh").current_dir(&dir).status().unwrap();

    let linked = ": linked\n";
    let target = node.file("target.sh", linked.as_bytes()).unwrap();
    symlink(&target, node.path("link.sh")).unwrap();
    quiet("/bin/dash").arg(node.path("link.sh")).status().unwrap();

    let odd = "#!/bin/sh\n: odd name\n";
    let odd_path = dir.join(OsStr::from_bytes(b"a b\xff\n'c.sh"));
    fs::write(&odd_path, odd).unwrap();
    executable(&odd_path);
    quiet(&odd_path).status().unwrap();

    let outcome = node.finish().unwrap();
    let capture = outcome.captured_once(by_env.as_bytes(), "file");
    assert_eq!(path_of(capture), dir.join("by-env").as_os_str().as_bytes());
    assert_eq!(capture["args"][0], "bash");
    let at = |text: &str| path_of(outcome.captured_once(text.as_bytes(), "file"));
    assert_eq!(at(relative), dir.join("relative.sh").as_os_str().as_bytes());
    assert_eq!(at(linked), dir.join("target.sh").as_os_str().as_bytes());
    assert_eq!(at(odd), odd_path.as_os_str().as_bytes());
}

#[test]
fn streams_of_every_kind() {
    let node = Node::start(&[]).unwrap();
    let mut expected: Vec<(String, &str)> = Vec::new();

    // What `system(3)` does.
    let text = "true; : by system";
    let c_text = std::ffi::CString::new(text).unwrap();
    // SAFETY: a NUL-terminated string; no other thread of this test changes signal handlers.
    unsafe { libc::system(c_text.as_ptr()) };
    expected.push((text.to_owned(), "command"));

    for (name, program) in [("bash", "/bin/bash"), ("dash", "/bin/dash")] {
        let text = format!("# {name} -s\necho \"$1\" \"$2\"\n/bin/true\n");
        shell::pipe(program, &["-s", "a", "b"], text.as_bytes()).unwrap();
        expected.push((text, "stdin"));

        let text = format!("# {name} through wrappers\n/bin/true\n");
        shell::pipe(
            "/usr/bin/env",
            &["-i", "/usr/bin/nice", "/usr/bin/setsid", "-w", program],
            text.as_bytes(),
        )
        .unwrap();
        expected.push((text, "stdin"));
    }

    // A line every 100 ms: the script is judged as it grows, and is one script.
    let mut child = quiet("/bin/bash").stdin(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let slow: Vec<String> = (0..6).map(|i| format!("/bin/true slow {i}\n")).collect();
    for line in &slow {
        pipe.write_all(line.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(pipe);
    child.wait().unwrap();
    expected.push((slow.concat(), "stdin"));

    // Here-documents and here-strings: small ones come through a pipe, large ones from an unlinked file.
    let large = ": a line of a large here-document\n".repeat(6000);
    for (tag, body) in [("small", ": a small here-document\n"), ("large", large.as_str())] {
        let inner = format!("# {tag}\n{body}");
        let outer = node.file(tag, format!("bash <<'END'\n{inner}END\n").as_bytes()).unwrap();
        shell::run("/bin/bash", &[outer.to_str().unwrap()]).unwrap();
        expected.push((inner, "stdin"));
    }
    shell::run("/bin/bash", &["-c", "dash <<< ': a here-string'"]).unwrap();
    expected.push((": a here-string\n".to_owned(), "stdin"));

    shell::run("/bin/bash", &["-c", "bash <(echo ': a process substitution')"]).unwrap();
    expected.push((": a process substitution\n".to_owned(), "file"));

    // Several shells at once, the inner ones in pipes of the outer.
    shell::run("/bin/bash", &["-c", "echo ': one of two' | bash & echo ': two of two' | dash & wait"])
        .unwrap();
    expected.push((": one of two\n".to_owned(), "stdin"));
    expected.push((": two of two\n".to_owned(), "stdin"));

    let outcome = node.finish().unwrap();
    for (text, origin) in &expected {
        outcome.captured_once(text.as_bytes(), origin);
    }
    assert_eq!(outcome.total("events_lost_total"), 0);
}

#[test]
fn what_was_read_counts_not_what_the_file_says_later() {
    let node = Node::start(&[]).unwrap();
    let deleted = "# deleted\nrm -- \"$0\"\n/bin/true\n: end\n";
    let file = node.file("deleted", deleted.as_bytes()).unwrap();
    shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    assert!(!file.exists());

    let renamed = "# renamed\nmv -- \"$0\" \"$0.new\"\n/bin/true\necho replaced > \"$0\"\n: end\n";
    let file = node.file("renamed", renamed.as_bytes()).unwrap();
    shell::run("/bin/dash", &[file.to_str().unwrap()]).unwrap();

    // bash goes back to where it stands before it runs a program, so it reads on in what the program wrote.
    let first = "# rewritten\ncat \"$0.other\" > \"$0\"\n";
    let (before, after) =
        (": as it was before the change\n", ": as it is after the change, and longer\n: end\n");
    let file = node.file("rewritten", format!("{first}{before}").as_bytes()).unwrap();
    node.file("rewritten.other", format!("{first}{after}").as_bytes()).unwrap();
    shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();

    let outcome = node.finish().unwrap();
    outcome.captured_once(deleted.as_bytes(), "file");
    let capture = outcome.captured_once(renamed.as_bytes(), "file");
    assert!(path_of(capture).ends_with(b"/renamed"));
    outcome.captured_once(format!("{first}{after}").as_bytes(), "file");
}

/// A file that lies nowhere, open in this process and in what it starts.
fn memfd(text: &str) -> fs::File {
    // SAFETY: a NUL-terminated name; the descriptor is new and ours.
    let mut file: fs::File = unsafe {
        use std::os::fd::FromRawFd;
        let fd = libc::memfd_create(c"script".as_ptr(), 0);
        assert!(fd >= 0);
        fs::File::from_raw_fd(fd)
    };
    file.write_all(text.as_bytes()).expect("room in memory");
    file.seek(SeekFrom::Start(0)).expect("a position");
    file
}

#[test]
fn scripts_that_lie_nowhere() {
    let node = Node::start(&[]).unwrap();
    let by_argument = ": memfd as an argument\n";
    let file = memfd(by_argument);
    for program in ["/bin/bash", "/bin/dash"] {
        shell::run(program, &[&format!("/proc/self/fd/{}", file.as_raw_fd())]).unwrap();
    }
    let by_exec = "#!/bin/bash\n: memfd executed\n/bin/true\n";
    let executed = memfd(by_exec);
    quiet(format!("/proc/self/fd/{}", executed.as_raw_fd())).status().unwrap();

    let shared = "#!/bin/sh\n: in shared memory\n";
    let path = tempfile::Builder::new().tempfile_in("/dev/shm").unwrap().into_temp_path();
    fs::write(&path, shared).unwrap();
    shell::run("/bin/bash", &[path.to_str().unwrap()]).unwrap();

    let outcome = node.finish().unwrap();
    assert_eq!(outcome.with_content(by_argument.as_bytes()).count(), 2, "{}", outcome.listing());
    outcome.captured_once(by_exec.as_bytes(), "file");
    assert!(path_of(outcome.captured_once(shared.as_bytes(), "file")).starts_with(b"/dev/shm/"));
}

#[test]
fn content_of_every_kind() {
    let node = Node::start(&[]).unwrap();
    let mut expected: Vec<(Vec<u8>, &str)> = Vec::new();
    let run = |name: &str, program: &str, first: &[&str], text: &[u8]| {
        let file = node.file(name, text).unwrap();
        shell::run(program, &[first, &[file.to_str().unwrap()]].concat()).unwrap();
    };
    let utf16: Vec<u8> = "# sixteen\n:\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, program, first) in
        [("bash", "/bin/bash", &[][..]), ("dash", "/bin/dash", &[]), ("busybox", "/bin/busybox", &["sh"])]
    {
        for (tag, text) in [
            ("no-newline", b": no newline at the end".to_vec()),
            ("crlf", b": line one\r\n: line two\r\n".to_vec()),
            ("nul", b": text\n: nul \0 inside\n: end\n".to_vec()),
        ] {
            let text = [format!("# {name}\n").as_bytes(), &text].concat();
            run(&format!("{name}-{tag}"), program, first, &text);
            expected.push((text, "file"));
        }
        run(&format!("{name}-empty"), program, first, b"");
        run(&format!("{name}-one"), program, first, b":");
        run(&format!("{name}-utf16"), program, first, &utf16);
    }
    // Text that ends itself, then what it would unpack.
    let binary: Vec<u8> = (0..60_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let archive = [&b"# self-extracting\nhead -c 1 \"$0\" >/dev/null\nexit 0\n"[..], &binary].concat();
    run("archive", "/bin/bash", &[], &archive);
    let huge = format!(
        "# ten MiB\n{}: end\n",
        "# a line of a very long script, of comments alone\n".repeat(210_000)
    );
    run("huge", "/bin/bash", &[], huge.as_bytes());

    let outcome = node.finish().unwrap();
    for (text, origin) in &expected {
        outcome.captured_once(text, origin);
    }
    assert_eq!(outcome.with_content(b"").count(), 3, "{}", outcome.listing());
    assert_eq!(outcome.with_content(b":").count(), 3, "{}", outcome.listing());
    assert!(outcome.with_content(&utf16).count() >= 2, "bash may refuse it\n{}", outcome.listing());
    // bash stops at `exit`: a prefix was read, the whole text in it, and nothing else.
    let read = outcome.captures.iter().find(|c| path_of(c).ends_with(b"/archive")).expect("the archive");
    let content = bytes(&read["content"]);
    assert!(archive.starts_with(&content) && content.len() >= 50, "{} bytes", content.len());
    // Cut into parts, of which each but the first repeats a little; together they are the whole.
    let mut parts: Vec<_> = outcome.captures.iter().filter(|c| path_of(c).ends_with(b"/huge")).collect();
    parts.sort_by_key(|c| c["offset"].as_u64().unwrap_or(0));
    assert_eq!(parts.len(), huge.len().div_ceil(1024 * 1024));
    assert_eq!(parts[0]["size"], huge.len());
    let mut end = 0;
    for part in &parts {
        let (offset, content) = (part["offset"].as_u64().unwrap_or(0) as usize, bytes(&part["content"]));
        assert!(offset <= end && part["flags"]["truncated"] == true, "from {offset}, after {end}");
        assert!(content == huge.as_bytes()[offset..offset + content.len()], "from {offset}");
        end = offset + content.len();
    }
    assert_eq!(end, huge.len());
    assert_eq!(outcome.total("script_cut_bytes_total{reason=\"script_limit\"}"), 0);
}

#[test]
fn shells_by_every_name() {
    let node = Node::start(&[]).unwrap();
    let dir = node.dir.path().canonicalize().unwrap();
    let mut expected = Vec::new();
    let mut run = |name: &str, first: &[&str]| {
        let program = node.path(name);
        for round in 0..2 {
            let text = format!("# {name} {round}\n/bin/true\n: end\n");
            let file = node.file(&format!("{name}-{round}.sh"), text.as_bytes()).unwrap();
            let pid =
                shell::run(program.to_str().unwrap(), &[first, &[file.to_str().unwrap()]].concat()).unwrap();
            expected.push((text, pid, dir.join(name)));
        }
    };
    for (original, name) in
        [("/bin/bash", "not-a-shell-at-all"), ("/bin/dash", "python3"), ("/bin/bash-static", "nginx")]
    {
        fs::copy(original, node.path(name)).unwrap();
        run(name, &[]);
    }
    fs::copy("/bin/bash", node.path("first-name")).unwrap();
    fs::hard_link(node.path("first-name"), node.path("second-name")).unwrap();
    run("second-name", &[]);
    for applet in ["sh", "ash"] {
        symlink("/bin/busybox", node.path(applet)).unwrap();
        run(applet, &[]);
    }
    fs::copy("/bin/busybox", node.path("busybox")).unwrap();
    run("busybox", &["sh"]);
    // No shell, whatever it is called.
    fs::copy("/bin/cat", node.path("bash")).unwrap();
    shell::run(node.path("bash").to_str().unwrap(), &[node.path("first-name").to_str().unwrap()]).unwrap();

    let outcome = node.finish().unwrap();
    for (text, pid, _) in &expected {
        let capture = outcome.captured_once(text.as_bytes(), "file");
        assert_eq!(capture["id"]["pid"], *pid);
    }
    let (text, _, program) = &expected[0];
    let interpreter = &outcome.captured_once(text.as_bytes(), "file")["interpreter"];
    assert_eq!(bytes(&interpreter["path"]), program.as_os_str().as_bytes());
    assert_eq!(interpreter["kind"], "bash");
}

#[test]
fn a_shell_in_a_container_of_its_own() {
    let node = Node::start(&[]).unwrap();
    let root = node.path("root");
    fs::create_dir_all(root.join("bin")).unwrap();
    fs::create_dir_all(root.join("opt/app")).unwrap();
    fs::copy("/bin/busybox", root.join("bin/sh")).unwrap();
    fs::copy("/bin/bash-static", root.join("bin/bash")).unwrap();
    let mut expected = Vec::new();
    for (shell, round) in [("/bin/sh", 0), ("/bin/bash", 0), ("/bin/sh", 1), ("/bin/bash", 1)] {
        // Long enough to be looked at: the hash of the first run of an unknown shell is a race otherwise.
        let text = format!(
            "# inside {shell} {round}\n(:)\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\n: end\n"
        );
        fs::write(root.join("opt/app/run.sh"), &text).unwrap();
        let status = quiet("/usr/bin/unshare")
            .args(["--mount", "--pid", "--fork", "chroot"])
            .arg(&root)
            .args([shell, "/opt/app/run.sh"])
            .status()
            .unwrap();
        assert!(status.success());
        expected.push((text, shell));
    }
    let outcome = node.finish().unwrap();
    for (text, shell) in &expected {
        let capture = outcome.captured_once(text.as_bytes(), "file");
        assert_eq!(path_of(capture), b"/opt/app/run.sh");
        assert_eq!(bytes(&capture["interpreter"]["path"]), shell.as_bytes());
        // Both of its numbers are known: the first process inside, another outside.
        assert_eq!(capture["ns_pid"], 1);
        assert_ne!(capture["id"]["pid"], 1);
        assert!(capture["interpreter"]["sha256"].is_string());
    }
}

#[test]
fn shells_that_become_shells_and_shells_in_shells() {
    let node = Node::start(&[]).unwrap();
    let again = "# again\nif [ $# -gt 0 ]; then exec /bin/bash \"$0\"; fi\n: second time\n";
    let file = node.file("again", again.as_bytes()).unwrap();
    let pid = shell::run("/bin/bash", &[file.to_str().unwrap(), "x"]).unwrap();

    let chain = "exec /bin/dash -c 'exec /bin/busybox sh -c \"exec /bin/bash -c true\"'";
    let chained = shell::run("/bin/bash", &["-c", chain]).unwrap();

    let forks = format!("# forks\n{}wait\n", "(for i in 1 2 3; do :; done; /bin/true) &\n".repeat(50));
    let forks_file = node.file("forks", forks.as_bytes()).unwrap();
    shell::run("/bin/bash", &[forks_file.to_str().unwrap()]).unwrap();

    // A program with threads, each of which starts shells.
    let texts: Vec<String> = (0..32).map(|i| format!(": from a thread {i}")).collect();
    std::thread::scope(|scope| {
        for chunk in texts.chunks(8) {
            scope.spawn(move || {
                for text in chunk {
                    shell::run("/bin/sh", &["-c", text]).unwrap();
                }
            });
        }
    });

    let outcome = node.finish().unwrap();
    let twice: Vec<_> = outcome.with_content(again.as_bytes()).collect();
    assert_eq!(twice.len(), 2, "{}", outcome.listing());
    assert!(twice.iter().all(|c| c["id"]["pid"] == pid));
    assert_ne!(twice[0]["id"]["exec_ns"], twice[1]["id"]["exec_ns"]);
    assert_eq!(outcome.of_process(chained).count(), 4, "{}", outcome.listing());
    outcome.captured_once(forks.as_bytes(), "file");
    for text in &texts {
        outcome.captured_once(text.as_bytes(), "command");
    }
}

#[test]
fn a_stream_that_carries_data_too_says_so() {
    let node = Node::start(&[]).unwrap();
    let text = "read -r line\nthis is data\necho \"$line\"\n";
    shell::pipe("/bin/bash", &[], text.as_bytes()).unwrap();
    let plain = "# no data\n/bin/true\n";
    shell::pipe("/bin/bash", &[], plain.as_bytes()).unwrap();
    let outcome = node.finish().unwrap();
    assert_eq!(outcome.captured_once(text.as_bytes(), "stdin")["flags"]["mixed_with_data"], true);
    assert_eq!(outcome.captured_once(plain.as_bytes(), "stdin")["flags"]["mixed_with_data"], false);
}

#[test]
fn binaries_given_to_a_shell_are_no_scripts() {
    let node = Node::start(&[]).unwrap();
    shell::run("/bin/bash", &["/bin/cat"]).unwrap();
    let status = Command::new("/bin/bash").arg("--version").stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
    let outcome = node.finish().unwrap();
    assert!(outcome.captures.iter().all(|c| !bytes(&c["content"]).starts_with(b"\x7fELF")));
    assert!(outcome.total("shells_without_script_total{reason=\"no_script\"}") >= 1);
}

#[test]
fn shells_of_32_bits() {
    let Some(dir) = std::env::var_os("SCRIPTWATCH_TEST_SHELLS_32") else {
        assert!(std::env::var_os("CI").is_none(), "SCRIPTWATCH_TEST_SHELLS_32 names no directory");
        eprintln!("SKIPPED: SCRIPTWATCH_TEST_SHELLS_32 names no directory with 32-bit shells");
        return;
    };
    let node = Node::start(&[]).unwrap();
    let mut expected = Vec::new();
    for (name, first) in [("bash-static", &[][..]), ("busybox", &["sh"])] {
        let program = Path::new(&dir).join(name);
        let program = program.to_str().unwrap();
        let with = |more: &[&str]| [first, more].concat().iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let run = |args: &[String]| quiet(program).args(args).status().unwrap();

        let text = format!("# {name} from a file\n/bin/true\n: end\n");
        let file = node.file(name, text.as_bytes()).unwrap();
        assert!(run(&with(&[file.to_str().unwrap()])).success(), "{name} does not run on this kernel");
        expected.push((text, "file"));

        let text = format!(": {name} by an argument");
        run(&with(&["-c", &text]));
        expected.push((text, "command"));

        let text = format!("# {name} on a pipe\n/bin/true\n: end\n");
        let args = with(&[]);
        shell::pipe(program, &args.iter().map(String::as_str).collect::<Vec<_>>(), text.as_bytes()).unwrap();
        expected.push((text, "stdin"));
    }
    let outcome = node.finish().unwrap();
    for (text, origin) in &expected {
        outcome.captured_once(text.as_bytes(), origin);
    }
}

#[test]
fn this_projects_own_programs_are_no_shells() {
    // They hold all texts by which shells are known, masked; another sensor on the node, or a later version, looks at them.
    for name in ["sensor", "collector"] {
        let binary = fs::read(e2e::daemon::bin().join(name)).unwrap();
        assert_eq!(recognition::recognize(&binary), recognition::Recognized::Other, "{name}");
    }
}
