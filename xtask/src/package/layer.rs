//! A file system layer whose bytes depend on nothing but what is in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use flate2::{Compression, GzBuilder};

/// Files by their place in the image.
#[derive(Default)]
pub(crate) struct Layer {
    files: BTreeMap<PathBuf, (Vec<u8>, u32)>,
}

/// Directories that are there though nothing is in them: where things are mounted.
const EMPTY: [&str; 7] = ["dev", "etc/scriptwatch", "proc", "run", "sys", "tmp", "var/lib/scriptwatch"];

impl Layer {
    /// Adds a file of this machine; links are followed.
    pub(super) fn file(&mut self, at: &Path, from: &Path, mode: u32) -> anyhow::Result<()> {
        let bytes = fs::read(from).with_context(|| format!("{}", from.display()))?;
        self.files.insert(relative(at), (bytes, mode));
        Ok(())
    }

    /// Adds a text.
    pub(super) fn text(&mut self, at: &str, text: &str) {
        self.files.insert(relative(Path::new(at)), (text.as_bytes().to_vec(), 0o644));
    }

    /// Writes the files below a directory.
    pub(crate) fn unpack(&self, dir: &Path) -> anyhow::Result<()> {
        for empty in EMPTY {
            fs::create_dir_all(dir.join(empty))?;
        }
        for (path, (bytes, mode)) in &self.files {
            let to = dir.join(path);
            fs::create_dir_all(to.parent().unwrap_or(dir))?;
            fs::write(&to, bytes).with_context(|| format!("{}", to.display()))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(*mode))?;
        }
        Ok(())
    }

    /// The tar of it: sorted, owned by root, without times.
    pub(super) fn tar(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut directories: BTreeSet<&Path> = BTreeSet::new();
        for path in self.files.keys().map(PathBuf::as_path).chain(EMPTY.iter().map(Path::new)) {
            directories.extend(path.ancestors().skip(1).filter(|dir| dir.parent().is_some()));
        }
        directories.extend(EMPTY.iter().map(Path::new));
        for directory in directories {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(if directory == Path::new("tmp") { 0o1777 } else { 0o755 });
            header.set_size(0);
            tar.append_data(&mut header, directory, std::io::empty())?;
        }
        for (path, (bytes, mode)) in &self.files {
            append(&mut tar, path, bytes, *mode)?;
        }
        Ok(tar.into_inner()?)
    }
}

/// Adds a file that root owns and that has no time.
pub(super) fn append(
    tar: &mut tar::Builder<impl std::io::Write>,
    path: &Path,
    bytes: &[u8],
    mode: u32,
) -> anyhow::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    Ok(tar.append_data(&mut header, path, bytes)?)
}

/// Compressed, without name and time.
pub(super) fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut encoder, bytes)?;
    Ok(encoder.finish()?)
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}
