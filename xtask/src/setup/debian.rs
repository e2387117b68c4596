//! Programs of Debian for another architecture, unpacked into the cache: nothing is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use super::apt::Apt;
use crate::{architecture::Architecture, layout::cache, step};

/// A directory with these packages and all that they depend on, fetched where needed.
pub(crate) fn unpacked(architecture: Architecture, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let dir = cache().join(format!("debian-{}", architecture.name()));
    let (root, list) = (dir.join("root"), dir.join("packages"));
    let names = packages.join("\n");
    if fs::read_to_string(&list).is_ok_and(|there| there == names) {
        return Ok(root);
    }
    fs::create_dir_all(&dir)?;
    let name = architecture.name();
    let apt = Apt::new(&["bookworm"], Some(name), &dir.join("apt"))?;
    // As on a machine of that architecture on which nothing is installed.
    let command = |what: &str| {
        let mut command = apt.command(what);
        command.args(["-o", &format!("APT::Architecture={name}"), "-o", "Dir::State::status=/dev/null"]);
        command
    };
    step::run(&format!("reading the lists of {name} packages"), command("apt-get").args(["update", "-q"]))?;
    let mut download = command("apt-get");
    download.args(["install", "--download-only", "-y", "-q", "--no-install-recommends"]).args(packages);
    step::run(&format!("downloading shells and programs for {name} (about 40 MB)"), &mut download)?;
    let _ = fs::remove_dir_all(&root);
    let step = step::Step::begin("unpacking them");
    for archive in debs(&dir.join("apt/archives/archives"))? {
        step::output(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&root))
            .with_context(|| format!("dpkg-deb -x {} failed", archive.display()))?;
        fs::remove_file(&archive)?;
    }
    step.done();
    // Written last, so that a root that is there is whole.
    fs::write(&list, names)?;
    Ok(root)
}

fn debs(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files = dir.read_dir().with_context(|| format!("{}", dir.display()))?.flatten().map(|e| e.path());
    Ok(files.filter(|path| path.extension().is_some_and(|e| e == "deb")).collect())
}
