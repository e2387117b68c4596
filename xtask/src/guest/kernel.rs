//! Debian's kernels for virtual machines, fetched with apt by name into the cache and unpacked there; nothing is
//! installed.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::{layout::cache, step};

/// A series of kernels and the Debian release that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// Such as `6.1`.
    pub(crate) name: &'static str,
    suites: &'static [&'static str],
}

/// The series there are: the oldest that is supported, and those of Debian 12.
pub(crate) const ALL: [Series; 3] = [
    Series { name: "5.10", suites: &["bullseye"] },
    Series { name: "6.1", suites: &["bookworm", "bookworm-security"] },
    Series { name: "6.12", suites: &["bookworm", "bookworm-security"] },
];

/// Where its image is, after fetching it where needed.
pub(crate) fn image(series: Series) -> anyhow::Result<PathBuf> {
    let dir = cache().join("kernels").join(series.name);
    if let Some(found) = find(&dir) {
        return Ok(found);
    }
    fs::create_dir_all(&dir)?;
    let apt = Apt::new(series, &dir.join("apt"))?;
    step::run("reading the lists of Debian's kernels", apt.command("apt-get").args(["update", "-q"]))?;
    let pattern = format!(r"^linux-image-{}\.[0-9.+a-z-]*-?cloud-amd64$", series.name.replace('.', r"\."));
    let names =
        step::output(apt.command("apt-cache").args(["search", "--names-only", &pattern])).unwrap_or_default();
    let newest = names
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !name.ends_with("-unsigned"))
        .max_by_key(|name| numbers(name))
        .with_context(|| format!("Debian's lists name no kernel of the series {}", series.name))?;
    let scratch = tempfile::tempdir_in(&dir)?;
    step::run(
        &format!("downloading {newest} (about 30 MB)"),
        apt.command("apt-get").args(["download", newest]).current_dir(scratch.path()),
    )?;
    let package = scratch
        .path()
        .read_dir()?
        .flatten()
        .map(|e| e.path())
        .next()
        .context("apt-get downloaded nothing")?;
    let unpacked = scratch.path().join("unpacked");
    step::run("unpacking it", Command::new("dpkg-deb").arg("-x").arg(&package).arg(&unpacked))?;
    let Some(image) = find(&unpacked.join("boot")) else { bail!("{newest} holds no kernel image") };
    let name = image.file_name().context("a kernel image without a name")?;
    fs::rename(&image, dir.join(name))?;
    Ok(dir.join(name))
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

/// apt with lists of its own, so that other releases than this machine's can be asked.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(series: Series, dir: &Path) -> anyhow::Result<Self> {
        let (lists, archives) = (dir.join("lists"), dir.join("archives"));
        fs::create_dir_all(lists.join("partial"))?;
        fs::create_dir_all(archives.join("archives/partial"))?;
        let mirror = mirror();
        let mut sources = String::new();
        for suite in series.suites {
            let host =
                if suite.ends_with("-security") { format!("{mirror}-security") } else { mirror.clone() };
            let _ = writeln!(
                sources,
                "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {host} {suite} main"
            );
        }
        let list = dir.join("sources.list");
        fs::write(&list, sources)?;
        Ok(Self {
            options: [
                format!("Dir::Etc::sourcelist={}", list.display()),
                "Dir::Etc::sourceparts=-".to_owned(),
                format!("Dir::State::Lists={}", lists.display()),
                format!("Dir::Cache={}", archives.display()),
                // The download is made by a user of apt's own, who may not write into a root's cache.
                "APT::Sandbox::User=root".to_owned(),
            ]
            .into_iter()
            .flat_map(|option| ["-o".to_owned(), option])
            .collect(),
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options);
        command
    }
}

/// The mirror this machine uses, from apt's own sources.
fn mirror() -> String {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(dir) = Path::new("/etc/apt/sources.list.d").read_dir() {
        files.extend(dir.flatten().map(|e| e.path()));
    }
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .find(|word| word.contains("://") && word.trim_end_matches('/').ends_with("/debian"))
        .map_or_else(|| "http://deb.debian.org/debian".to_owned(), |uri| uri.trim_end_matches('/').to_owned())
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
