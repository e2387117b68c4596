//! Chores around the model: scoring, replay, training.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};

use crate::{binaries, layout::root, setup::python, step};

/// Arguments of `cargo xtask train`.
#[derive(clap::Args)]
pub(crate) struct Train {
    /// Directory with JSON Lines files (`.jsonl`, `.jsonl.zst`) of scripts with `content` and `label`.
    #[arg(long)]
    corpus: PathBuf,
    /// Where the model and its card are written.
    #[arg(long, default_value = "model")]
    out: PathBuf,
    /// Where the report is written, a page for a browser. It quotes scripts of the corpus: it is not to be published.
    #[arg(long, default_value = "target/training.html")]
    report: PathBuf,
    /// How much of the generator's scripts to add: 1 for all, 0 for none.
    #[arg(long, default_value_t = 1.0)]
    generated: f64,
    /// Overwrite a model that measured better.
    #[arg(long)]
    force: bool,
}

/// Arguments of `cargo xtask natural`.
#[derive(clap::Args)]
pub(crate) struct Natural {
    /// The file that is written; its name ends in `.jsonl.zst`.
    #[arg(long)]
    out: PathBuf,
    /// How many packages are read.
    #[arg(long, default_value_t = 1500)]
    packages: u32,
    /// How many source packages are read.
    #[arg(long, default_value_t = 250)]
    sources: u32,
    /// A file with `debian:NAME` a line: packages that are not read.
    #[arg(long)]
    except: Option<PathBuf>,
}

/// Becomes `sensor COMMAND ARGS`.
pub(crate) fn sensor(command: &str, args: &[String]) -> anyhow::Result<ExitCode> {
    let bin = binaries::scoring()?;
    let error = Command::new(bin.join("sensor")).arg(command).args(args).exec();
    Err(error).context("the sensor cannot be started")
}

/// Python in an environment of its own, with the trainer in reach.
pub(crate) fn trainer() -> anyhow::Result<Command> {
    let model = root().join("model");
    let mut requirements = vec![model.join("requirements.txt")];
    // CuPy and CUDA's libraries are a gigabyte: only where they are of use.
    if step::output(&mut Command::new("nvidia-smi")).is_some() {
        requirements.push(model.join("requirements-gpu.txt"));
    }
    let requirements: Vec<_> = requirements.iter().map(PathBuf::as_path).collect();
    let mut command = Command::new(python::environment("trainer", &requirements, &[])?);
    command.current_dir(root()).env("PYTHONPATH", model);
    Ok(command)
}

/// Trains in a Python environment of its own.
pub(crate) fn train(train: &Train) -> anyhow::Result<ExitCode> {
    if !train.corpus.is_dir() {
        bail!(
            "{} is no directory: --corpus names one with .jsonl or .jsonl.zst files",
            train.corpus.display()
        );
    }
    let bin = binaries::scoring()?;
    let mut command = trainer()?;
    command
        .args(["-m", "trainer", "--corpus"])
        .arg(fs::canonicalize(&train.corpus)?)
        .arg("--out")
        .arg(&train.out)
        .arg("--report")
        .arg(&train.report)
        .arg("--sensor")
        .arg(bin.join("sensor"));
    command.arg("--generated").arg(train.generated.to_string());
    if train.force {
        command.arg("--force");
    }
    let status = command.status().context("python cannot be started")?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}

/// Collects scripts in the trainer's environment.
pub(crate) fn natural(natural: &Natural) -> anyhow::Result<ExitCode> {
    let mut command = trainer()?;
    command.args(["-m", "trainer.natural", "--out"]).arg(&natural.out);
    command.arg("--packages").arg(natural.packages.to_string());
    command.arg("--sources").arg(natural.sources.to_string());
    if let Some(except) = &natural.except {
        command.arg("--except").arg(except);
    }
    let status = command.status().context("python cannot be started")?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}
