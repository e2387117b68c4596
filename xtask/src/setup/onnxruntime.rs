//! ONNX Runtime's shared library, out of its Python wheel: the one registry that carries it for every platform.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use super::packages;
use crate::{
    architecture::Architecture,
    layout::{cache, root},
    step,
};

/// The version used. The sensor asks for API 24, which every version from 1.24 has.
const VERSION: &str = "1.32.0";
/// Its wheels with their hashes.
const REQUIREMENTS: &str = "xtask/src/setup/onnxruntime-requirements.txt";

/// Makes sure that the library is in the cache; returns its path.
pub(crate) fn library(architecture: Architecture) -> anyhow::Result<PathBuf> {
    let of_other = if architecture.is_here() { String::new() } else { format!("-{}", architecture.name()) };
    let dir = cache().join(format!("onnxruntime-{VERSION}{of_other}"));
    let library = dir.join("libonnxruntime.so");
    if library.exists() {
        return Ok(library);
    }
    if step::output(Command::new("python3").args(["-m", "pip", "--version"])).is_none() {
        packages::install("pip downloads ONNX Runtime", &["python3", "python3-pip"])?;
    }
    fs::create_dir_all(&dir)?;
    let scratch = tempfile::tempdir_in(&dir)?;
    let mut download = Command::new("python3");
    download
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(scratch.path());
    // Any Python will do: only the library inside is wanted.
    let machine = architecture.machine();
    download.args(["--python-version", "3.12", "--implementation", "cp"]);
    for glibc in ["2_27", "2_28"] {
        download.arg("--platform").arg(format!("manylinux_{glibc}_{machine}"));
    }
    download.args(["--require-hashes", "--requirement"]).arg(root().join(REQUIREMENTS));
    step::run(&format!("downloading ONNX Runtime {VERSION} (28 MB)"), &mut download)?;
    let wheel =
        first(scratch.path(), |name| name.starts_with("onnxruntime-")).context("pip downloaded no wheel")?;
    let mut unpack = Command::new("python3");
    unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(scratch.path().join("wheel"));
    step::run("unpacking it", &mut unpack)?;
    let inside = scratch.path().join("wheel/onnxruntime/capi");
    let Some(found) = first(&inside, |name| name.starts_with("libonnxruntime.so")) else {
        bail!("the wheel of ONNX Runtime {VERSION} holds no libonnxruntime.so");
    };
    // Moved last, so that a library that is there is whole.
    fs::rename(found, &library)?;
    Ok(library)
}

fn first(dir: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    dir.read_dir()
        .ok()?
        .flatten()
        .map(|e| e.path())
        .find(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_of_the_version_used() {
        let text = fs::read_to_string(root().join(REQUIREMENTS)).unwrap();
        assert!(text.contains(&format!("onnxruntime=={VERSION} ")));
    }
}
