//! Whether the programs see what they are there to see: the sensor reads, and looks whether they counted it.
//!
//! A program can be attached and never run: `kernel.ftrace_enabled=0` does that to the fexit tier, and nothing tells.

use std::{fs::File, io::Read, process};

use aya::{
    Ebpf,
    maps::{Array, MapData},
};
use ebpf::{counter, limit::PIDS_PER_PAGE};

use crate::{Counters, programs::ProbeError};

/// Reads that are made for one test.
const READS: u64 = 4;

/// A test that can be repeated while the programs run.
pub struct SelfTest {
    counters: Counters,
    file: File,
}

impl SelfTest {
    pub(crate) fn new(counters: Counters) -> std::io::Result<Self> {
        Ok(Self { counters, file: File::open("/dev/zero")? })
    }

    /// Marks the sensor as a process whose reads are looked at. It is no shell, so they are only counted. To be called
    /// before any shell is followed: the kernel half writes the same table.
    pub(crate) fn prepare(ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        let refused = |why: String| ProbeError::Refused { what: "map FOLLOWED".to_owned(), why };
        let map = ebpf.map_mut("FOLLOWED").ok_or_else(|| refused("it is not in the object".to_owned()))?;
        let mut followed: Array<&mut MapData, [u8; PIDS_PER_PAGE]> =
            Array::try_from(map).map_err(|e| refused(e.to_string()))?;
        let pid = process::id() as usize;
        let page = (pid / PIDS_PER_PAGE) as u32;
        let mut bytes = followed.get(&page, 0).map_err(|e| refused(e.to_string()))?;
        bytes[pid % PIDS_PER_PAGE] = 1;
        followed.set(page, bytes, 0).map_err(|e| refused(e.to_string()))
    }

    /// True if the programs saw the reads that are made here.
    pub fn passes(&mut self) -> bool {
        let seen = || self.counters.read()[counter::SELF_TEST as usize];
        let before = seen();
        let mut bytes = [0; 8];
        let read = (0..READS).filter(|_| (&self.file).read(&mut bytes).is_ok()).count() as u64;
        seen() - before >= read
    }
}
