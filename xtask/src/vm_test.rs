//! `cargo xtask vm-test`: the capture suite inside virtual machines, on other kernels than this machine's and on both
//! tiers.

use std::{
    num::NonZero,
    path::Path,
    thread::{self, available_parallelism},
    time::Instant,
};

use anyhow::{bail, ensure};

use crate::{
    architecture::Architecture,
    guest::{self, Condition, Guest, KERNELS, Ran, Series, test_binaries},
    setup::shells_32,
};

/// The tests that run in a guest, by file. Those that are named are the ordinary run's: each rests on what differs between
/// kernels and tiers (hooks, how much a program may do, descriptors, probes, signals), and a sensor's start takes a guest 15 s.
const SUITE: [(&str, &[&str]); 9] = [
    (
        "capture",
        &[
            "data_that_a_script_reads_is_not_in_its_content",
            "every_form_is_captured_by_every_shell",
            "what_is_beyond_the_limit_comes_in_parts_and_what_is_not_text_is_kept",
        ],
    ),
    ("forms", &["scripts_that_lie_nowhere", "shells_of_32_bits", "streams_of_every_kind"]),
    ("strings", &["every_kind_of_evaluated_string_is_seen_once"]),
    ("terminal", &["lines_entered_at_bash_are_a_script"]),
    ("loss", &["a_storm_with_the_reader_held_back_adds_up"]),
    ("cgroup", &["the_kernel_tells_the_cgroup_even_when_it_is_gone"]),
    ("escape", &["what_was_executed_at_random_was_captured"]),
    ("hold", &["nothing_of_a_malicious_script_runs_however_it_comes"]),
    ("hold_ends", &["nobody_is_left_stopped", "who_is_held_stays_so_whoever_continues_it"]),
];
/// The tests of what the sensor says where it cannot run.
const UNFIT: (&str, &[&str]) = ("unfit", &["a_kernel_that_is_locked_down_is_named"]);
/// Attempts at random of `escape` there.
const ESCAPES: u32 = 40;
/// The tiers.
const TIERS: [&str; 2] = ["fexit", "tracepoint"];

/// Where the guest has 32-bit shells.
const SHELLS_32: &str = "/programs/shells-32";

/// Which guests, and which tests in them.
#[derive(clap::Args)]
pub(crate) struct VmTest {
    /// 5.10, 6.1, 6.12, 6.18, 7.2 or all.
    #[arg(long, value_parser = ["5.10", "6.1", "6.12", "6.18", "7.2", "all"])]
    kernel: Option<String>,
    /// fexit, tracepoint or all.
    #[arg(long, value_parser = ["fexit", "tracepoint", "all"])]
    tier: Option<String>,
    /// Processor architecture of the guests; another's binaries are built first.
    #[arg(long, value_enum, default_value_t = Architecture::here())]
    arch: Architecture,
    /// How the guests differ from what nodes are usually like; then with some tests only. Without any option each is tried on one
    /// kernel.
    #[arg(long, value_enum)]
    condition: Option<Condition>,
    /// Only the tests that `cargo xtask test` runs there. Without other options on its two kernels, with a tier on each.
    #[arg(long, conflicts_with = "filter")]
    ordinary: bool,
    /// Only tests whose name contains this.
    filter: Option<String>,
}

impl VmTest {
    /// Runs them; fails if any test did.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let is_any = self.kernel.is_none() && self.tier.is_none() && self.condition.is_none();
        if self.ordinary && is_any && self.arch.is_here() {
            return ordinary();
        }
        let is_wanted = |wanted: &Option<String>, name: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == "all" || wanted == name)
        };
        let tiers: Vec<_> = TIERS.into_iter().filter(|tier| is_wanted(&self.tier, tier)).collect();
        let place = |kernel: Series, condition| {
            let can = |tier: &&str| *tier != TIERS[0] || kernel.has_fexit(self.arch);
            Place { kernel, tiers: tiers.iter().copied().filter(can).collect(), condition }
        };
        let kernels = KERNELS.into_iter().filter(|kernel| is_wanted(&self.kernel, kernel.name));
        let mut places: Vec<_> =
            kernels.map(|kernel| place(kernel, self.condition.unwrap_or_default())).collect();
        if is_any && self.filter.is_none() {
            places.extend(Condition::OTHERS.map(|condition| place(OF_CONDITIONS, condition)));
        }
        places.retain(|place| !place.tiers.is_empty());
        ensure!(!places.is_empty(), "none of these kernels has this tier on {}", self.arch.name());
        let tests = if self.ordinary {
            Tests::Ordinary
        } else {
            Tests::All(self.filter.as_deref().unwrap_or_default())
        };
        run(&places, self.arch, &tests)
    }
}

/// A guest's kernel, and the tiers to try on it.
pub(crate) struct Place {
    /// The kernel.
    pub(crate) kernel: Series,
    /// The tiers.
    pub(crate) tiers: Vec<&'static str>,
    /// How it differs from what nodes are usually like.
    pub(crate) condition: Condition,
}

/// Which tests.
pub(crate) enum Tests<'a> {
    /// Those of the ordinary run.
    Ordinary,
    /// All whose name contains this.
    All(&'a str),
}

impl Tests<'_> {
    /// The arguments of a test file that choose them.
    fn arguments(&self, ordinary: &[&str]) -> String {
        match self {
            Self::Ordinary => format!("--exact {}", ordinary.join(" ")),
            Self::All(filter) => (*filter).to_owned(),
        }
    }
}

/// The kernel on which conditions are tried.
const OF_CONDITIONS: Series = KERNELS[1];

/// The oldest kernel on the one tier, the commonest on the other: the ordinary run's.
const ORDINARY: [(&str, &str); 2] = [("5.10", "tracepoint"), ("6.1", "fexit")];

/// The ordinary run's tests. Where qemu or the kernels cannot be had this is said and skipped, but never in CI.
pub(crate) fn ordinary() -> anyhow::Result<()> {
    let of = |kernel: Series| ORDINARY.iter().filter(move |(name, _)| *name == kernel.name);
    let places: Vec<Place> = KERNELS
        .into_iter()
        .map(|kernel| Place {
            kernel,
            tiers: of(kernel)
                .map(|(_, tier)| *tier)
                .filter(|tier| *tier != TIERS[0] || kernel.has_fexit(Architecture::here()))
                .collect(),
            condition: Condition::Usual,
        })
        .filter(|place| !place.tiers.is_empty())
        .collect();
    if let Err(e) = guest::fetch(places.iter().map(|p| p.kernel), Architecture::here()) {
        if std::env::var_os("CI").is_some() {
            return Err(e);
        }
        eprintln!("==> SKIPPED: the capture tests on other kernels and on the other tier: {e:#}");
        return Ok(());
    }
    run(&places, Architecture::here(), &Tests::Ordinary)
}

/// Runs tests in guests, as many side by side as there are processors for; fails if any test did.
pub(crate) fn run(places: &[Place], architecture: Architecture, tests: &Tests<'_>) -> anyhow::Result<()> {
    if let Tests::All(filter) = tests {
        ensure!(
            filter.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
            "{filter:?} is no part of a test's name: letters, digits and _ are"
        );
    }
    let programs = test_binaries(
        &SUITE.map(|(file, _)| file).into_iter().chain([UNFIT.0]).collect::<Vec<_>>(),
        architecture,
    )?;
    let shells = shells_32::directory(architecture)?;
    let guests = places
        .iter()
        .map(|place| {
            let commands: Vec<_> =
                place.tiers.iter().flat_map(|tier| commands(tier, place.condition, tests)).collect();
            let guest =
                Guest::prepare(place.kernel, architecture, place.condition, &programs, &commands, |tree| {
                    for shell in shells_32::programs(&shells) {
                        tree.put(&shell, &Path::new(SHELLS_32).join(shell.file_name().unwrap_or_default()))?;
                    }
                    Ok(())
                })?;
            Ok((guest, commands.len()))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let at_once = available_parallelism().map_or(1, NonZero::get);
    let mut failed = Vec::new();
    for guests in guests.chunks(at_once) {
        let ran: Vec<_> = thread::scope(|scope| {
            let running: Vec<_> = guests.iter().map(|(guest, _)| scope.spawn(|| timed(guest))).collect();
            running
                .into_iter()
                .map(|r| r.join().unwrap_or_else(|_| bail!("a guest's thread panicked")))
                .collect()
        });
        for ((guest, commands), ran) in guests.iter().zip(ran) {
            let kernel = guest.kernel.name;
            match ran {
                Ok(ran) if ran.len() != *commands => {
                    failed.push(format!("the guest with kernel {kernel} ended before its tests did"));
                }
                Ok(ran) => failed.extend(
                    ran.into_iter().filter(|r| r.code != 0).map(|r| format!("{} on {kernel}", r.label)),
                ),
                Err(e) => failed.push(format!("{e:#}")),
            }
        }
    }
    ensure!(failed.is_empty(), "tests failed in a guest: {}", failed.join("; "));
    Ok(())
}

/// The tests for a condition. Where the sensor cannot run, that it says so.
fn suite(condition: Condition) -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let usual = SUITE.into_iter().filter(move |(file, _)| match condition {
        Condition::Usual => true,
        Condition::Lockdown => false,
        Condition::Paranoid => ["capture", "strings"].contains(file),
        Condition::CgroupV1 | Condition::Hybrid => ["capture", "cgroup", "hold"].contains(file),
    });
    usual.chain((condition == Condition::Lockdown).then_some(UNFIT))
}

/// Label and command line of each test file.
fn commands(tier: &str, condition: Condition, tests: &Tests<'_>) -> Vec<(String, String)> {
    // Where the sensor cannot run, no other test holds.
    let arguments = |ordinary: &[&str]| match condition {
        Condition::Lockdown => Tests::Ordinary.arguments(ordinary),
        _ => tests.arguments(ordinary),
    };
    suite(condition)
        .map(|(file, ordinary)| {
            let command = format!(
                "SCRIPTWATCH_TEST_SHELLS_32={SHELLS_32} SCRIPTWATCH_SENSOR_TIER={tier} SCRIPTWATCH_TEST_RUNS={ESCAPES} /programs/{file} --test-threads=1 {}",
                arguments(ordinary)
            );
            (format!("{file}, tier {tier}"), command)
        })
        .collect()
}

fn timed(guest: &Guest) -> anyhow::Result<Vec<Ran>> {
    let start = Instant::now();
    let ran = guest.run()?;
    let (kernel, seconds) = (guest.kernel.name, start.elapsed().as_secs_f64());
    eprintln!("==> kernel {kernel}: {} test files in {seconds:.0} s", ran.len());
    Ok(ran)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::root;

    #[test]
    fn the_ordinary_runs_tests_are_there() {
        for (file, names) in SUITE.into_iter().chain([UNFIT]) {
            let tests = root().join("tests/tests");
            let text = std::fs::read_to_string(tests.join(file).with_extension("rs"))
                .or_else(|_| std::fs::read_to_string(tests.join(file).join("main.rs")))
                .expect("the test file");
            for name in names {
                assert!(text.contains(&format!("fn {name}()")), "{file} has no test {name}");
            }
        }
    }
}
