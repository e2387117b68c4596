//! Building for another processor than this machine's: Rust's library and a C compiler for it.

use std::{path::Path, process::Command};

use super::{
    compiler,
    packages::{has, install},
};
use crate::{architecture::Architecture, layout::target_of, step};

/// Makes a `cargo` command build for that architecture; for this machine's nothing changes.
pub(crate) fn aim(command: &mut Command, architecture: Architecture) -> anyhow::Result<()> {
    if architecture.is_here() {
        return Ok(());
    }
    c_compiler(architecture)?;
    let triple = architecture.triple();
    command.args(["--target", &triple, "--target-dir"]).arg(target_of(architecture));
    let of_target = triple.to_uppercase().replace('-', "_");
    command.env(format!("CARGO_TARGET_{of_target}_LINKER"), architecture.tool("gcc"));
    let add = |triple: &str| step::output(Command::new("rustup").args(["target", "add", triple])).is_some();
    if has_library(&triple) || add(&triple) && has_library(&triple) {
        return Ok(());
    }
    let compiler = compiler::with_sources()?;
    eprintln!("==> Rust's library for {triple} is built, too, with {}: rustup has none here", compiler.what);
    command.args(["-Z", "build-std=std,panic_abort"]);
    command.env("RUSTC", compiler.rustc).env("RUSTC_BOOTSTRAP", "1");
    Ok(())
}

/// Where the C library and what belongs to it are, as packages for building on another architecture install them.
pub(crate) fn libraries(architecture: Architecture) -> std::path::PathBuf {
    Path::new("/usr").join(architecture.gnu()).join("lib")
}

/// Makes sure that there is a C compiler for it, and the libraries that programs are linked with.
fn c_compiler(architecture: Architecture) -> anyhow::Result<()> {
    if has(&architecture.tool("gcc")) && libraries(architecture).join("libstdc++.so.6").exists() {
        return Ok(());
    }
    let (name, gnu) = (architecture.name(), architecture.gnu().replace('_', "-"));
    let compiler = format!("gcc-{gnu}");
    let libraries = [format!("libc6-dev-{name}-cross"), format!("libstdc++6-{name}-cross")];
    install("a C compiler for the other architecture", &[&compiler, &libraries[0], &libraries[1]])
}

/// Has the compiler that is used a library for this target?
fn has_library(triple: &str) -> bool {
    step::output(Command::new("rustc").args(["--print", "target-libdir", "--target", triple]))
        .is_some_and(|dir| Path::new(&dir).exists())
}
