//! The guest's whole disk: the shells and programs of this machine with their libraries, sensor, collector and tests.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::{setup::packages, step};

/// What tests and samples call, besides shells.
const PROGRAMS: [&str; 23] = [
    "cat", "true", "false", "echo", "sleep", "head", "tr", "rev", "base64", "env", "nice", "setsid",
    "unshare", "chroot", "rm", "mv", "mkdir", "mkfifo", "mount", "ls", "sed", "grep", "wc",
];

/// A directory tree that becomes an archive.
pub(crate) struct Tree {
    root: PathBuf,
    /// Libraries wanted by what was put in.
    libraries: BTreeSet<PathBuf>,
}

impl Tree {
    /// An empty tree in `root`, with the directories a system has.
    pub(super) fn new(root: PathBuf) -> anyhow::Result<Self> {
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
        let mut tree = Self { root, libraries: BTreeSet::new() };
        let shells = packages::shells().filter_map(|(program, _)| program.rsplit('/').next());
        for program in PROGRAMS.into_iter().chain(shells) {
            tree.program(program)?;
        }
        symlink("dash", tree.root.join("usr/bin/sh"))?;
        Ok(tree)
    }

    /// Puts a program of this machine in.
    pub(crate) fn program(&mut self, name: &str) -> anyhow::Result<()> {
        let path = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
            .iter()
            .map(|dir| Path::new(dir).join(name))
            .find(|p| p.exists())
            .with_context(|| format!("{name} is not on this machine"))?;
        self.put(&path, &Path::new("/usr/bin").join(name))
    }

    /// Puts a file in, and notes the libraries it wants.
    pub(crate) fn put(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let target = self.inside(to)?;
        fs::copy(from, &target).with_context(|| format!("{} → {}", from.display(), target.display()))?;
        // A script or a static program has none.
        let listed = step::output(Command::new("ldd").arg(from)).unwrap_or_default();
        for word in listed.split_whitespace().filter(|w| w.starts_with('/')) {
            self.libraries.insert(word.trim_end_matches(':').into());
        }
        Ok(())
    }

    /// Puts a binary of ours in without its debugging information, of which there is much.
    pub(super) fn put_stripped(&mut self, from: &Path, to: &Path) -> anyhow::Result<()> {
        self.put(from, to)?;
        let target = self.inside(to)?;
        step::output(Command::new("strip").arg("--strip-debug").arg(&target))
            .context("strip failed: binutils is missing")?;
        Ok(())
    }

    /// Writes a program's text.
    pub(super) fn write(&mut self, to: &str, text: &str) -> anyhow::Result<()> {
        let target = self.inside(Path::new(to))?;
        fs::write(&target, text)?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
        Ok(())
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
        for library in std::mem::take(&mut self.libraries) {
            let target = self.inside(&library)?;
            fs::copy(&library, &target).with_context(|| format!("{}", library.display()))?;
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
