//! `cargo xtask release`: the files of a release: image, chart, lists of what the binaries are made of, checksums.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use crate::{
    architecture::Architecture,
    layout::{cache, cargo, root, target},
    package, step,
};

/// Version of cargo-cyclonedx that is built into the cache.
const CYCLONEDX: &str = "0.5.9";
/// Packages whose parts are listed.
const BINARIES: [&str; 2] = ["sensor-user", "collector"];

/// Writes all of them to `target/release-files`.
pub(crate) fn run() -> anyhow::Result<()> {
    let dir = target().join("release-files");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).with_context(|| format!("{}", dir.display()))?;
    let image = package::run(&Architecture::ALL, package::NAME)?;
    copy(&image, &dir)?;
    chart(&dir.join(format!("scriptwatch-{}.tgz", env!("CARGO_PKG_VERSION"))))?;
    bills_of_materials(&dir)?;
    checksums(&dir)?;
    println!("{}", dir.display());
    Ok(())
}

fn copy(file: &Path, dir: &Path) -> anyhow::Result<()> {
    let name = file.file_name().context("a file has a name")?;
    fs::copy(file, dir.join(name)).with_context(|| format!("{}", file.display()))?;
    Ok(())
}

/// The chart as `helm package` writes it: a compressed tar with one folder, named as the chart. From the same files it comes
/// out the same to the last byte.
fn chart(to: &Path) -> anyhow::Result<()> {
    let from = root().join("deploy/chart");
    let file = fs::File::create(to).with_context(|| format!("{}", to.display()))?;
    let mut tar = tar::Builder::new(GzBuilder::new().mtime(0).write(file, Compression::best()));
    let mut paths = files(&from)?;
    paths.sort();
    for path in paths {
        let bytes = fs::read(&path).with_context(|| format!("{}", path.display()))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, Path::new("scriptwatch").join(path.strip_prefix(&from)?), &bytes[..])?;
    }
    tar.into_inner()?.finish()?;
    Ok(())
}

fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("{}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// CycloneDX, a file for each binary.
fn bills_of_materials(dir: &Path) -> anyhow::Result<()> {
    let at = cache().join(format!("cargo-cyclonedx-{CYCLONEDX}"));
    let program = at.join("bin/cargo-cyclonedx");
    if step::output(Command::new(&program).args(["cyclonedx", "--version"])).is_none() {
        let mut install = Command::new(cargo());
        install.args([
            "install",
            "cargo-cyclonedx",
            "--version",
            CYCLONEDX,
            "--locked",
            "--force",
            "--debug",
        ]);
        step::run(&format!("building cargo-cyclonedx {CYCLONEDX}"), install.arg("--root").arg(&at))?;
    }
    for folder in BINARIES {
        let manifest = root().join(folder).join("Cargo.toml");
        let name = format!("{}.cdx", folder.trim_end_matches("-user"));
        let mut list = Command::new(&program);
        list.args(["cyclonedx", "--format", "json", "--override-filename", &name, "--manifest-path"]);
        step::run(&format!("listing what {folder} is made of"), list.arg(&manifest))?;
        let written = root().join(folder).join(format!("{name}.json"));
        ensure!(written.exists(), "cargo-cyclonedx did not write {}", written.display());
        copy(&written, dir)?;
        // One is written beside every manifest of the workspace.
        remove_everywhere(&root(), &format!("{name}.json"))?;
    }
    Ok(())
}

fn remove_everywhere(dir: &Path, name: &str) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && path != target() && !path.ends_with(".git") {
            remove_everywhere(&path, name)?;
        } else if path.file_name().is_some_and(|n| n == name) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// `sha256sum --check` reads it.
fn checksums(dir: &Path) -> anyhow::Result<()> {
    let mut paths = files(dir)?;
    paths.sort();
    let mut lines = String::new();
    for path in paths {
        let name = path.file_name().and_then(|n| n.to_str()).context("a name of ours")?.to_owned();
        writeln!(lines, "{}  {name}", hex::encode(Sha256::digest(fs::read(&path)?)))?;
    }
    fs::write(dir.join("SHA256SUMS"), lines)?;
    Ok(())
}
