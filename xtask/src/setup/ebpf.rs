//! Building the BPF object. Its target has no precompiled `core`, so a compiler with library sources is needed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::Context;

use super::{compiler, linker};
use crate::{
    architecture::Architecture,
    layout::{cargo, release_of, root, target_of},
    step,
};

/// Builds the object if its sources are newer; returns where it is, beside the binaries.
pub(crate) fn build(architecture: Architecture) -> anyhow::Result<PathBuf> {
    let release = release_of(architecture);
    let object = release.join("sensor-ebpf.o");
    if is_fresh(&object) {
        return Ok(object);
    }
    let compiler = compiler::with_sources()?;
    let linker = linker::directory()?;
    let built_in = target_of(architecture).join("bpf");
    let flags = [
        format!("--cfg=bpf_target_arch=\"{}\"", architecture.machine()),
        "-Cdebuginfo=2".to_owned(),
        "-Clink-arg=--btf".to_owned(),
    ];
    let mut build = Command::new(cargo());
    build
        .current_dir(root())
        .args(["build", "--profile", "bpf", "--package", "scriptwatch-ebpf", "--features", "program"])
        .args(["--target", "bpfel-unknown-none", "-Z", "build-std=core", "--target-dir"])
        .arg(&built_in)
        .env("RUSTC", &compiler.rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker.join("bpf-linker"))
        .env_remove("RUSTFLAGS");
    step::run(&format!("building the BPF programs with {}", compiler.what), &mut build)?;
    fs::create_dir_all(&release)?;
    for (built, name) in [("floor", "floor.o"), ("sensor-ebpf", "sensor-ebpf.o")] {
        let from = built_in.join("bpfel-unknown-none/bpf").join(built);
        let to = release.join(name);
        fs::copy(&from, &to).with_context(|| format!("{} → {}", from.display(), to.display()))?;
    }
    Ok(object)
}

/// Newer than every file it is made of?
fn is_fresh(object: &Path) -> bool {
    let Ok(built) = object.metadata().and_then(|m| m.modified()) else { return false };
    newest(&root().join("sensor-ebpf")).is_some_and(|changed| changed <= built)
}

fn newest(dir: &Path) -> Option<SystemTime> {
    dir.read_dir()
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            if path.is_dir() { newest(&path) } else { entry.metadata().ok()?.modified().ok() }
        })
        .max()
}
