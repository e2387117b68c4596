//! An executable that was inspected.

use ebpf::map::{EXE_MULTICALL, EXE_OTHER, EXE_SHELL};
use sha2::{Digest, Sha256};

use crate::{family::Family, probe_points::ProbePoints, table};

/// An executable, and what is known of it.
#[derive(Clone, Debug)]
pub struct Executable {
    /// Which shell it is, or `None` when it is no shell.
    pub family: Option<Family>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of a shell's binary; of others it is not computed.
    pub sha256: Option<[u8; 32]>,
    /// Where probes can be attached to it.
    pub probe_points: ProbePoints,
    /// Probes are attached: what it evaluates is seen.
    pub probed: bool,
}

impl Executable {
    /// What an executable's bytes say, but for the hash. `size` is the file's: `binary` is empty when it is too large.
    pub fn of_binary(binary: &[u8], size: u64) -> Self {
        let family = table::recognize(binary);
        let probe_points = family.map(|family| ProbePoints::of(binary, family.profile())).unwrap_or_default();
        Self { family, size, sha256: None, probe_points, probed: false }
    }

    /// One that could not be inspected: taken for a shell when its name says so.
    pub fn not_inspected(name: &[u8], size: u64) -> Self {
        let family = table::by_program_name(name);
        Self { family, size, sha256: None, probe_points: ProbePoints::default(), probed: false }
    }

    /// With the hash of its bytes when it is a shell, and whether it was probed.
    #[must_use]
    pub fn hashed(mut self, binary: &[u8], probed: bool) -> Self {
        self.probed = probed;
        if self.family.is_some() {
            self.sha256 = Some(Sha256::digest(binary).into());
        }
        self
    }

    /// The class the kernel half is told.
    pub fn class(&self) -> u32 {
        match self.family {
            None => EXE_OTHER,
            Some(family) if family.profile().applets.is_some() => EXE_MULTICALL,
            Some(_) => EXE_SHELL,
        }
    }
}
