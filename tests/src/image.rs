//! Container images made on the spot, without a registry: tars in the layout of `docker save`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::outcome::sha256;

/// A file of this machine in an image.
struct File {
    at: String,
    from: PathBuf,
    mode: u32,
    owner: u64,
}

/// An image in the making.
pub struct Image {
    /// Its name, such as `docker.io/local/shell:1`.
    pub name: String,
    files: Vec<File>,
    links: Vec<(String, String)>,
    entrypoint: Vec<String>,
}

impl Image {
    /// An empty image.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), files: vec![], links: vec![], entrypoint: vec![] }
    }

    /// Adds a file of this machine.
    #[must_use]
    pub fn file(mut self, at: &str, from: &Path) -> Self {
        self.files.push(File { at: inside(at), from: from.to_owned(), mode: 0o755, owner: 0 });
        self
    }

    /// Adds a file that only its owner may use.
    #[must_use]
    pub fn private(mut self, at: &str, from: &Path, owner: u64) -> Self {
        self.files.push(File { at: inside(at), from: from.to_owned(), mode: 0o700, owner });
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(mut self, at: &str, to: &str) -> Self {
        self.links.push((inside(at), to.to_owned()));
        self
    }

    /// What runs when nothing else is asked for.
    #[must_use]
    pub fn entrypoint(mut self, command: &[&str]) -> Self {
        self.entrypoint = command.iter().map(|&part| part.to_owned()).collect();
        self
    }

    /// Adds a program of this machine with the libraries it needs.
    pub fn program(mut self, path: &str) -> anyhow::Result<Self> {
        for library in libraries(path)? {
            let at = library.to_string_lossy().into_owned();
            self = self.file(&at, &library);
        }
        Ok(self.file(path, Path::new(path)))
    }

    /// Writes the tar.
    pub fn save(&self, to: &Path) -> anyhow::Result<()> {
        let layer = self.layer()?;
        let config = serde_json::to_vec(&json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": { "Env": ["PATH=/bin:/usr/bin"], "Entrypoint": self.entrypoint },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))] },
        }))?;
        let config_name = format!("{}.json", sha256(&config));
        let manifest = serde_json::to_vec(&json!([{
            "Config": config_name,
            "RepoTags": [self.name],
            "Layers": ["layer.tar"],
        }]))?;
        let mut tar = tar::Builder::new(fs::File::create(to)?);
        for (name, bytes) in
            [(config_name.as_str(), &config), ("layer.tar", &layer), ("manifest.json", &manifest)]
        {
            append(&mut tar, name, bytes)?;
        }
        tar.finish()?;
        Ok(())
    }

    fn layer(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut directories: BTreeSet<PathBuf> =
            ["tmp", "proc", "sys", "dev", "etc"].map(PathBuf::from).into();
        for File { at, .. } in &self.files {
            directories.extend(
                Path::new(at).ancestors().skip(1).filter(|d| d.parent().is_some()).map(Path::to_owned),
            );
        }
        for directory in directories {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            tar.append_data(&mut header, directory, std::io::empty())?;
        }
        for File { at, from, mode, owner } in &self.files {
            let bytes = fs::read(from).with_context(|| format!("{}", from.display()))?;
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(*mode);
            header.set_uid(*owner);
            tar.append_data(&mut header, at, bytes.as_slice())?;
        }
        for (at, to) in &self.links {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, at, to)?;
        }
        Ok(tar.into_inner()?)
    }
}

fn append(tar: &mut tar::Builder<impl std::io::Write>, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, bytes)?;
    Ok(())
}

/// A path as it stands in a layer.
fn inside(at: &str) -> String {
    at.trim_start_matches('/').to_owned()
}

/// The shared libraries of a program, its loader among them.
fn libraries(path: &str) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(path).output()?;
    ensure!(output.status.success(), "ldd {path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}
