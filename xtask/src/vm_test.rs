//! `cargo xtask vm-test`: the capture suite inside virtual machines, on other kernels than this machine's and on both
//! tiers.

use std::{path::Path, time::Instant};

use anyhow::{bail, ensure};

use crate::{
    guest::{Guest, Series, test_binaries},
    setup::shells_32,
};

/// The tests that run in a guest, by the names of their files.
const SUITE: [&str; 8] = ["capture", "forms", "strings", "terminal", "loss", "cgroup", "escape", "hold"];
/// Attempts at random of `escape` there.
const ESCAPES: u32 = 40;
/// The tiers.
pub(crate) const TIERS: [&str; 2] = ["fexit", "tracepoint"];

/// Where the guest has 32-bit shells.
const SHELLS_32: &str = "/programs/shells-32";

/// What to run.
pub(crate) struct Plan {
    /// The kernels.
    pub(crate) kernels: Vec<Series>,
    /// The tiers, on each.
    pub(crate) tiers: Vec<&'static str>,
    /// Only tests whose name contains this.
    pub(crate) filter: Option<String>,
}

/// Runs the suite in a guest for each kernel; fails if any test did.
pub(crate) fn run(plan: &Plan) -> anyhow::Result<()> {
    let filter = plan.filter.as_deref().unwrap_or_default();
    ensure!(
        filter.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
        "{filter:?} is no part of a test's name: letters, digits and _ are"
    );
    let programs = test_binaries(&SUITE)?;
    let commands: Vec<(String, String)> = plan
        .tiers
        .iter()
        .flat_map(|tier| {
            SUITE.map(|test| {
                let command = format!(
                    "SCRIPTWATCH_TEST_SHELLS_32={SHELLS_32} SCRIPTWATCH_SENSOR_TIER={tier} SCRIPTWATCH_TEST_RUNS={ESCAPES} /programs/{test} --test-threads=1 {filter}"
                );
                (format!("{test}, tier {tier}"), command)
            })
        })
        .collect();
    let shells = shells_32::directory()?;
    let guest = Guest::prepare(&programs, &commands, |tree| {
        for shell in shells_32::programs(&shells) {
            tree.put(&shell, &Path::new(SHELLS_32).join(shell.file_name().unwrap_or_default()))?;
        }
        Ok(())
    })?;
    let mut failed = Vec::new();
    for series in &plan.kernels {
        let start = Instant::now();
        let ran = guest.run(*series)?;
        eprintln!(
            "==> kernel {}: {} test files in {:.0} s",
            series.name,
            ran.len(),
            start.elapsed().as_secs_f64()
        );
        ensure!(
            ran.len() == commands.len(),
            "the guest with kernel {} ended before its tests did",
            series.name
        );
        failed.extend(
            ran.into_iter().filter(|r| r.code != 0).map(|r| format!("{} on {}", r.label, series.name)),
        );
    }
    if !failed.is_empty() {
        bail!("tests failed in a guest: {}", failed.join("; "));
    }
    Ok(())
}
