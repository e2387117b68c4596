//! Who descends from whom, of the processes that shells started: also where a parent has ended.

use std::{
    collections::HashMap as Table,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::Arc,
};

use aya::maps::{Map, MapError};
use aya_obj::generated::bpf_cmd;
use bytemuck::Zeroable;
use ebpf::{limit::DESCENDANTS_MAX, map::Descendant};
use tracing::debug;

use crate::loader::bpf_raw;

/// A process, and no other that gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it was forked (boot time, ns).
    pub start_ns: u64,
}

/// The part of `union bpf_attr` for `BPF_MAP_LOOKUP_BATCH`.
#[repr(C)]
struct BatchAttributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Entries read at once: all, and what a bucket may have more while the table changes.
const BATCH: usize = DESCENDANTS_MAX as usize + 1024;

/// The kernel half's table. Cheap to clone.
#[derive(Clone)]
pub struct Lineage(Arc<OwnedFd>);

impl Lineage {
    pub(crate) fn new(map: &Map) -> Result<Self, MapError> {
        let Map::LruHashMap(data) = map else { return Err(MapError::InvalidMapType { map_type: 0 }) };
        let fd = data.fd().as_fd().try_clone_to_owned().map_err(MapError::IoError)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Those that descend from a process, as far as the table reaches; some may have ended.
    pub fn of(&self, ancestor: Process) -> Vec<Process> {
        match self.all() {
            Ok(all) => below(ancestor, all.into_iter()),
            Err(e) => {
                debug!("map DESCENDANTS: {e}");
                Vec::new()
            }
        }
    }

    /// The whole table, by one system call: one for each entry would take tens of milliseconds.
    fn all(&self) -> io::Result<Vec<(u32, Descendant)>> {
        let mut keys = vec![0u32; BATCH];
        let mut values = vec![Descendant::zeroed(); BATCH];
        let mut next = 0u64;
        let mut attributes = BatchAttributes {
            in_batch: 0,
            out_batch: (&raw mut next) as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: BATCH as u32,
            map_fd: self.0.as_raw_fd() as u32,
            elem_flags: 0,
            flags: 0,
        };
        // SAFETY: the attributes are those of the command, and what they point to lives until the call returns.
        match unsafe { bpf_raw(bpf_cmd::BPF_MAP_LOOKUP_BATCH, &mut attributes) } {
            // The end of the table came.
            Err(e) if e.raw_os_error() != Some(libc::ENOENT) => return Err(e),
            _ => {}
        }
        let count = (attributes.count as usize).min(BATCH);
        Ok(keys.into_iter().zip(values).take(count).collect())
    }
}

fn below(ancestor: Process, all: impl Iterator<Item = (u32, Descendant)>) -> Vec<Process> {
    let mut children: Table<Process, Vec<Process>> = Table::new();
    for (pid, of) in all {
        let parent = Process { pid: of.parent, start_ns: of.parent_start_ns };
        children.entry(parent).or_default().push(Process { pid, start_ns: of.start_ns });
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        // Taken out, so that a table that was read while it changed makes no circle.
        for child in children.remove(&parent).unwrap_or_default() {
            found.push(child);
            parents.push(child);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forked(pid: u32, start_ns: u64, parent: u32, parent_start_ns: u64) -> (u32, Descendant) {
        (pid, Descendant { start_ns, parent_start_ns, parent, reserved: 0 })
    }

    #[test]
    fn grandchildren_are_found_and_namesakes_are_not() {
        let all = [
            forked(2, 20, 1, 10),
            forked(3, 30, 2, 20),
            // Of another that had the id 2 later, and of one that is nobody's.
            forked(4, 90, 2, 80),
            forked(5, 95, 9, 9),
            // Round in a circle.
            forked(6, 60, 7, 70),
            forked(7, 70, 6, 60),
        ];
        let of = |pid, start_ns| {
            let mut pids: Vec<u32> =
                below(Process { pid, start_ns }, all.into_iter()).iter().map(|process| process.pid).collect();
            pids.sort_unstable();
            pids
        };
        assert_eq!(of(1, 10), [2, 3]);
        assert_eq!(of(2, 20), [3]);
        assert_eq!(of(2, 80), [4]);
        assert_eq!(of(1, 11), [] as [u32; 0]);
        assert_eq!(of(6, 60).len(), 2);
    }
}
