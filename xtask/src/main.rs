//! `cargo xtask`: the one entry to every chore. A file for each.

mod architecture;
mod bench;
mod binaries;
mod demo;
mod deny;
mod emulated;
mod fuzz;
mod guest;
mod layout;
mod manifests;
mod models;
mod package;
mod release;
mod run;
mod services;
mod setup;
mod step;
mod test;
mod vm_test;

use std::process::ExitCode;

use architecture::Architecture;
use clap::{Parser, Subcommand};

/// Chores of this project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install and build what is missing: BPF toolchain, ONNX Runtime, system packages for tests.
    Setup,
    /// Build the BPF programs.
    BuildEbpf,
    /// Start a collector and the sensor on this machine and print findings until Ctrl-C.
    Run {
        /// Run harmless samples, show each with its verdict, and end.
        #[arg(long)]
        demo: bool,
        /// More arguments for `sensor run`; they come last.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        sensor_args: Vec<String>,
    },
    /// Every check: format, lints, unit tests, end-to-end tests with the real kernel and real shells.
    Test {
        /// Only tests whose name contains this; `chaos` is the long form of the tests that break things, `escape` of those that
        /// try to run a script unseen, `siege` of those that try to blind the sensor, `cost` the work of long scripts, `chart` the tests of the Helm chart,
        /// `arm64` what is built for that architecture, emulated.
        filter: Option<String>,
        /// With `chaos` and `escape`: the seed of a run that is to be repeated.
        #[arg(long)]
        seed: Option<u64>,
        /// With `escape`: how many commands are tried.
        #[arg(long)]
        runs: Option<u64>,
    },
    /// The capture tests inside virtual machines, on other kernels and on both tiers.
    VmTest(vm_test::VmTest),
    /// Judge recorded captures again: arguments as for `sensor replay`.
    #[command(disable_help_flag = true)]
    Replay {
        /// Arguments for `sensor replay`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Score scripts of JSON Lines files: arguments as for `sensor score`.
    #[command(disable_help_flag = true)]
    Score {
        /// Arguments for `sensor score`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure a model on labelled scripts: arguments as for `sensor eval`.
    #[command(disable_help_flag = true)]
    Eval {
        /// Arguments for `sensor eval`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Train the model from a directory of JSON Lines files.
    Train(models::Train),
    /// Collect harmless scripts for the training from Debian's packages and source packages; nothing is installed or run.
    Natural(models::Natural),
    /// Write sensor and collector as a container image, an OCI layout in a tar under target/package.
    Package {
        /// Processor architecture; twice for an image of both.
        #[arg(long, value_enum, default_values = ["amd64"])]
        arch: Vec<Architecture>,
        /// Name of the image; without a tag it gets the version.
        #[arg(long, default_value = package::NAME)]
        name: String,
    },
    /// Write the files of a release to target/release-files: image, chart, SBOM, checksums.
    Release,
    /// Check licences, sources, versions and security advisories of the dependencies (deny.toml).
    Deny,
    /// Make the plain manifests from the Helm chart.
    Manifests,
    /// Fuzz what takes hostile bytes: event decoder, reassembler, features.
    Fuzz {
        /// Only this target.
        target: Option<String>,
        /// How long each runs.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Measure; without a name, everything.
    Bench {
        /// latency, scoring, memory, capture, ring, hold, identity or ingest.
        what: Vec<String>,
        /// In a virtual machine with this kernel, instead of on this machine.
        #[arg(long, value_parser = ["5.10", "6.1", "6.12", "6.18", "7.2"])]
        kernel: Option<String>,
        /// Capture tier of the sensor.
        #[arg(long, value_parser = ["fexit", "tracepoint"])]
        tier: Option<String>,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Setup => setup::everything().map(|()| ExitCode::SUCCESS),
        Chore::BuildEbpf => setup::ebpf::build(Architecture::here()).map(|_| ExitCode::SUCCESS),
        Chore::Run { demo: false, sensor_args } => run::run(&sensor_args),
        Chore::Run { demo: true, sensor_args } => demo::run(&sensor_args),
        Chore::Test { filter, seed, runs } => test::run(filter.as_deref(), seed, runs),
        Chore::VmTest(vm_test) => vm_test.run().map(|()| ExitCode::SUCCESS),
        Chore::Replay { args } => models::sensor("replay", &args),
        Chore::Score { args } => models::sensor("score", &args),
        Chore::Eval { args } => models::sensor("eval", &args),
        Chore::Train(train) => models::train(&train),
        Chore::Natural(natural) => models::natural(&natural),
        Chore::Package { arch, name } => package::run(&arch, &name).map(|_| ExitCode::SUCCESS),
        Chore::Release => release::run().map(|()| ExitCode::SUCCESS),
        Chore::Deny => deny::run().map(|()| ExitCode::SUCCESS),
        Chore::Manifests => manifests::write().map(|()| ExitCode::SUCCESS),
        Chore::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds).map(|()| ExitCode::SUCCESS),
        Chore::Bench { what, kernel, tier } => bench::run(&what, kernel.as_deref(), tier.as_deref()),
    };
    match done {
        Ok(code) => code,
        Err(e) => {
            eprintln!("xtask: {e:#}");
            ExitCode::FAILURE
        }
    }
}
