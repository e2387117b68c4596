//! The binaries and the files that they look for beside themselves.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{
    architecture::Architecture,
    layout::{cargo, release_of, root},
    setup::{cross, ebpf, onnxruntime},
    step,
};

/// Builds all of it for this machine; returns the directory.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    build_for(Architecture::here())
}

/// Builds all of it for an architecture; returns the directory.
pub(crate) fn build_for(architecture: Architecture) -> anyhow::Result<PathBuf> {
    // The two need nothing of each other, and each has parts that use one core only.
    std::thread::scope(|scope| {
        let programs = scope.spawn(move || ebpf::build(architecture));
        let directory = scoring_for(architecture)?;
        programs.join().unwrap_or_else(|_| anyhow::bail!("building the BPF programs panicked"))?;
        Ok(directory)
    })
}

/// Builds what scoring and replay need: no BPF.
pub(crate) fn scoring() -> anyhow::Result<PathBuf> {
    scoring_for(Architecture::here())
}

/// As above, for an architecture.
pub(crate) fn scoring_for(architecture: Architecture) -> anyhow::Result<PathBuf> {
    let library = onnxruntime::library(architecture)?;
    let release = release_of(architecture);
    let mut build = Command::new(cargo());
    build.current_dir(root()).args([
        "build",
        "--release",
        "--quiet",
        "-p",
        "scriptwatch-sensor",
        "-p",
        "scriptwatch-collector",
    ]);
    cross::aim(&mut build, architecture)?;
    let fresh = release.join("sensor").exists() && release.join("collector").exists();
    if fresh {
        // Usually nothing to do; a line for that would only be noise.
        let status = build.status().context("cargo cannot be started")?;
        anyhow::ensure!(status.success(), "building sensor and collector failed");
    } else {
        step::run("building sensor and collector, a few minutes the first time", &mut build)?;
    }
    place(&release, &library, "libonnxruntime.so")?;
    place(&release, &root().join("model/script.onnx"), "script.onnx")?;
    Ok(release)
}

/// Puts a link beside the binaries.
fn place(release: &Path, file: &Path, name: &str) -> anyhow::Result<()> {
    let link = release.join(name);
    if fs::read_link(&link).is_ok_and(|to| to == file) {
        return Ok(());
    }
    let _ = fs::remove_file(&link);
    symlink(file, &link).with_context(|| format!("link {}", link.display()))
}
