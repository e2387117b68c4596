//! The guest's whole disk: the shells and programs of this machine, or of a Debian of another architecture, with their libraries;
//! sensor, collector and tests.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::{
    architecture::Architecture,
    package::Libraries,
    setup::{debian, packages},
    step,
};

/// What tests and samples call, besides shells.
const PROGRAMS: [&str; 23] = [
    "cat", "true", "false", "echo", "sleep", "head", "tr", "rev", "base64", "env", "nice", "setsid",
    "unshare", "chroot", "rm", "mv", "mkdir", "mkfifo", "mount", "ls", "sed", "grep", "wc",
];

/// Packages that hold these programs, and what binaries of ours are linked with.
const PACKAGES: [&str; 8] =
    ["coreutils", "util-linux", "bsdextrautils", "mount", "sed", "grep", "libc6", "libstdc++6"];

/// A directory tree that becomes an archive.
pub(crate) struct Tree {
    root: PathBuf,
    architecture: Architecture,
    /// Where programs are taken from.
    system: PathBuf,
    libraries: Libraries,
    /// Libraries wanted by what was put in, and their places.
    wanted: BTreeSet<(PathBuf, PathBuf)>,
}

impl Tree {
    /// An empty tree in `root`, with the directories a system has.
    pub(super) fn new(root: PathBuf, architecture: Architecture) -> anyhow::Result<Self> {
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        for dir in
            ["usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "proc", "sys", "dev", "tmp", "run", "root", "etc"]
        {
            fs::create_dir_all(root.join(dir))?;
        }
        for name in ["bin", "lib", "lib64", "sbin"] {
            symlink(format!("usr/{name}"), root.join(name))?;
        }
        fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n")?;
        let (system, libraries) = if architecture.is_here() {
            (PathBuf::from("/"), Libraries::of(architecture))
        } else {
            let mut names: Vec<_> =
                PACKAGES.into_iter().chain(packages::shells().map(|(_, name)| name)).collect();
            names.dedup();
            let system = debian::unpacked(architecture, &names)?;
            let libraries = Libraries::below(&system, architecture);
            (system, libraries)
        };
        let mut tree = Self { root, architecture, system, libraries, wanted: BTreeSet::new() };
        let shells = packages::shells().filter_map(|(program, _)| program.rsplit('/').next());
        for program in PROGRAMS.into_iter().chain(shells) {
            tree.program(program)?;
        }
        symlink("dash", tree.root.join("usr/bin/sh"))?;
        Ok(tree)
    }

    /// Puts a program of the system in.
    pub(crate) fn program(&mut self, name: &str) -> anyhow::Result<()> {
        let path = ["usr/bin", "bin", "usr/sbin", "sbin"]
            .iter()
            .map(|dir| self.system.join(dir).join(name))
            .find(|p| p.exists())
            .with_context(|| format!("{name} is not in {}", self.system.display()))?;
        self.put(&path, &Path::new("/usr/bin").join(name))
    }

    /// Puts a file in, and notes the libraries it wants.
    pub(crate) fn put(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let target = self.inside(to)?;
        fs::copy(from, &target).with_context(|| format!("{} → {}", from.display(), target.display()))?;
        // What is no dynamic program has none.
        self.wanted.extend(self.libraries.wanted_by(from).unwrap_or_default());
        Ok(())
    }

    /// Puts a binary of ours in without its debugging information, of which there is much.
    pub(super) fn put_stripped(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        self.put(from, to)?;
        let target = self.inside(to)?;
        step::output(Command::new(self.architecture.tool("strip")).arg("--strip-debug").arg(&target))
            .context("strip failed: binutils is missing")?;
        Ok(())
    }

    /// Writes a program's text.
    pub(crate) fn write(&mut self, to: &str, text: &str) -> anyhow::Result<()> {
        let target = self.inside(Path::new(to))?;
        fs::write(&target, text)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// A path of the guest, here.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn inside(&self, path: &Path) -> anyhow::Result<PathBuf> {
        let target = self.root.join(path.strip_prefix("/").unwrap_or(path));
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir)?;
        }
        Ok(target)
    }

    /// Writes the tree as a compressed archive that a kernel unpacks.
    pub(super) fn archive(mut self, to: &Path) -> anyhow::Result<()> {
        for (from, to) in std::mem::take(&mut self.wanted) {
            let target = self.inside(&to)?;
            fs::copy(&from, &target).with_context(|| format!("{}", from.display()))?;
        }
        let mut pack = Command::new("sh");
        pack.current_dir(&self.root)
            .args([
                "-c",
                "find . -print0 | cpio --null -o -H newc --quiet | zstd -q -3 -T0 -f -o \"$1\"",
                "sh",
            ])
            .arg(to)
            .stdin(Stdio::null());
        let status = pack.status().context("sh cannot be started")?;
        ensure!(status.success(), "packing the guest's files failed");
        Ok(())
    }
}
