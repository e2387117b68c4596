//! Where a container's file is from: its image, or somebody who wrote it since.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

use procfs::process::MountInfo;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};

/// Where the layers of containers are: the node's own root, or this process's, where it runs without a container.
const ROOTS: [&str; 2] = ["/proc/1/root", "/"];
/// Bytes of a process's list of mounts that are read. A process may have a hundred thousand of them.
const MOUNTS_BYTES: u64 = 1 << 20;

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
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Image, Self::Written, Self::Memory, Self::Volume];

    /// The name in findings and rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Written => "written",
            Self::Memory => "memory",
            Self::Volume => "volume",
        }
    }

    /// Of a file by its absolute path as a process sees it. `None` when the process or its file is gone, or when its file system tells
    /// no layers apart. Files of volumes are not touched: their servers may hang.
    pub fn of(pid: u32, path: &[u8]) -> Option<Self> {
        let path = Path::new(OsStr::from_bytes(path));
        let is_plain = path.is_absolute()
            && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        // Who is root in a namespace of his own may mount what he likes where he likes.
        if !is_plain
            || fs::read_link(format!("/proc/{pid}/ns/user")).ok()?
                != fs::read_link("/proc/self/ns/user").ok()?
        {
            return None;
        }
        let on = mount_of(pid, path)?;
        match on.fs_type.as_str() {
            // The container's own root, and no other overlay.
            "overlay" if on.mount_point == Path::new("/") && on.root == "/" => {
                let inner = path.strip_prefix("/").ok()?;
                is_there(&PathBuf::from(format!("/proc/{pid}/root")), inner).filter(|is_there| *is_there)?;
                let upper = on.super_options.get("upperdir").and_then(Option::as_deref)?;
                let layers = ROOTS.iter().map(|root| Path::new(root).join(upper.trim_start_matches('/')));
                let layer = layers.into_iter().find(|layer| layer.is_dir())?;
                Some(if is_there(&layer, inner)? { Self::Written } else { Self::Image })
            }
            "overlay" => None,
            "tmpfs" | "ramfs" => Some(Self::Memory),
            _ if on.mount_point != Path::new("/") => Some(Self::Volume),
            _ => None,
        }
    }
}

/// The mount that a path of a process is on.
fn mount_of(pid: u32, path: &Path) -> Option<MountInfo> {
    let mounts = File::open(format!("/proc/{pid}/mountinfo")).ok()?.take(MOUNTS_BYTES);
    let mut found: Option<MountInfo> = None;
    for line in BufReader::new(mounts).lines() {
        let Ok(mut mount) = MountInfo::from_line(&line.ok()?) else { continue };
        mount.mount_point = unescaped(&mount.mount_point);
        let depth = mount.mount_point.components().count();
        let is_deeper = found.as_ref().is_none_or(|other| other.mount_point.components().count() <= depth);
        // The last of several at one place hides the others.
        if path.starts_with(&mount.mount_point) && is_deeper {
            found = Some(mount);
        }
    }
    found
}

/// A path of the list of mounts, in which some bytes stand as three octal digits.
fn unescaped(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digits =
            bytes.get(at + 1..at + 4).filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        match digits {
            Some(digits) if bytes[at] == b'\\' => {
                out.push(digits.iter().fold(0_u8, |value, d| value.wrapping_mul(8).wrapping_add(d - b'0')));
                at += 4;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    OsString::from_vec(out).into()
}

/// Is something there below a directory, on its own file system and by no link? `None` when that cannot be seen.
fn is_there(below: &Path, path: &Path) -> Option<bool> {
    let directory =
        openat2(CWD, below, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), ResolveFlags::empty()).ok()?;
    let strictly = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    match openat2(directory, path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty(), strictly) {
        Ok(_) => Some(true),
        Err(Errno::NOENT | Errno::NOTDIR) => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_path_or_is_gone_has_none() {
        let pid = std::process::id();
        assert_eq!(Provenance::of(pid, b"relative"), None);
        assert_eq!(Provenance::of(pid, b"/proc/../etc/passwd"), None);
        assert_eq!(Provenance::of(u32::MAX, b"/etc/passwd"), None);
        assert_eq!(Provenance::of(pid, b"/proc/version"), Some(Provenance::Volume));
        assert_eq!(unescaped(Path::new("/my\\040data\\134x\\04")), Path::new("/my data\\x\\04"));
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("a")).expect("a directory");
        fs::write(dir.path().join("a/file"), "").expect("a file");
        for (name, to) in [("link", "/etc"), ("inner", "a")] {
            std::os::unix::fs::symlink(to, dir.path().join(name)).expect("a link");
        }
        let there = |path: &str| is_there(dir.path(), Path::new(path));
        assert_eq!(
            (there("a/file"), there("a/none"), there("a/file/none")),
            (Some(true), Some(false), Some(false))
        );
        assert_eq!((there("link/passwd"), there("inner/file"), there("link")), (None, None, Some(true)));
    }
}
