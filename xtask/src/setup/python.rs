//! Python environments of our own, with pinned packages.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::packages;
use crate::{layout::cache, step};

/// The environment of this name with the packages of requirements files; its Python. `flags` are pip's.
pub(crate) fn environment(name: &str, requirements: &[&Path], flags: &[&str]) -> anyhow::Result<PathBuf> {
    let mut wanted = String::new();
    for file in requirements {
        wanted += &fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    }
    let dir = cache().join(name);
    let stamp = dir.join("requirements.txt");
    let python = dir.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) && python.exists() {
        return Ok(python);
    }
    if step::output(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_none() {
        packages::install("a virtual environment", &["python3", "python3-venv"])?;
    }
    step::run(
        "making a Python environment",
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir),
    )?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet"]).args(flags);
    for file in requirements {
        install.arg("--requirement").arg(file);
    }
    step::run(&format!("installing the packages of {name}"), &mut install)?;
    fs::write(stamp, wanted)?;
    Ok(python)
}
