//! `cargo xtask deny`: licences, sources, duplicate versions and security advisories of the dependencies, by `deny.toml`.

use std::process::Command;

use crate::{
    layout::{cache, cargo, root},
    step,
};

/// Version of cargo-deny that is built into the cache.
const VERSION: &str = "0.20.2";

/// The command, which is built once.
fn cargo_deny() -> anyhow::Result<Command> {
    let at = cache().join(format!("cargo-deny-{VERSION}"));
    let program = at.join("bin/cargo-deny");
    if step::output(Command::new(&program).arg("--version")).is_none() {
        let mut install = Command::new(cargo());
        install.args(["install", "cargo-deny", "--version", VERSION, "--locked", "--force", "--debug"]);
        install.arg("--root").arg(&at).env("CARGO_PROFILE_DEV_DEBUG", "0");
        step::run(&format!("building cargo-deny {VERSION}"), &mut install)?;
    }
    let mut command = Command::new(program);
    command.current_dir(root()).args(["--workspace", "check", "--hide-inclusion-graph"]);
    Ok(command)
}

/// All checks.
pub(crate) fn run() -> anyhow::Result<()> {
    step::show("licences, sources, versions and advisories of the dependencies", &mut cargo_deny()?)
}

/// For `cargo xtask test`: everything, but the advisories only where their database can be had.
pub(crate) fn test() -> anyhow::Result<()> {
    let mut offline = cargo_deny()?;
    step::run(
        "licences, sources and versions of the dependencies",
        offline.args(["bans", "licenses", "sources"]),
    )?;
    let fetched = step::output(cargo_deny()?.arg("advisories")).is_some();
    if !fetched {
        // The database is a repository, and not in any package registry.
        let known = step::output(Command::new("git").args(["ls-remote", DATABASE, "HEAD"])).is_some();
        if known {
            return step::run("security advisories of the dependencies", cargo_deny()?.arg("advisories"));
        }
        eprintln!("==> SKIPPED: the security advisories of the dependencies: {DATABASE} cannot be reached");
    }
    Ok(())
}

/// Where the advisories are.
const DATABASE: &str = "https://github.com/rustsec/advisory-db";
