//! 32-bit shells for the tests: a 64-bit kernel reads for them by another function.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::apt::Apt;
use crate::{architecture::Architecture, layout::cache, step};

/// Packages of static binaries, and the programs.
const SHELLS: [(&str, &str); 2] = [("bash-static", "bin/bash-static"), ("busybox-static", "bin/busybox")];

/// A directory with them, fetched where needed.
pub(crate) fn directory(architecture: Architecture) -> anyhow::Result<PathBuf> {
    // What an architecture's processors run, too.
    let name = match architecture {
        Architecture::Amd64 => "i386",
        Architecture::Arm64 => "armhf",
    };
    let dir = cache().join(format!("shells-{name}"));
    if SHELLS.iter().all(|(_, program)| in_dir(&dir, program).exists()) {
        return Ok(dir);
    }
    fs::create_dir_all(&dir)?;
    let apt = Apt::new(&["bookworm"], Some(name), &dir.join("apt"))?;
    step::run("reading the lists of 32-bit packages", apt.command("apt-get").args(["update", "-q"]))?;
    for (package, program) in SHELLS {
        let scratch = tempfile::tempdir_in(&dir)?;
        let unpacked = apt.unpack(&format!("{package}:{name}"), "1 MB", scratch.path())?;
        fs::rename(unpacked.join(program), in_dir(&dir, program))?;
    }
    Ok(dir)
}

fn in_dir(dir: &Path, program: &str) -> PathBuf {
    dir.join(Path::new(program).file_name().unwrap_or_default())
}

/// The programs in that directory.
pub(crate) fn programs(dir: &Path) -> impl Iterator<Item = PathBuf> {
    SHELLS.map(|(_, program)| in_dir(dir, program)).into_iter()
}
