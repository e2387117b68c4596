//! A Rust compiler with the sources of its library, for targets that have none precompiled: rustup's nightly of a fixed day with
//! rust-src where it is there, Debian's rustc-web and rust-web-src otherwise.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::bail;

use super::packages;
use crate::step;

/// A compiler with sources.
pub(crate) struct Compiler {
    /// Its program.
    pub(crate) rustc: PathBuf,
    /// Its name, for people.
    pub(crate) what: String,
}

/// The nightly that is taken.
const NIGHTLY: &str = "nightly-2026-05-20";
/// Debian's compiler lies here, beside rustup's on the PATH.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// The first there is, after installing one where needed.
pub(crate) fn with_sources() -> anyhow::Result<Compiler> {
    if let Some(found) = nightly() {
        return Ok(found);
    }
    if let Some(found) = debian() {
        return Ok(found);
    }
    if packages::has("apt-get")
        && packages::install("a Rust compiler with library sources", &["rustc-web", "rust-web-src"]).is_ok()
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
