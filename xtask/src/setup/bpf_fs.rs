//! The BPF file system, in which a sensor that stops shells keeps the table of them.

use nix::mount::{MsFlags, mount};

/// Where it is.
const DIRECTORY: &str = "/sys/fs/bpf";

/// Mounts it, unless it is there. A sensor does so itself only where it can see that it is in the node's mount namespace.
pub(crate) fn mounted() {
    let there = std::fs::read_to_string("/proc/self/mounts")
        .is_ok_and(|mounts| mounts.lines().any(|line| line.split(' ').nth(1) == Some(DIRECTORY)));
    if !there && let Err(e) = mount(Some("bpf"), DIRECTORY, Some("bpf"), MsFlags::empty(), None::<&str>) {
        eprintln!("==> no BPF file system could be mounted at {DIRECTORY} ({e}): no shell will be stopped");
    }
}
