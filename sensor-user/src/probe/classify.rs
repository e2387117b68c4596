//! Is an executable a shell? Decided by what the binary holds, never by its name alone: a renamed or copied
//! bash is still bash, and a program called `sh` may be something else.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use memchr::memmem;
use sensor_ebpf::map::{EXE_MULTICALL, EXE_OTHER, EXE_SHELL, FileKey};
use sha2::{Digest, Sha256};

use super::functions::Functions;

/// What kind of interpreter an executable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShellKind {
    /// GNU bash.
    Bash,
    /// dash, or another POSIX shell that reads as it does.
    Posix,
    /// busybox: a shell when called by a shell applet's name.
    Busybox,
}

/// An executable that was looked at.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Its kind, or `None` when it is no shell.
    pub kind: Option<ShellKind>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of a shell's binary; of others it is not computed.
    pub sha256: Option<[u8; 32]>,
    /// Its functions that probes can be attached to.
    pub functions: Functions,
    /// Probes are attached: what it evaluates is seen.
    pub probed: bool,
}

/// An executable just looked at, with its file still open: probes go in first, since the shell runs already, and
/// hashing takes milliseconds.
#[derive(Debug)]
pub struct Sight {
    executable: Executable,
    file: File,
    bytes: Vec<u8>,
}

impl Sight {
    /// What was seen, but for the hash.
    pub fn executable(&self) -> &Executable {
        &self.executable
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// What was seen and whether it was probed, with the hash when it is a shell.
    pub fn hashed(mut self, probed: bool) -> Executable {
        self.executable.probed = probed;
        if self.executable.kind.is_some() {
            self.executable.sha256 = Some(Sha256::digest(&self.bytes).into());
        }
        self.executable
    }
}

impl Executable {
    /// Something that could not be looked at, taken for a shell when its name says so.
    pub fn unseen(name: &[u8], size: u64) -> Self {
        let base = name.rsplit(|b| *b == b'/').next().unwrap_or_default();
        let base = base.strip_prefix(b"-").unwrap_or(base);
        let kind = match base {
            b"bash" | b"rbash" => Some(ShellKind::Bash),
            b"sh" | b"dash" | b"ash" | b"ksh" | b"zsh" | b"mksh" => Some(ShellKind::Posix),
            b"busybox" => Some(ShellKind::Busybox),
            _ => None,
        };
        Self { kind, size, sha256: None, functions: Functions::default(), probed: false }
    }

    /// The class the kernel half is told.
    pub fn class(&self) -> u32 {
        match self.kind {
            None => EXE_OTHER,
            Some(ShellKind::Busybox) => EXE_MULTICALL,
            Some(_) => EXE_SHELL,
        }
    }
}

/// A shell's binary is never larger; larger ones are not searched.
const SHELL_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// Paths where shells usually lie; looked at when the sensor starts, so that the first script run by one of
/// them is not the first time it is seen.
const USUAL: [&str; 8] = [
    "/bin/sh",
    "/bin/bash",
    "/bin/dash",
    "/usr/bin/sh",
    "/usr/bin/bash",
    "/usr/bin/dash",
    "/bin/busybox",
    "/usr/bin/busybox",
];

/// Looks at the shells of this node.
pub fn usual_shells() -> Vec<(FileKey, Sight)> {
    USUAL
        .iter()
        .filter_map(|path| {
            let file = open_on_node(Path::new(path))?;
            let metadata = file.metadata().ok()?;
            Some((key_of(&metadata), of_file(file, metadata.size())))
        })
        .collect()
}

/// Opens a file of the node: the sensor's own container has others at the same paths.
fn open_on_node(path: &Path) -> Option<File> {
    let below = path.strip_prefix("/").ok()?;
    File::open(Path::new("/proc/1/root").join(below)).or_else(|_| File::open(path)).ok()
}

/// The key as the kernel half forms it.
fn key_of(metadata: &std::fs::Metadata) -> FileKey {
    let dev = metadata.dev();
    FileKey {
        ino: metadata.ino(),
        size: metadata.size(),
        ctime_s: metadata.ctime() as u64,
        ctime_ns: metadata.ctime_nsec() as u32,
        // Inside the kernel a device number has twelve bits of major and twenty of minor.
        dev: libc::major(dev) << 20 | libc::minor(dev),
    }
}

/// Looks at the executable of a live process, or at `path` on this node when the process is gone. `None` when
/// neither is the file that `key` names.
pub fn look_at(tgid: u32, key: &FileKey, path: Option<&[u8]>) -> Option<Sight> {
    let mut candidates = vec![PathBuf::from(format!("/proc/{tgid}/exe"))];
    if let Some(path) = path {
        use std::os::unix::ffi::OsStrExt;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
        if let Ok(below) = path.strip_prefix("/") {
            candidates.push(PathBuf::from(format!("/proc/{tgid}/root")).join(below));
        }
        if let Ok(below) = path.strip_prefix("/") {
            candidates.push(Path::new("/proc/1/root").join(below));
        }
        candidates.push(path);
    }
    candidates.iter().find_map(|path| {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        // Overlay file systems show another device number here than in the inode; number, size and change
        // time together are enough to know the file again.
        let same = metadata.ino() == key.ino
            && metadata.size() == key.size
            && metadata.ctime() as u64 == key.ctime_s
            && metadata.ctime_nsec() as u32 == key.ctime_ns;
        same.then(|| of_file(file, metadata.size()))
    })
}

fn of_file(file: File, size: u64) -> Sight {
    let mut bytes = Vec::new();
    if size > 0 && size <= SHELL_MAX_BYTES {
        // Read, not mapped: whoever owns the file could cut it short, and a mapping would then raise SIGBUS.
        bytes.reserve_exact(size as usize);
        if (&file).take(SHELL_MAX_BYTES).read_to_end(&mut bytes).is_err() {
            bytes.clear();
        }
    }
    let kind = kind_of(&bytes);
    let functions = if kind == Some(ShellKind::Bash) { Functions::of(&bytes) } else { Functions::default() };
    Sight { executable: Executable { kind, size, sha256: None, functions, probed: false }, file, bytes }
}

/// Marks that a shell's binary cannot do without: names of variables and texts of its own.
fn kind_of(binary: &[u8]) -> Option<ShellKind> {
    let has = |mark: &str| memmem::find(binary, mark.as_bytes()).is_some();
    if !binary.starts_with(b"\x7fELF") || !has("OPTIND") && !has("applet not found") {
        return None;
    }
    if has("BASH_VERSINFO") && has("GNU bash") {
        Some(ShellKind::Bash)
    } else if has("BusyBox v") && has("applet not found") {
        Some(ShellKind::Busybox)
    } else if has("PS4") && has("getopts") {
        Some(ShellKind::Posix)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(path: &str) -> Option<ShellKind> {
        kind_of(&std::fs::read(path).unwrap())
    }

    #[test]
    fn shells_are_known_by_their_content() {
        assert_eq!(kind("/bin/bash"), Some(ShellKind::Bash));
        assert_eq!(kind("/bin/dash"), Some(ShellKind::Posix));
        for other in ["/bin/ls", "/usr/bin/perl", "/usr/bin/env", "/usr/bin/apt-get"] {
            assert_eq!(kind(other), None, "{other}");
        }
    }

    #[test]
    fn a_name_decides_only_when_the_file_is_gone() {
        assert_eq!(Executable::unseen(b"/opt/x/bash", 1).kind, Some(ShellKind::Bash));
        assert_eq!(Executable::unseen(b"-sh", 1).kind, Some(ShellKind::Posix));
        assert_eq!(Executable::unseen(b"/bin/ls", 1).kind, None);
    }
}
