//! Debian's kernels for virtual machines, fetched with apt by name into the cache and unpacked there; nothing is
//! installed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::{architecture::Architecture, layout::cache, setup::apt::Apt, step};

/// A series of kernels and the Debian release that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// Such as `6.1`.
    pub(crate) name: &'static str,
    suites: &'static [&'static str],
}

impl Series {
    /// Has it fexit? On arm64 programs at the kernel's functions came with 6.4.
    pub(crate) fn has_fexit(self, architecture: Architecture) -> bool {
        architecture == Architecture::Amd64 || !["5.10", "6.1"].contains(&self.name)
    }
}

/// The series there are: the oldest that is supported, those of Debian 12, that of the newest node images, and a newer one. Of 6.6,
/// which node images have too, Debian has no package any more.
pub(crate) const ALL: [Series; 5] = [
    Series { name: "5.10", suites: &["bullseye"] },
    Series { name: "6.1", suites: &["bookworm", "bookworm-security"] },
    Series { name: "6.12", suites: &["bookworm", "bookworm-security"] },
    Series { name: "6.18", suites: &["trixie-backports"] },
    Series { name: "7.2", suites: &["trixie-backports"] },
];

/// Where its image is, after fetching it where needed.
pub(crate) fn image(series: Series, architecture: Architecture) -> anyhow::Result<PathBuf> {
    let of_other = if architecture.is_here() { String::new() } else { format!("-{}", architecture.name()) };
    let dir = cache().join("kernels").join(format!("{}{of_other}", series.name));
    if let Some(found) = find(&dir) {
        return Ok(found);
    }
    fs::create_dir_all(&dir)?;
    let apt =
        Apt::new(series.suites, (!architecture.is_here()).then(|| architecture.name()), &dir.join("apt"))?;
    step::run("reading the lists of Debian's kernels", apt.command("apt-get").args(["update", "-q"]))?;
    let pattern = format!(
        r"^linux-image-{}\.[0-9.+a-z-]*-?cloud-{}$",
        series.name.replace('.', r"\."),
        architecture.name()
    );
    let names =
        step::output(apt.command("apt-cache").args(["search", "--names-only", &pattern])).unwrap_or_default();
    let newest = names
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !name.ends_with("-unsigned"))
        .max_by_key(|name| numbers(name))
        .with_context(|| format!("Debian's lists name no kernel of the series {}", series.name))?;
    let scratch = tempfile::tempdir_in(&dir)?;
    // From 7 on the image is in a package that this one depends on, beside its modules.
    for package in [newest.to_owned(), newest.replace("linux-image", "linux-binary")] {
        let unpacked =
            apt.unpack(&format!("{package}:{}", architecture.name()), "about 30 MB", scratch.path())?;
        let release = newest.trim_start_matches("linux-image-");
        let beside_modules = unpacked.join("usr/lib/modules").join(release).join("vmlinuz");
        let in_boot = find(&unpacked.join("boot"));
        if let Some(image) = in_boot.or_else(|| beside_modules.exists().then_some(beside_modules)) {
            let to = dir.join(format!("vmlinuz-{release}"));
            fs::rename(&image, &to)?;
            return Ok(to);
        }
    }
    bail!("{newest} holds no kernel image")
}

fn find(dir: &Path) -> Option<PathBuf> {
    dir.read_dir()
        .ok()?
        .flatten()
        .map(|e| e.path())
        .find(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("vmlinuz-")))
}

/// The numbers in a name, for comparing versions.
fn numbers(name: &str) -> Vec<u32> {
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_by_number() {
        assert!(numbers("linux-image-6.1.0-100-cloud-amd64") > numbers("linux-image-6.1.0-56-cloud-amd64"));
        assert!(
            numbers("linux-image-6.12.117+deb12-cloud-amd64")
                > numbers("linux-image-6.12.12+deb12-cloud-amd64")
        );
    }
}
