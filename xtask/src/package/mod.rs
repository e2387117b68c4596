//! `cargo xtask package`: sensor and collector as a container image, without a container engine.
//!
//! The image is an OCI layout in a tar, which containerd, skopeo and every registry client take. It holds the two
//! binaries, what they need beside them, and the shared libraries that they are linked with: no
//! shell, no package manager. From the same files it comes out the same to the last byte.

mod layer;
mod layout;
mod libraries;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use crate::{
    architecture::Architecture,
    binaries,
    layout::{root, target},
    setup::packages::has,
};
use layer::Layer;
pub(crate) use libraries::Libraries;

/// Version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Name of the image unless told otherwise.
pub(crate) const NAME: &str = "docker.io/library/scriptwatch";

/// Builds everything and writes the image, one for each architecture; returns its tar.
pub(crate) fn run(architectures: &[Architecture], name: &str) -> anyhow::Result<PathBuf> {
    let image = if name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        name.to_owned()
    } else {
        format!("{name}:{VERSION}")
    };
    let dir = target().join("package");
    fs::create_dir_all(&dir).with_context(|| format!("{}", dir.display()))?;
    let layers = Architecture::ALL
        .into_iter()
        .filter(|each| architectures.contains(each))
        .map(|each| Ok((each.name(), files(each)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let names: Vec<_> = layers.iter().map(|(name, _)| *name).collect();
    let tar = dir.join(format!("scriptwatch-{VERSION}-linux-{}.tar", names.join("-")));
    let digest = layout::write(&tar, &image, &layers)?;
    let megabytes = fs::metadata(&tar)?.len() as f64 / 1e6;
    println!("{image} {digest} ({megabytes:.1} MB)\n{}", tar.display());
    Ok(tar)
}

/// Builds what is in an architecture's image.
pub(crate) fn files(architecture: Architecture) -> anyhow::Result<Layer> {
    let bin = binaries::build_for(architecture)?;
    let scratch = target().join("package");
    fs::create_dir_all(&scratch).with_context(|| format!("{}", scratch.display()))?;
    let mut layer = Layer::default();
    let libraries = Libraries::of(architecture);
    for name in ["sensor", "collector"] {
        let stripped = scratch.join(name);
        strip(architecture, &bin.join(name), &stripped)?;
        libraries.add(&stripped, &mut layer)?;
        layer.file(&Path::new("/usr/bin").join(name), &stripped, 0o755)?;
    }
    let at = Path::new("/usr/lib/scriptwatch");
    for name in ["sensor-ebpf.o", "script.onnx", "libonnxruntime.so"] {
        layer.file(&at.join(name), &bin.join(name), 0o644)?;
    }
    libraries.add(&bin.join("libonnxruntime.so"), &mut layer)?;
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
fn strip(architecture: Architecture, from: &Path, to: &Path) -> anyhow::Result<()> {
    let strip = architecture.tool("strip");
    ensure!(has(&strip), "{strip} is missing: install the package binutils, then try again");
    let status = Command::new(&strip).arg("--strip-all").arg("-o").arg(to).arg(from).status()?;
    ensure!(status.success(), "{strip} {} failed", from.display());
    Ok(())
}
