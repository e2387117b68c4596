//! Whose events were lost in the kernel half.

use aya::maps::{HashMap, MapData};
use ebpf::limit::CGROUPS_MAX;
use tracing::debug;

/// Events lost, by cgroup, as the kernel half counts them.
pub struct Losses {
    map: HashMap<MapData, u64, u64>,
}

impl Losses {
    pub(crate) fn new(map: HashMap<MapData, u64, u64>) -> Self {
        Self { map }
    }

    /// Takes out what was counted since the last call: ids of cgroups (0 where it is not known) and how many events.
    pub fn take(&mut self) -> Vec<(u64, u64)> {
        // Entries that come and go meanwhile may be met twice: no more than there can be are taken.
        let lost: Vec<(u64, u64)> =
            self.map.iter().filter_map(Result::ok).take(CGROUPS_MAX as usize).collect();
        for (cgroup, _) in &lost {
            // What is counted between the two is lost to the count, and not to the process's own account.
            if let Err(e) = self.map.remove(cgroup) {
                debug!("losses of cgroup {cgroup} not taken out: {e}");
            }
        }
        lost
    }
}
