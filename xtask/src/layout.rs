//! Where things lie.

use std::path::{Path, PathBuf};

use crate::architecture::Architecture;

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Cargo's target directory.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where release binaries and the files beside them are.
pub(crate) fn release() -> PathBuf {
    target().join("release")
}

/// Cargo's target directory for an architecture: another's has one of its own, so that the two do not build each other's parts anew.
pub(crate) fn target_of(architecture: Architecture) -> PathBuf {
    if architecture.is_here() { target() } else { target().join(architecture.name()) }
}

/// Where an architecture's release binaries and the files beside them are.
pub(crate) fn release_of(architecture: Architecture) -> PathBuf {
    if architecture.is_here() {
        release()
    } else {
        target_of(architecture).join(architecture.triple()).join("release")
    }
}

/// What is downloaded or built once and kept between clones.
pub(crate) fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(target);
    base.join("scriptwatch")
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
