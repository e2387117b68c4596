//! `cargo xtask package`: sensor and collector as a container image, without a container engine.
//!
//! The image is an OCI layout in a tar, which containerd, skopeo and every registry client take. It holds the two
//! binaries, what they need beside them, and the shared libraries of this machine that they are linked with: no
//! shell, no package manager. From the same files it comes out the same to the last byte.

mod layer;
mod layout;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};

use crate::{
    binaries,
    layout::{root, target},
    setup::packages::has,
};
use layer::Layer;

/// A processor architecture as images name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    /// `x86_64`.
    Amd64,
    /// `aarch64`.
    Arm64,
}

impl Architecture {
    /// The name in an image's configuration.
    fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Fails with what is missing for it.
    fn check(self) -> anyhow::Result<()> {
        match (self, std::env::consts::ARCH) {
            (Self::Amd64, "x86_64") => Ok(()),
            (Self::Amd64, other) => bail!("images for amd64 are built on x86_64, not on {other}"),
            (Self::Arm64, _) => bail!(
                "arm64 is prepared for and not done: the kernel half reads arguments from x86_64's registers \
                 (sensor-ebpf/src/bpf/registers.rs), which wants a counterpart for aarch64 first"
            ),
        }
    }
}

/// Version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Name of the image unless told otherwise.
pub(crate) const NAME: &str = "docker.io/library/scriptwatch";

/// Builds everything and writes the image; returns its tar.
pub(crate) fn run(architecture: Architecture, name: &str) -> anyhow::Result<PathBuf> {
    architecture.check()?;
    let bin = binaries::build()?;
    let image = if name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        name.to_owned()
    } else {
        format!("{name}:{VERSION}")
    };
    let dir = target().join("package");
    fs::create_dir_all(&dir).with_context(|| format!("{}", dir.display()))?;
    let layer = layer(&bin, &dir)?;
    let tar = dir.join(format!("scriptwatch-{VERSION}-linux-{}.tar", architecture.name()));
    let digest = layout::write(&tar, &image, architecture.name(), &layer)?;
    let megabytes = fs::metadata(&tar)?.len() as f64 / 1e6;
    println!("{image} {digest} ({megabytes:.1} MB)\n{}", tar.display());
    Ok(tar)
}

/// What is in the image.
fn layer(bin: &Path, scratch: &Path) -> anyhow::Result<Layer> {
    let mut layer = Layer::default();
    for name in ["sensor", "collector"] {
        let stripped = scratch.join(name);
        strip(&bin.join(name), &stripped)?;
        for library in libraries(&stripped)? {
            layer.file(&library, &library, 0o755)?;
        }
        layer.file(&Path::new("/usr/bin").join(name), &stripped, 0o755)?;
    }
    let at = Path::new("/usr/lib/scriptwatch");
    for name in ["sensor-ebpf.o", "script.onnx", "libonnxruntime.so"] {
        layer.file(&at.join(name), &bin.join(name), 0o644)?;
    }
    for library in libraries(&bin.join("libonnxruntime.so"))? {
        layer.file(&library, &library, 0o755)?;
    }
    let roots = Path::new("/etc/ssl/certs/ca-certificates.crt");
    if roots.exists() {
        layer.file(roots, roots, 0o644)?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        layer.file(&Path::new("/usr/share/doc/scriptwatch").join(licence), &root().join(licence), 0o644)?;
    }
    layer.text("/etc/passwd", "root:x:0:0::/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n");
    layer.text("/etc/group", "root:x:0:\nnonroot:x:65532:\n");
    layer.text("/etc/nsswitch.conf", "hosts: files dns\n");
    Ok(layer)
}

/// A copy without symbols; they are a third of the image, and nobody debugs in a container.
fn strip(from: &Path, to: &Path) -> anyhow::Result<()> {
    ensure!(has("strip"), "strip is missing: install the package binutils, then try again");
    let status = Command::new("strip").arg("--strip-all").arg("-o").arg(to).arg(from).status()?;
    ensure!(status.success(), "strip {} failed", from.display());
    Ok(())
}

/// Shared libraries of a binary, the loader among them, where this machine has them.
fn libraries(binary: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(binary).output().context("ldd")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "ldd {}: {text}", binary.display());
    if let Some(line) = text.lines().find(|line| line.contains("not found")) {
        bail!("{} needs a library that this machine lacks: {}", binary.display(), line.trim());
    }
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}
