//! `cargo xtask test`: everything CI runs.

use std::process::{Command, ExitCode};

use crate::{
    binaries,
    layout::{cargo, root},
    setup::packages,
    step,
};

/// Runs all checks, or the tests whose name contains `filter`.
pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<ExitCode> {
    let cargo = |args: &[&str]| {
        let mut command = Command::new(cargo());
        command.current_dir(root()).args(args);
        command
    };
    packages::for_tests()?;
    let bin = binaries::build()?;
    if filter.is_none() {
        step::run("checking the format", &mut cargo(&["fmt", "--all", "--check"]))?;
        step::show("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    }
    let name = filter.unwrap_or_default();
    step::show(
        "unit tests",
        cargo(&["test", "--workspace", "--exclude", "e2e", "--", name]).env("SCRIPTWATCH_BIN", &bin),
    )?;
    // The sensor sees every shell of the machine, so one test at a time.
    step::show(
        "end-to-end tests",
        cargo(&["test", "--release", "-p", "e2e", "--", "--test-threads=1", name])
            .env("SCRIPTWATCH_BIN", &bin),
    )?;
    Ok(ExitCode::SUCCESS)
}
