//! Where the sensor cannot run it says in one sentence why, with exit code 2.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Output},
};

use e2e::daemon::bin;

/// Runs `sensor run` after these commands, in a mount namespace of its own.
fn run_after(commands: &str) -> Output {
    Command::new("unshare")
        .args(["--mount", "sh", "-c", &format!("{commands}; exec {}/sensor run", bin().display())])
        .env("SCRIPTWATCH_SENSOR_LOG", "error")
        .output()
        .unwrap()
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn without_root_the_capabilities_are_named() {
    // The binary and what it needs, where anybody may read it.
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for name in ["sensor", "script.onnx", "libonnxruntime.so", "sensor-ebpf.o"] {
        std::fs::copy(bin().join(name), dir.path().join(name)).unwrap();
    }
    let output = Command::new(dir.path().join("sensor"))
        .arg("run")
        .env("SCRIPTWATCH_SENSOR_LOG", "error")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    refused(&output, &["CAP_BPF", "CAP_PERFMON", "CAP_SYS_PTRACE"]);
}

#[test]
fn without_btf_the_kernel_option_is_named() {
    refused(&run_after("mount -t tmpfs none /sys/kernel/btf"), &["BTF", "CONFIG_DEBUG_INFO_BTF"]);
}

#[test]
fn a_missing_object_is_named_with_its_remedy() {
    let missing = PathBuf::from("/nonexistent/sensor-ebpf.o");
    let output = Command::new(bin().join("sensor"))
        .args(["run", "--bpf-object"])
        .arg(&missing)
        .env("SCRIPTWATCH_SENSOR_LOG", "error")
        .output()
        .unwrap();
    refused(&output, &["/nonexistent/sensor-ebpf.o", "cargo xtask build-ebpf"]);
}

#[test]
fn too_few_descriptors_are_named_with_their_remedy() {
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new("prlimit");
        command.arg("--nofile=64:64").arg(bin().join(program)).args(arguments);
        command.env("SCRIPTWATCH_SENSOR_LOG", "error").output().unwrap()
    };
    refused(&run("sensor", &["run"]), &["only 64 files", "ulimit -n"]);
    let output = run("collector", &["serve", "--plaintext"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && text.contains("only 64 files"), "{text}");
}

#[test]
fn a_kernel_that_is_locked_down_is_named() {
    // Only a kernel that was booted so is.
    if std::env::var_os("SCRIPTWATCH_TEST_CONDITION").is_none_or(|condition| condition != "lockdown") {
        eprintln!("SKIPPED: cargo xtask vm-test --condition lockdown");
        return;
    }
    let output = Command::new(bin().join("sensor"))
        .arg("run")
        .env("SCRIPTWATCH_SENSOR_LOG", "error")
        .output()
        .unwrap();
    refused(&output, &["lockdown=confidentiality", "lockdown=integrity"]);
}
