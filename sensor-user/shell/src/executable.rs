//! An executable that was inspected.

use std::sync::{Arc, atomic::AtomicBool};

use ebpf::map::{EXE_MULTICALL, EXE_OTHER, EXE_SHELL};
use sha2::{Digest, Sha256};

use crate::{
    family::Family, loader::is_library, opaque, probe_points::ProbePoints, recognition::Recognized, table,
};

/// An executable, and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct Executable {
    /// Which shell it is, or `None` when it is no shell.
    pub family: Option<Family>,
    /// It is a dynamic loader: its arguments name the program.
    pub is_loader: bool,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of a shell's binary; of others it is not computed.
    pub sha256: Option<[u8; 32]>,
    /// Where probes can be attached to it.
    pub probe_points: ProbePoints,
    /// Probes are attached: what it evaluates is seen.
    pub probed: bool,
    /// Since when, boot time in ns: a shell that was executed before may have evaluated something unseen.
    pub probed_ns: u64,
    /// They were taken out again, since others needed the room.
    pub probes_lost: Arc<AtomicBool>,
}

impl Executable {
    /// What an executable's bytes say, but for the hash. `size` is the file's, `binary` as much of it as is kept in memory.
    pub fn of_binary(recognized: Recognized, binary: &[u8], size: u64) -> Self {
        let family = match recognized {
            Recognized::Shell(family) => Some(family),
            Recognized::Loader => None,
            // What was packed or made unreadable is followed until it shows that it is no shell.
            Recognized::Other => opaque::is_opaque(binary).then(Family::unknown),
        };
        let probe_points = family.map(|family| ProbePoints::of(binary, family.profile())).unwrap_or_default();
        let is_loader = recognized == Recognized::Loader || family.is_none() && is_library(binary);
        Self { family, is_loader, size, probe_points, ..Self::default() }
    }

    /// One that could not be inspected is taken for a shell, whatever its name: which one the name may say.
    pub fn not_inspected(name: &[u8], size: u64) -> Self {
        let family = Some(table::by_program_name(name).unwrap_or_else(Family::unknown));
        Self { family, size, ..Self::default() }
    }

    /// With the hash of its bytes when it is a shell, and since when it is probed (boot time in ns).
    #[must_use]
    pub fn hashed(mut self, binary: &[u8], probed_ns: Option<u64>) -> Self {
        self.probed = probed_ns.is_some();
        self.probed_ns = probed_ns.unwrap_or(0);
        // Of one that is not kept whole there is none.
        if self.family.is_some() && binary.len() as u64 == self.size {
            self.sha256 = Some(Sha256::digest(binary).into());
        }
        self
    }

    /// The class the kernel half is told.
    pub fn class(&self) -> u32 {
        match self.family {
            None if self.is_loader => EXE_SHELL,
            None => EXE_OTHER,
            Some(family) if family.profile().applets.is_some() => EXE_MULTICALL,
            Some(_) => EXE_SHELL,
        }
    }
}
