//! bpf-linker: turns LLVM bitcode into a BPF object. Built once into the cache.

use std::{path::PathBuf, process::Command};

use anyhow::Context;

use crate::{
    layout::{cache, cargo},
    step,
};

/// The version built.
const VERSION: &str = "0.13.0";

/// Makes sure that it is there; returns the directory it is in.
pub(crate) fn directory() -> anyhow::Result<PathBuf> {
    let root = cache().join(format!("bpf-linker-{VERSION}"));
    let bin = root.join("bin");
    // It may be there and not start, when the toolchain whose LLVM it uses was removed.
    if step::output(Command::new(bin.join("bpf-linker")).arg("--version")).is_some() {
        return Ok(bin);
    }
    let sysroot = step::output(Command::new("rustc").args(["--print", "sysroot"]))
        .context("rustc does not start: install Rust with rustup (https://rustup.rs)")?;
    let libraries = PathBuf::from(sysroot).join("lib");
    let llvm = find_llvm(&libraries);
    let mut install = Command::new(cargo());
    // Its work is done by LLVM; a light build is as quick, and is made in half the time.
    install
        .args(["install", "bpf-linker", "--version", VERSION, "--locked", "--force", "--debug", "--root"])
        .arg(&root)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    if let Some((name, major)) = llvm {
        // Link against the LLVM inside the toolchain: no LLVM packages, and the same version as the compiler's.
        install.args(["--no-default-features", "--features", &format!("llvm-{major},no-llvm-linking")]);
        install.env(
            "RUSTFLAGS",
            format!("-L native={0} -C link-arg=-l{name} -C link-arg=-Wl,-rpath,{0}", libraries.display()),
        );
    }
    step::run(&format!("building bpf-linker {VERSION}, about a minute"), &mut install)?;
    Ok(bin)
}

/// The LLVM library of the toolchain: its name without `lib` and `.so`, and its major version.
fn find_llvm(libraries: &std::path::Path) -> Option<(String, String)> {
    libraries.read_dir().ok()?.flatten().find_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let name = file.strip_prefix("lib")?.strip_suffix(".so")?.to_owned();
        let major = name.strip_prefix("LLVM-")?.split('-').next()?.to_owned();
        Some((name, major))
    })
}
