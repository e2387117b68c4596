//! What tests of `--respond hold` share: containers whose shells are held, and what runs there.

use std::{fs, path::Path, process::Command};

use crate::{
    cgroup::{Cgroup, enter},
    drill::malice,
    node::Node,
    shell::quiet,
};

const POD: &str = "kubepods/burstable/pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f71";
/// A container of the tests' pod.
pub fn container(number: u32) -> Cgroup {
    Cgroup::make(&format!("{POD}/{number:064x}"))
}

/// Runs shells in the container until they are held: the first of a cgroup that has no PID namespace of its own is not, since it is
/// not known yet to be of a container.
///
/// # Panics
/// When none is held in time.
pub fn wait_for_holds(node: &Node, cgroup: &Cgroup) {
    let holds = || node.reading("kernel_holds_total").expect("a counter");
    let before = holds();
    let is_held = || inside(cgroup, "/bin/bash", &["-c", ":"]).status().is_ok() && holds() > before;
    node.wait_until(is_held).expect("shells are held");
}

/// Malicious by any model, and inert: `:` runs instead. Its first command makes the file `marker`.
pub fn attack(name: &str, marker: &Path) -> String {
    format!("echo > {}; {}\n", marker.display(), malice(name))
}

/// A command in the container. Nobody that the test's shell is a job of is to notice a stop.
pub fn inside(cgroup: &Cgroup, program: &str, args: &[&str]) -> Command {
    let mut command = quiet(program);
    command.args(args);
    enter(&mut command, &cgroup.procs());
    command
}

/// The state of a process as /proc has it, `None` when it is gone.
pub fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}
