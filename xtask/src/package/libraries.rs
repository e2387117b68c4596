//! The shared libraries that a binary is linked with, and its loader.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};

use super::layer::Layer;
use crate::{architecture::Architecture, setup::cross, step};

/// Where an architecture's libraries are.
pub(crate) enum Libraries {
    /// Where this machine's loader finds them; so they are in the image.
    OfThisMachine,
    /// In one of these directories, of another architecture.
    In(Vec<PathBuf>, Architecture),
}

impl Libraries {
    /// Those of an architecture.
    pub(crate) fn of(architecture: Architecture) -> Self {
        if architecture.is_here() {
            Self::OfThisMachine
        } else {
            Self::In(vec![cross::libraries(architecture)], architecture)
        }
    }

    /// Those of a Debian that is unpacked in `root`.
    pub(crate) fn below(root: &Path, architecture: Architecture) -> Self {
        let dirs = ["lib", "usr/lib"].map(|dir| root.join(dir).join(architecture.gnu()));
        Self::In(dirs.to_vec(), architecture)
    }

    /// Adds a binary's libraries and loader to a layer.
    pub(super) fn add(&self, binary: &Path, layer: &mut Layer) -> anyhow::Result<()> {
        for (from, to) in self.wanted_by(binary)? {
            layer.file(&to, &from, 0o755)?;
        }
        Ok(())
    }

    /// Each library and the loader: where it is here, and where it belongs.
    pub(crate) fn wanted_by(&self, binary: &Path) -> anyhow::Result<Vec<(PathBuf, PathBuf)>> {
        match self {
            Self::OfThisMachine => {
                let found = listed(binary)?;
                Ok(found.into_iter().map(|path| (path.clone(), path)).collect())
            }
            Self::In(dirs, architecture) => {
                let mut found = BTreeSet::new();
                let mut binaries = vec![binary.to_owned()];
                while let Some(binary) = binaries.pop() {
                    for to in needed(&binary, *architecture)? {
                        let name = to.file_name().unwrap_or_default();
                        let from = dirs.iter().map(|dir| dir.join(name)).find(|path| path.exists());
                        let from = from.with_context(|| {
                            format!(
                                "{} needs {}, which is in none of {dirs:?}",
                                binary.display(),
                                to.display()
                            )
                        })?;
                        if found.insert((from.clone(), to)) {
                            binaries.push(from);
                        }
                    }
                }
                Ok(found.into_iter().collect())
            }
        }
    }
}

/// By the loader of this machine.
fn listed(binary: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(binary).output().context("ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "ldd {}: {text}", binary.display());
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        bail!("{} needs a library that this machine lacks: {}", binary.display(), line.trim());
    }
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

/// By what the binary says itself; libraries at Debian's places.
fn needed(binary: &Path, architecture: Architecture) -> anyhow::Result<Vec<PathBuf>> {
    let text =
        step::output(Command::new("readelf").args(["--wide", "--dynamic", "--program-headers"]).arg(binary))
            .with_context(|| format!("readelf {} failed: binutils is missing", binary.display()))?;
    let dir = Path::new("/lib").join(architecture.gnu());
    let word = |line: &str, before: &str| {
        let rest = line.split_once(before)?.1;
        Some(rest.trim_start_matches([':', ' ', '[']).split(']').next()?.to_owned())
    };
    let loader =
        text.lines().filter_map(|line| word(line, "Requesting program interpreter")).map(PathBuf::from);
    let libraries = text.lines().filter_map(|line| word(line, "Shared library"));
    // The loader is a library of others, too, and has one place.
    Ok(loader
        .chain(
            libraries.map(|name| {
                if name.starts_with("ld-") { Path::new("/lib").join(name) } else { dir.join(name) }
            }),
        )
        .collect())
}
