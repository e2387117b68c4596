//! Chores around the model: scoring, replay, training.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};

use crate::{binaries, layout::root, setup::python};

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
    /// Overwrite a model that measured better.
    #[arg(long)]
    force: bool,
}

/// Becomes `sensor COMMAND ARGS`.
pub(crate) fn sensor(command: &str, args: &[String]) -> anyhow::Result<ExitCode> {
    let bin = binaries::scoring()?;
    let error = Command::new(bin.join("sensor")).arg(command).args(args).exec();
    Err(error).context("the sensor cannot be started")
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
    let python = python::environment("trainer", &root().join("model/requirements.txt"), &[])?;
    let mut command = Command::new(python);
    command
        .current_dir(root())
        .env("PYTHONPATH", root().join("model"))
        .args(["-m", "trainer", "--corpus"])
        .arg(fs::canonicalize(&train.corpus)?)
        .arg("--out")
        .arg(&train.out)
        .arg("--report")
        .arg(&train.report)
        .arg("--sensor")
        .arg(bin.join("sensor"));
    if train.force {
        command.arg("--force");
    }
    let status = command.status().context("python cannot be started")?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}
