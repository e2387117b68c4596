//! Debian's packages without installing them.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{architecture::Architecture, step};

/// apt with lists of its own, so that other releases and architectures than this machine's can be asked.
pub(crate) struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// For these releases of Debian, with its lists in `dir`; `architecture` is another than this machine's.
    pub(crate) fn new(suites: &[&str], architecture: Option<&str>, dir: &Path) -> anyhow::Result<Self> {
        Self::of("deb", suites, architecture, dir)
    }

    /// For the sources of a release of Debian's packages.
    pub(crate) fn of_sources(suite: &str, dir: &Path) -> anyhow::Result<Self> {
        Self::of("deb-src", &[suite], None, dir)
    }

    fn of(kind: &str, suites: &[&str], architecture: Option<&str>, dir: &Path) -> anyhow::Result<Self> {
        let (lists, archives) = (dir.join("lists"), dir.join("archives"));
        fs::create_dir_all(lists.join("partial"))?;
        fs::create_dir_all(archives.join("archives/partial"))?;
        let mirror = mirror();
        let mut sources = String::new();
        for suite in suites {
            let host =
                if suite.ends_with("-security") { format!("{mirror}-security") } else { mirror.clone() };
            let _ = writeln!(
                sources,
                "{kind} [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {host} {suite} main"
            );
        }
        let list = dir.join("sources.list");
        fs::write(&list, sources)?;
        let options = [
            format!("Dir::Etc::sourcelist={}", list.display()),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::Lists={}", lists.display()),
            format!("Dir::Cache={}", archives.display()),
            // The download is made by a user of apt's own, who may not write into a root's cache.
            "APT::Sandbox::User=root".to_owned(),
        ];
        let foreign = architecture.map(|name| format!("APT::Architectures::={name}"));
        // Naming one replaces the list, so this machine's own is named, too.
        let own = foreign.is_some().then(|| format!("APT::Architectures::={}", Architecture::here().name()));
        let all = options.into_iter().chain(own).chain(foreign);
        Ok(Self { options: all.flat_map(|option| ["-o".to_owned(), option]).collect() })
    }

    /// Downloads a package and unpacks it below `scratch`; nothing is installed.
    pub(crate) fn unpack(&self, package: &str, size: &str, scratch: &Path) -> anyhow::Result<PathBuf> {
        let download = scratch.join("download");
        fs::create_dir_all(&download)?;
        step::run(
            &format!("downloading {package} ({size})"),
            self.command("apt-get").args(["download", package]).current_dir(&download),
        )?;
        let found = download.read_dir()?.flatten().map(|e| e.path()).next();
        let found = found.context("apt-get downloaded nothing")?;
        let unpacked = scratch.join("unpacked");
        step::run("unpacking it", Command::new("dpkg-deb").arg("-x").arg(&found).arg(&unpacked))?;
        fs::remove_dir_all(&download)?;
        Ok(unpacked)
    }

    /// `apt-get` or `apt-cache` with these lists.
    pub(crate) fn command(&self, program: &str) -> Command {
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
