//! Container images made on the spot, without a registry: tars in the layout of `docker save`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde_json::json;

use crate::node::sha256;

/// An image in the making.
pub struct Image {
    /// Its name, such as `docker.io/local/shell:1`.
    pub name: String,
    files: Vec<(String, PathBuf)>,
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
        self.files.push((at.trim_start_matches('/').to_owned(), from.to_owned()));
        self
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(mut self, at: &str, to: &str) -> Self {
        self.links.push((at.trim_start_matches('/').to_owned(), to.to_owned()));
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
            "architecture": "amd64",
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
            append(&mut tar, name, bytes, 0o644)?;
        }
        tar.finish()?;
        Ok(())
    }

    fn layer(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut directories: BTreeSet<PathBuf> =
            ["tmp", "proc", "sys", "dev", "etc"].map(PathBuf::from).into();
        for (at, _) in &self.files {
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
        for (at, from) in &self.files {
            let bytes = fs::read(from).with_context(|| format!("{}", from.display()))?;
            append(&mut tar, at, &bytes, 0o755)?;
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

fn append(
    tar: &mut tar::Builder<impl std::io::Write>,
    name: &str,
    bytes: &[u8],
    mode: u32,
) -> anyhow::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode);
    tar.append_data(&mut header, name, bytes)?;
    Ok(())
}

/// The shared libraries of a program, its loader among them.
fn libraries(path: &str) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(path).output()?;
    ensure!(output.status.success(), "ldd {path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}
