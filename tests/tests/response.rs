//! What is done about a malicious script: by rules, in containers, and to nobody else.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{Child, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use e2e::{
    cgroup::{Cgroup, enter},
    drill::{malice, property},
    node::Node,
    shell::quiet,
};
use serde_json::Value;

const UID: &str = "6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70";
const ID: &str = "00000000000000000000000000000000000000000000000000000000000000c3";

/// Malicious by any model, and inert: `:` runs instead. It waits for a child, and says so if nobody ends it.
fn attack(name: &str, survived: &Path) -> String {
    format!("{}\nsleep 3 & wait; echo {name} > {}", malice(name), survived.display())
}

fn start(text: &str, procs: Option<&Path>) -> Child {
    let mut command = quiet("/bin/bash");
    command.args(["-c", text]);
    if let Some(procs) = procs {
        enter(&mut command, procs);
    }
    command.spawn().expect("a shell")
}

fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(libc::SIGKILL)
}

#[test]
fn a_script_in_a_container_is_killed_and_others_are_left_alone() {
    let rules = tempfile::NamedTempFile::new().expect("a file");
    let text = "[[respond]]\naction = \"none\"\nuser = 1\nreason = \"daemons\"\n\
                [[respond]]\naction = \"kill\"\nmin_score = 0.5\nreason = \"drill\"\n";
    fs::write(rules.path(), text).expect("rules");
    let file = rules.path().display().to_string();
    let node = Node::start(&["--respond", "kill", "--response-rules", &file]).expect("a node");
    let survived = |name: &str| node.path(&format!("survived-{name}"));
    let cgroup = Cgroup::make(&format!("kubepods/burstable/pod{UID}/{ID}"));
    let mut inside = start(&attack("inside", &survived("inside")), Some(&cgroup.procs()));
    let mut outside = start(&attack("outside", &survived("outside")), None);
    let mut harmless =
        start(&format!("sleep 1; echo > {}", survived("harmless").display()), Some(&cgroup.procs()));
    assert!(is_killed(inside.wait().expect("its end")), "{}", node.log());
    assert!(outside.wait().expect("its end").success());
    assert!(harmless.wait().expect("its end").success());
    assert!(!survived("inside").exists() && survived("outside").exists() && survived("harmless").exists());
    // Nothing of it is left, the child that it waited for neither.
    let left = fs::read_to_string(cgroup.procs()).expect("the cgroup");
    assert_eq!(left, "", "{}", node.log());
    let findings = node.wait_for(|all| all.len() == 2).expect("findings");
    assert_eq!(property(&findings, "inside", "Response_Action"), "killed");
    // One, if it was quicker than the shell's first fork, else two.
    let killed = property(&findings, "inside", "Response_Processes").as_f64();
    assert!(killed == Some(1.0) || killed == Some(2.0), "{killed:?}");
    assert_eq!(property(&findings, "inside", "Response_Reason"), "drill");
    assert_eq!(property(&findings, "outside", "Response_Action"), "none");
    let outcome = node.finish().expect("an outcome");
    assert_eq!(outcome.total("responses_total{action=\"killed\"}"), 1);
}

#[test]
fn what_a_script_left_behind_is_killed_though_its_shell_has_ended() {
    let node = Node::start(&["--respond", "kill"]).expect("a node");
    let cgroup = Cgroup::make(&format!("kubepods/burstable/pod{UID}/{ID}"));
    // The first of a cgroup may be judged before it is known to be of a container.
    assert!(start(":", Some(&cgroup.procs())).wait().expect("its end").success());
    let survived = node.path("survived");
    // A daemon: its parents have ended, and it is in a session of its own.
    let attack = |name: &str| {
        format!("{}; (setsid sh -c 'sleep 30; echo > {}' &)", malice(name).trim_end(), survived.display())
    };
    let _ = start(&attack("daemon"), Some(&cgroup.procs())).wait().expect("its end");
    // A file without `#!`, which a child of the shell runs itself.
    let file = node.file("itself", attack("itself").as_bytes()).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("its mode");
    let text = format!("{}; :", file.display());
    assert!(start(&text, Some(&cgroup.procs())).wait().is_ok());
    let findings = node.wait_for(|all| all.len() == 2).expect("findings");
    for name in ["daemon", "itself"] {
        assert_eq!(property(&findings, name, "Response_Action"), "killed", "{name}");
    }
    let is_empty = || fs::read_to_string(cgroup.procs()).is_ok_and(|left| left.is_empty());
    node.wait_until(is_empty).expect("nobody is left");
    node.finish().expect("an outcome");
}

#[test]
fn audit_says_what_would_be_done_and_a_reload_switches_it_off() {
    let config = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
    fs::write(config.path(), "respond = \"audit\"\n").expect("a configuration");
    let file = config.path().display().to_string();
    let mut node = Node::start(&["--config", &file]).expect("a node");
    let survived = node.path("survived");
    let cgroup = Cgroup::make(&format!("kubepods/burstable/pod{UID}/{ID}"));
    assert!(start(&attack("audited", &survived), Some(&cgroup.procs())).wait().expect("its end").success());
    assert!(survived.exists());
    fs::write(config.path(), "respond = \"off\"\n").expect("a configuration");
    node.reload("configuration read again").expect("a reload");
    assert!(node.log().contains("respond=off"), "{}", node.log());
    assert!(start(&attack("off", &survived), Some(&cgroup.procs())).wait().expect("its end").success());
    let findings = node.wait_for(|all| all.len() == 2).expect("findings");
    assert_eq!(property(&findings, "audited", "Response_Action"), "would_kill");
    assert_eq!(property(&findings, "audited", "Response_Ran_If_Held"), "nothing");
    assert_eq!(property(&findings, "off", "Response_Action"), &Value::Null);
    node.finish().expect("an outcome");
}

/// More work than the machine has processors for, until dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            let done = done.clone();
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(done)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn more_than_are_ended_at_once_are_all_ended() {
    // More than are ended at once, and all of the shell's own children.
    const CHILDREN: usize = 4200;
    let node = Node::start(&["--respond", "kill"]).expect("a node");
    let cgroup = Cgroup::make(&format!("kubepods/burstable/pod{UID}/{ID}"));
    let (never, all) = (node.path("never"), node.path("all"));
    nix::unistd::mkfifo(&never, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    // Children that wait for what never comes; then the attack, from a file of its own.
    let crowd = node.file("crowd", malice("crowd").as_bytes()).expect("a file");
    let text = format!(
        "i=0; while [ $i -lt {CHILDREN} ]; do (read -r _ < {}) & i=$((i+1)); done; echo > {}; . {}; wait",
        never.display(),
        all.display(),
        crowd.display()
    );
    let mut command = quiet("/bin/dash");
    command.args(["-c", &text]);
    enter(&mut command, &cgroup.procs());
    let mut shell = command.spawn().expect("a shell");
    node.wait_until(|| all.exists()).expect("all are there");
    let _busy = Busy::start();
    assert!(is_killed(shell.wait().expect("its end")), "{}", node.log());
    let is_empty = || fs::read_to_string(cgroup.procs()).is_ok_and(|left| left.is_empty());
    node.wait_until(is_empty).expect("nobody is left");
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    eprintln!("{}", property(&findings, "crowd", "Response_Processes"));
    assert_eq!(property(&findings, "crowd", "Response_Action"), "killed_partly");
    node.finish().expect("an outcome");
}
