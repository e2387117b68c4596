//! Where a container's file is from: its image, or somebody who wrote it since.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use procfs::process::{MountInfo, Process};

/// Where the layers of containers are: the node's own root, or this process's, where it runs without a container.
const ROOTS: [&str; 2] = ["/proc/1/root", "/"];

/// Where a container's file is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// A layer of its image: it was there when the container started.
    Image,
    /// It was written or changed since the container started.
    Written,
    /// A file system in memory, where it was written.
    Memory,
    /// A volume: written by this container or by another.
    Volume,
}

impl Provenance {
    /// The name in findings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Written => "written",
            Self::Memory => "memory",
            Self::Volume => "volume",
        }
    }

    /// Of a file by its absolute path as a process sees it. `None` when the process or its file is gone, or when its file system tells
    /// no layers apart.
    pub fn of(pid: u32, path: &[u8]) -> Option<Self> {
        let path = Path::new(OsStr::from_bytes(path));
        let is_plain = path.is_absolute()
            && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !is_plain {
            return None;
        }
        let mounts = Process::new(i32::try_from(pid).ok()?).ok()?.mountinfo().ok()?;
        // The last of several at one place hides the others.
        let on = mounts
            .0
            .iter()
            .filter(|mount| path.starts_with(&mount.mount_point))
            .max_by_key(|mount| mount.mount_point.components().count())?;
        let seen = Path::new("/proc").join(pid.to_string()).join("root").join(path.strip_prefix("/").ok()?);
        fs::symlink_metadata(seen).ok()?;
        match on.fs_type.as_str() {
            "overlay" => {
                let is_written = is_in_upper(on, path)?;
                Some(if is_written { Self::Written } else { Self::Image })
            }
            "tmpfs" | "ramfs" => Some(Self::Memory),
            _ if on.mount_point != Path::new("/") => Some(Self::Volume),
            _ => None,
        }
    }
}

/// Is a file of an overlay in the layer that is written to? `None` when that cannot be looked at.
fn is_in_upper(mount: &MountInfo, path: &Path) -> Option<bool> {
    let Some(upper) = mount.super_options.get("upperdir").and_then(Option::as_deref) else {
        // Nobody can write to an overlay without one.
        return Some(false);
    };
    let layers = ROOTS.iter().map(|root| Path::new(root).join(upper.trim_start_matches('/')));
    let layer: PathBuf = layers.into_iter().find(|layer| layer.is_dir())?;
    layer.join(path.strip_prefix(&mount.mount_point).ok()?).try_exists().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_path_or_is_gone_has_none() {
        let pid = std::process::id();
        assert_eq!(Provenance::of(pid, b"relative"), None);
        assert_eq!(Provenance::of(pid, b"/proc/../etc/passwd"), None);
        assert_eq!(Provenance::of(pid, b"/proc/self/nothing/here"), None);
        assert_eq!(Provenance::of(u32::MAX, b"/etc/passwd"), None);
        assert_eq!(Provenance::of(pid, b"/proc/version"), Some(Provenance::Volume));
    }
}
