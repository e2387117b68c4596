//! What the kernel half is told of executables, and the probes in shells.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use aya::maps::{HashMap, MapData};
use ebpf::map::{Exe, FileKey};
use shell::Executable;

use crate::{inspect::Inspected, uprobes::Uprobes};

/// Tells the kernel half what executables are, and attaches probes to shells.
pub struct Control {
    classes: HashMap<MapData, FileKey, Exe>,
    uprobes: Uprobes,
    probed: Arc<AtomicUsize>,
}

impl Control {
    pub(crate) fn new(classes: HashMap<MapData, FileKey, Exe>, uprobes: Uprobes) -> Self {
        Self { classes, uprobes, probed: Arc::default() }
    }

    /// Registers an executable that was just inspected: probes first, then its class, then its hash. Returns it with the keys of
    /// those whose probes had to make room. `owner` is the cgroup that ran it.
    pub(crate) fn register(
        &mut self,
        key: FileKey,
        inspected: Inspected,
        owner: u64,
    ) -> (Executable, Vec<FileKey>) {
        let points = inspected.executable().probe_points;
        let (number, evicted) = self.uprobes.attach(&key, inspected.file(), &points, owner);
        self.tell(key, inspected.executable().class(), number);
        self.count();
        let probed = number != 0 && (points.evaluates.is_some() || points.input_string.is_some());
        (inspected.hashed(probed.then(boot_ns)), evicted)
    }

    /// Tells the kernel half again: its table is smaller than userspace's, and may have forgotten.
    pub(crate) fn refresh(&mut self, key: FileKey, executable: &Executable) {
        let number = self.uprobes.number(&key);
        self.tell(key, executable.class(), number);
    }

    /// A shell was executed: its probes are in use.
    pub(crate) fn used(&mut self, key: &FileKey) {
        self.uprobes.used(key);
    }

    /// Forgets an executable whose last user is gone, so that nothing keeps its file in use.
    pub(crate) fn forget(&mut self, key: &FileKey) {
        self.uprobes.detach(key);
        self.count();
        // Forgotten already where it was made room for others.
        let _ = self.classes.remove(key);
    }

    /// How many shell binaries have probes, as it changes.
    pub(crate) fn probed(&self) -> Arc<AtomicUsize> {
        self.probed.clone()
    }

    fn count(&self) {
        self.probed.store(self.uprobes.probed(), Ordering::Relaxed);
    }

    fn tell(&mut self, key: FileKey, class: u32, probe: u32) {
        // Failing to only means that it is asked about again.
        if let Err(e) = self.classes.insert(key, Exe { class, probe }, 0) {
            tracing::debug!("class of an executable not stored: {e}");
        }
    }
}

/// The time since boot, in ns.
pub(crate) fn boot_ns() -> u64 {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map_or(u64::MAX, |now| now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64)
}
