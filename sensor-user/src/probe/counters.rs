//! The kernel half's counters, summed over CPUs.

use aya::maps::{MapData, PerCpuArray};
use sensor_ebpf::counter;

/// Sums of the counters, in the order of `sensor_ebpf::counter`.
pub type KernelCounts = [u64; counter::COUNT as usize];

/// Reads the counters.
pub struct Counters {
    map: PerCpuArray<MapData, u64>,
}

impl Counters {
    pub(super) fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self { map }
    }

    /// The counters now. One that cannot be read is zero.
    pub fn read(&self) -> KernelCounts {
        let mut sums = KernelCounts::default();
        for (index, sum) in sums.iter_mut().enumerate() {
            if let Ok(values) = self.map.get(&(index as u32), 0) {
                *sum = values.iter().sum();
            }
        }
        sums
    }
}
