//! Keeps the table of stopped processes beyond the end of the sensor and of its second process, in a BPF file system. The next
//! sensor continues who was left.

use std::path::{Path, PathBuf};

use nix::{
    mount::{MsFlags, mount},
    sys::statfs::{FsType, statfs},
};
use probe::Holds;
use tracing::{debug, info, warn};

use crate::continuing::{release, start_ticks};

/// Where BPF file systems are.
const DIRECTORY: &str = "/sys/fs/bpf";
/// What the tables are called: this, the sensor's process id, and when it was forked.
const NAME: &str = "scriptwatch-stops-";
/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// A table that is kept; it is not when this is dropped.
#[derive(Debug)]
pub(crate) struct Pin(PathBuf);

impl Pin {
    /// Keeps a table; an error says why it cannot be, and what to do.
    pub(crate) fn make(holds: &Holds) -> Result<Self, String> {
        if !is_bpf_fs() {
            // One that is mounted in a container is gone with it.
            let namespace = |of: &str| std::fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
            if namespace("self").is_none() || namespace("self") != namespace("1") {
                return Err(format!(
                    "there is no BPF file system at {DIRECTORY}: give the sensor the node's"
                ));
            }
            mount(Some("bpf"), DIRECTORY, Some("bpf"), MsFlags::empty(), None::<&str>).map_err(|e| {
                format!("there is no BPF file system at {DIRECTORY} ({e}); give the sensor the node's")
            })?;
        }
        let pid = std::process::id();
        let start = start_ticks(pid).ok_or("the sensor's own /proc/PID/stat cannot be read")?;
        let path = Path::new(DIRECTORY).join(format!("{NAME}{pid}-{start}"));
        holds.pin(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self(path))
    }

    /// Leaves the table for the next sensor.
    pub(crate) fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_file(&self.0) {
            debug!("{}: {e}", self.0.display());
        }
    }
}

fn is_bpf_fs() -> bool {
    statfs(DIRECTORY).is_ok_and(|fs| fs.filesystem_type() == FsType(BPF_FS_MAGIC))
}

/// Continues who was left by sensors that are gone; returns how many.
pub(crate) fn continue_left() -> u64 {
    if !is_bpf_fs() {
        return 0;
    }
    let entries = match std::fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(e) => {
            debug!("{DIRECTORY}: {e}");
            return 0;
        }
    };
    let mut continued = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some((pid, start)) = name.to_str().and_then(|name| name.strip_prefix(NAME)?.split_once('-'))
        else {
            continue;
        };
        let (Ok(pid), Ok(start)) = (pid.parse::<u32>(), start.parse::<u64>()) else { continue };
        if start_ticks(pid) == Some(start) {
            continue;
        }
        match Holds::from_pin(&entry.path()) {
            Ok(mut holds) => {
                for (stop, _) in holds.all() {
                    let released = release(&mut holds, stop);
                    continued += u64::from(released.is_some_and(|released| released.is_continued));
                }
                if !holds.all().is_empty() {
                    continue;
                }
            }
            // It stays, for one who can read it.
            Err(e) => {
                warn!("{}: {e}", entry.path().display());
                continue;
            }
        }
        if let Err(e) = std::fs::remove_file(entry.path()) {
            debug!("{}: {e}", entry.path().display());
        }
    }
    if continued > 0 {
        info!("{continued} shells were continued that an earlier sensor had stopped");
    }
    continued
}
