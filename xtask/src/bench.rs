//! `cargo xtask bench`: builds and runs the measurements of the package `e2e`, here or in a virtual machine.

use std::process::{Command, ExitCode};

use anyhow::{Context, ensure};

use crate::{
    architecture::Architecture,
    binaries,
    guest::{Condition, Guest, KERNELS},
    layout::{cargo, release, root},
    setup::{configure, packages},
    step,
};

/// Runs the named measurements, or all; in a guest with this kernel if one is named.
pub(crate) fn run(what: &[String], kernel: Option<&str>, tier: Option<&str>) -> anyhow::Result<ExitCode> {
    let bin = binaries::build()?;
    packages::for_benches()?;
    let mut build = Command::new(cargo());
    build.current_dir(root()).args(["build", "--release", "--quiet", "-p", "scriptwatch-e2e", "--bins"]);
    step::run("building the measurements", &mut build)?;
    if let Some(name) = kernel {
        return in_guest(what, name, tier);
    }
    let mut bench = Command::new(release().join("bench"));
    bench.args(what).env("SCRIPTWATCH_TEST_BIN", bin);
    if what.is_empty() || what.iter().any(|w| w == "configure") {
        bench.env("SCRIPTWATCH_BENCH_CONFIGURE", configure::script()?);
    }
    if let Some(tier) = tier {
        bench.env("SCRIPTWATCH_SENSOR_TIER", tier);
    }
    let status = bench.status().context("the measurements cannot be started")?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}

fn in_guest(what: &[String], kernel: &str, tier: Option<&str>) -> anyhow::Result<ExitCode> {
    ensure!(what.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase())), "a measurement's name is a word");
    let series = KERNELS.into_iter().find(|k| k.name == kernel).context("no such kernel")?;
    let tier = tier.map(|t| format!("SCRIPTWATCH_SENSOR_TIER={t} ")).unwrap_or_default();
    let command = format!("{tier}/programs/bench {}", what.join(" "));
    let programs = [("bench".to_owned(), release().join("bench"))];
    let guest = Guest::prepare(
        series,
        Architecture::here(),
        Condition::Usual,
        &programs,
        &[("measurements".to_owned(), command)],
        |tree| {
            tree.put(&release().join("fake-shell"), "/programs/fake-shell".as_ref())?;
            tree.program("taskset")?;
            tree.program("strace")
        },
    )?;
    let ran = guest.run()?;
    Ok(if ran.iter().any(|r| r.code == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
