//! Chores around the model: scoring, replay, training.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};

use crate::{
    binaries,
    layout::{cache, root},
    setup::packages,
    step,
};

/// Arguments of `cargo xtask train`.
#[derive(clap::Args)]
pub(crate) struct Train {
    /// Directory with JSON Lines files (`.jsonl`, `.jsonl.zst`) of scripts with `content` and `label`.
    #[arg(long)]
    corpus: PathBuf,
    /// Where the model, its card and its report are written.
    #[arg(long, default_value = "model")]
    out: PathBuf,
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
    let python = environment(&root().join("model/requirements.txt"))?;
    let mut command = Command::new(python);
    command
        .current_dir(root())
        .env("PYTHONPATH", root().join("model"))
        .args(["-m", "trainer", "--corpus"])
        .arg(fs::canonicalize(&train.corpus)?)
        .arg("--out")
        .arg(&train.out)
        .arg("--sensor")
        .arg(bin.join("sensor"));
    if train.force {
        command.arg("--force");
    }
    let status = command.status().context("python cannot be started")?;
    Ok(ExitCode::from(status.code().unwrap_or(1) as u8))
}

/// A virtual environment with the pinned packages; its Python.
fn environment(requirements: &Path) -> anyhow::Result<PathBuf> {
    let wanted = fs::read_to_string(requirements).with_context(|| format!("{}", requirements.display()))?;
    let dir = cache().join("trainer");
    let stamp = dir.join("requirements.txt");
    let python = dir.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python.exists() {
        return Ok(python);
    }
    if step::output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_none() {
        packages::install("the trainer runs in a virtual environment", &["python3", "python3-venv"])?;
    }
    step::run(
        "making a Python environment",
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir),
    )?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements);
    step::run("installing the trainer's packages", &mut install)?;
    fs::write(stamp, wanted)?;
    Ok(python)
}
