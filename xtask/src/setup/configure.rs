//! A GNU package's `configure`, to be measured: thousands of forks by a shell.

use std::{fs, path::PathBuf, process::Command};

use anyhow::Context;

use super::apt::Apt;
use crate::{layout::cache, step};

/// A small package with a large `configure`.
const PACKAGE: &str = "hello";

/// The script, in a directory with all that it needs; fetched where needed.
pub(crate) fn script() -> anyhow::Result<PathBuf> {
    let dir = cache().join("configure");
    let script = dir.join("source/configure");
    if script.exists() {
        return Ok(script);
    }
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("source"))?;
    let apt = Apt::of_sources("bookworm", &dir.join("apt"))?;
    step::run("reading the lists of sources", apt.command("apt-get").args(["update", "-q"]))?;
    let mut download = apt.command("apt-get");
    download.args(["source", "--download-only", PACKAGE]).current_dir(&dir);
    step::run(&format!("downloading the source of {PACKAGE} (1 MB)"), &mut download)?;
    let archive = dir.read_dir()?.flatten().map(|entry| entry.path()).find(|path| {
        path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.contains(".orig.tar") && !name.ends_with(".asc")
        })
    });
    let archive = archive.with_context(|| format!("no source of {PACKAGE} came"))?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xf").arg(archive).arg("-C").arg(dir.join("source")).arg("--strip-components=1");
    step::run("unpacking it", &mut unpack)?;
    Ok(script)
}
