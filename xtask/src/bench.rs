//! `cargo xtask bench`: builds and runs the measurements of the package `e2e`.

use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::{
    binaries,
    layout::{cargo, root},
    setup::packages,
};

/// Runs the named measurements, or all.
pub(crate) fn run(what: &[String]) -> anyhow::Result<ExitCode> {
    let bin = binaries::build()?;
    packages::for_tests()?;
    let status = Command::new(cargo())
        .current_dir(root())
        .args(["run", "--release", "--quiet", "-p", "e2e", "--bin", "bench", "--"])
        .args(what)
        .env("SCRIPTWATCH_BIN", bin)
        .status()
        .context("cargo cannot be started")?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}
