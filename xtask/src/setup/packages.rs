//! System packages, by Debian's names.

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::bail;

use crate::{architecture::Architecture, step};

/// Is a program on the PATH?
pub(crate) fn has(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
}

/// Steps run side by side, and apt-get waits for nobody unless told.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Installs packages, or says which are missing and how to get them.
pub(crate) fn install(why: &str, packages: &[&str]) -> anyhow::Result<()> {
    let by_hand = format!("install the packages {} ({why})", packages.join(" "));
    if !has("apt-get") {
        bail!("there is no apt-get here: {by_hand} with your distribution's tool, then try again");
    }
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "only root can install packages: run `apt-get install -y {}` ({why}), then try again",
            packages.join(" ")
        );
    }
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["-o", "DPkg::Lock::Timeout=600"]).args(args);
        command
    };
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    // Always, though it costs seconds: lists as an image brings them name versions that are years old. A mirror
    // that does not answer may still have left usable lists behind.
    if let Err(e) = step::run("updating the package lists", &mut apt(&["update", "-q"])) {
        eprintln!("xtask: {e:#}: going on with the lists that are there");
    }
    if let Err(e) = step::run(&format!("installing {}", packages.join(" ")), &mut apt(&install)) {
        bail!("{e:#}: {by_hand} by hand, then try again");
    }
    Ok(())
}

/// Installs the packages of those programs that are missing.
pub(crate) fn install_missing(why: &str, programs: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { install(why, &missing) }
}

/// What the end-to-end tests run beside shells, as programs and the packages that hold them: a container runtime, a message
/// server, a browser, network namespaces.
const TESTED: [(&str, &str); 12] = [
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/bin/faketime", "faketime"),
    ("/usr/sbin/nats-server", "nats-server"),
    ("/usr/bin/valgrind", "valgrind"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/prometheus", "prometheus"),
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/chromedriver", "chromium-driver"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/sbin/nft", "nftables"),
];

/// The shells that the tests run, as programs and packages.
pub(crate) fn shells() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../../../tests/shells.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut words = line.split_whitespace().skip(2);
        Some((words.next()?, words.next()?))
    })
}

/// Programs that virtual machines for tests need, beside qemu.
const VMS: [(&str, &str); 5] = [
    ("/usr/bin/cpio", "cpio"),
    ("/usr/bin/zstd", "zstd"),
    ("/usr/bin/strip", "binutils"),
    ("/usr/bin/rev", "bsdextrautils"),
    ("/usr/bin/unshare", "util-linux"),
];

/// What the tests in virtual machines need.
pub(crate) fn for_vms(architecture: Architecture) -> anyhow::Result<()> {
    for_tests()?;
    let qemu = match architecture {
        Architecture::Amd64 => ("/usr/bin/qemu-system-x86_64", "qemu-system-x86"),
        Architecture::Arm64 => ("/usr/bin/qemu-system-aarch64", "qemu-system-arm"),
    };
    let all: Vec<_> = [qemu].into_iter().chain(VMS).collect();
    install_missing("virtual machines for tests", &all)
}

/// Programs that measurements are compared with, and need.
const RIVALS: [(&str, &str); 4] = [
    ("/usr/bin/bpftrace", "bpftrace"),
    ("/usr/bin/strace", "strace"),
    ("/usr/bin/taskset", "util-linux"),
    ("/usr/sbin/ip", "iproute2"),
];

/// What the measurements need.
pub(crate) fn for_benches() -> anyhow::Result<()> {
    for_tests()?;
    install_missing("what measurements are compared with", &RIVALS)
}

/// What the tests need.
pub(crate) fn for_tests() -> anyhow::Result<()> {
    let all: Vec<_> = TESTED.into_iter().chain(shells()).collect();
    install_missing("what the end-to-end tests run, and count instructions with", &all)
}
