//! The BPF object: which compiler builds it, and building it.
//!
//! The BPF target has no precompiled `core`, so a compiler with library sources is needed: rustup's nightly of a fixed day with
//! rust-src where it is there, Debian's rustc-web and rust-web-src otherwise.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context, bail};

use super::{linker, packages};
use crate::{
    layout::{cargo, release, root, target},
    step,
};

/// A compiler with the sources of `core`.
struct Compiler {
    rustc: PathBuf,
    what: String,
}

/// The nightly that the programs are built with.
const NIGHTLY: &str = "nightly-2026-05-20";
/// Debian's compiler lies here, beside rustup's on the PATH.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

fn compiler() -> anyhow::Result<Compiler> {
    if let Some(found) = nightly() {
        return Ok(found);
    }
    if let Some(found) = debian() {
        return Ok(found);
    }
    if packages::has("apt-get")
        && packages::install("a Rust compiler with library sources, for BPF", &["rustc-web", "rust-web-src"])
            .is_ok()
        && let Some(found) = debian()
    {
        return Ok(found);
    }
    if packages::has("rustup") {
        let mut install = Command::new("rustup");
        install.args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--component", "rust-src"]);
        if step::run(&format!("installing rustup's {NIGHTLY} with rust-src"), &mut install).is_ok()
            && let Some(found) = nightly()
        {
            return Ok(found);
        }
    }
    bail!(
        "no Rust compiler with library sources: `rustup toolchain install {NIGHTLY} --component rust-src`, \
         or on Debian `apt-get install rustc-web rust-web-src`"
    )
}

fn has_sources(rustc: &Path) -> bool {
    step::output(Command::new(rustc).args(["--print", "sysroot"]))
        .is_some_and(|root| Path::new(&root).join("lib/rustlib/src/rust/library/core").exists())
}

fn nightly() -> Option<Compiler> {
    let rustc =
        PathBuf::from(step::output(Command::new("rustup").args(["which", "--toolchain", NIGHTLY, "rustc"]))?);
    has_sources(&rustc).then(|| Compiler { rustc, what: format!("rustup's {NIGHTLY}") })
}

fn debian() -> Option<Compiler> {
    let rustc = PathBuf::from(DEBIAN_RUSTC);
    let version = step::output(Command::new(&rustc).arg("--version"))?;
    if minor_of(&version)? < minor_of(concat!("rustc ", env!("CARGO_PKG_RUST_VERSION")))? {
        eprintln!("xtask: {DEBIAN_RUSTC} is {version}, older than this project needs");
        return None;
    }
    has_sources(&rustc).then(|| Compiler { rustc, what: format!("Debian's {version}") })
}

/// The `N` of "rustc 1.N…".
fn minor_of(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Builds the object if its sources are newer; returns where it is, beside the binaries.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let object = release().join("sensor-ebpf.o");
    if is_fresh(&object) {
        return Ok(object);
    }
    let compiler = compiler()?;
    let linker = linker::directory()?;
    let built_in = target().join("bpf");
    let arch = std::env::consts::ARCH;
    let flags = [
        format!("--cfg=bpf_target_arch=\"{arch}\""),
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
    fs::create_dir_all(release())?;
    for (built, name) in [("floor", "floor.o"), ("sensor-ebpf", "sensor-ebpf.o")] {
        let from = built_in.join("bpfel-unknown-none/bpf").join(built);
        let to = release().join(name);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(minor_of("rustc 1.96.0 (abc 2026-05-01)"), Some(96));
        assert!(minor_of("rustc 1.100") > minor_of("rustc 1.96.0"));
        assert_eq!(minor_of("clang 3"), None);
    }
}
