//! Who descends from whom, of the processes that shells started: also where a parent has ended.

use std::{
    collections::HashMap as Table,
    sync::{Arc, Mutex, PoisonError},
};

use aya::maps::{HashMap, MapData};
use ebpf::{limit::DESCENDANTS_MAX, map::Descendant};

/// A process, and no other that gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it was forked (boot time, ns).
    pub start_ns: u64,
}

/// The kernel half's table. Cheap to clone.
#[derive(Clone)]
pub struct Lineage(Arc<Mutex<HashMap<MapData, u32, Descendant>>>);

impl Lineage {
    pub(crate) fn new(map: HashMap<MapData, u32, Descendant>) -> Self {
        Self(Arc::new(Mutex::new(map)))
    }

    /// Those that descend from a process, as far as the table reaches; some may have ended.
    pub fn of(&self, ancestor: Process) -> Vec<Process> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Entries that come and go meanwhile may be met twice: no more than there can be are taken.
        let all = map.iter().filter_map(Result::ok).take(DESCENDANTS_MAX as usize);
        below(ancestor, all)
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
