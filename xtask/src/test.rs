//! `cargo xtask test`: everything CI runs.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use crate::{
    architecture::Architecture,
    binaries, deny, emulated,
    layout::{cargo, root},
    manifests, models, package,
    setup::{bpf_fs, packages, python, shells_32},
    step, vm_test,
};

/// Tests with a long form: those that break things, that try to run a script unseen, and that try to blind the sensor.
const LONG_FORMS: [&str; 4] = ["chaos", "cost", "escape", "siege"];
/// Attempts of the long form of `escape`.
const ESCAPES: u64 = 10_000;

/// The long form of such a test.
fn long_form(name: &str, seed: Option<u64>, runs: Option<u64>) -> anyhow::Result<ExitCode> {
    packages::for_tests()?;
    bpf_fs::mounted();
    let bin = binaries::build()?;
    let seed = seed.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |t| t.as_secs()));
    println!("seed {seed}: repeat this run with `cargo xtask test {name} --seed {seed}`");
    let mut command = Command::new(cargo());
    command.current_dir(root()).args([
        "test",
        "--release",
        "-p",
        "scriptwatch-e2e",
        "--test",
        name,
        "--",
        "--test-threads=1",
        "--nocapture",
    ]);
    command
        .env("SCRIPTWATCH_TEST_BIN", &bin)
        .env("SCRIPTWATCH_TEST_CHAOS", "long")
        .env("SCRIPTWATCH_TEST_RUNS", runs.unwrap_or(ESCAPES).to_string())
        .env("SCRIPTWATCH_TEST_SEED", seed.to_string());
    step::show(&format!("the long form of the {name} tests"), &mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs all checks, or the tests whose name contains `filter`; for those of [`LONG_FORMS`] their long form, for `chart` the
/// chart's only, for `arm64` those of that architecture, for `training` the trainer's, too.
pub(crate) fn run(filter: Option<&str>, seed: Option<u64>, runs: Option<u64>) -> anyhow::Result<ExitCode> {
    if let Some(name) = filter.filter(|name| LONG_FORMS.contains(name)) {
        return long_form(name, seed, runs);
    }
    if filter == Some("chart") {
        return chart().map(|()| ExitCode::SUCCESS);
    }
    if filter == Some("arm64") {
        return emulated::run().map(|()| ExitCode::SUCCESS);
    }
    let cargo = |args: &[&str]| {
        let mut command = Command::new(cargo());
        command.current_dir(root()).args(args);
        command
    };
    packages::for_tests()?;
    bpf_fs::mounted();
    let bin = binaries::build()?;
    if filter.is_none() {
        step::run("checking the format", &mut cargo(&["fmt", "--all", "--check"]))?;
        step::show("lints", &mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    }
    let name = filter.unwrap_or_default();
    if filter.is_none() {
        chart()?;
        deny::test()?;
    }
    step::show(
        "unit tests",
        cargo(&["test", "--workspace", "--exclude", "scriptwatch-e2e", "--", name])
            .env("SCRIPTWATCH_TEST_BIN", &bin),
    )?;
    if filter.is_none() || filter == Some("training") {
        training(&bin)?;
    }
    let image = package::run(&[Architecture::here()], package::NAME)?;
    if filter.is_none() {
        let first = std::fs::read(&image)?;
        package::run(&[Architecture::here()], package::NAME)?;
        anyhow::ensure!(std::fs::read(&image)? == first, "the image differs from one packaging to the next");
    }
    // The sensor sees every shell of the machine, so one test at a time.
    let mut tests = cargo(&["test", "--release", "-p", "scriptwatch-e2e", "--", "--test-threads=1", name]);
    tests.env("SCRIPTWATCH_TEST_BIN", &bin).env("SCRIPTWATCH_TEST_IMAGE", image);
    match manifests::tools().and_then(|tools| tools.for_cluster()) {
        Ok(dir) => {
            tests.env("SCRIPTWATCH_TEST_CHART", dir);
        }
        Err(e) if std::env::var_os("CI").is_some() => return Err(e),
        Err(e) => eprintln!("==> SKIPPED: the tests of a cluster with the chart: {e:#}"),
    }
    match shells_32::directory(Architecture::here()) {
        Ok(dir) => {
            tests.env("SCRIPTWATCH_TEST_SHELLS_32", dir);
        }
        Err(e) if std::env::var_os("CI").is_some() => return Err(e),
        Err(e) => eprintln!("==> SKIPPED: the tests of 32-bit shells: {e:#}"),
    }
    match python::environment("ocsf", &[&root().join("tests/ocsf/requirements.txt")], &[]) {
        Ok(python) => {
            tests.env("SCRIPTWATCH_TEST_OCSF", python);
        }
        Err(e) if std::env::var_os("CI").is_some() => return Err(e),
        Err(e) => eprintln!("==> SKIPPED: the check by the published schema of OCSF: {e:#}"),
    }
    step::show("end-to-end tests", &mut tests)?;
    if filter.is_none() {
        vm_test::ordinary()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The chart's tests. Where Helm's code or the schemas cannot be had this is said and skipped, but never in CI.
fn chart() -> anyhow::Result<()> {
    match manifests::tools() {
        Ok(tools) => tools.test(),
        Err(e) if std::env::var_os("CI").is_some() => Err(e),
        Err(e) => {
            eprintln!("==> SKIPPED: the tests of the Helm chart: {e:#}");
            Ok(())
        }
    }
}

/// The trainer's tests. Where its packages cannot be had this is said and skipped, but never in CI.
fn training(bin: &Path) -> anyhow::Result<()> {
    match models::trainer() {
        Ok(mut python) => step::show(
            "tests of the training",
            python
                .args(["-m", "unittest", "discover", "--start-directory", "model/tests"])
                .env("SCRIPTWATCH_TEST_BIN", bin),
        ),
        Err(e) if std::env::var_os("CI").is_some() => Err(e),
        Err(e) => {
            eprintln!("==> SKIPPED: the tests of the training: {e:#}");
            Ok(())
        }
    }
}
