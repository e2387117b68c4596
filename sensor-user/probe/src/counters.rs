//! The kernel half's counters, summed over CPUs.

use std::{fmt, sync::Arc};

use aya::maps::{MapData, PerCpuArray};
use ebpf::counter;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter},
};

/// Sums of the counters, in the order of `ebpf::counter`.
pub type KernelCounts = [u64; counter::COUNT as usize];

/// Reads the counters; in a registry it shows them, as they are at that moment. Cheap to clone.
#[derive(Clone)]
pub struct Counters {
    map: Arc<PerCpuArray<MapData, u64>>,
}

impl Counters {
    pub(crate) fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self { map: Arc::new(map) }
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

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counters")
    }
}

impl Collector for Counters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for ((name, help), value) in counter::NAMES.iter().zip(counter::HELP).zip(self.read()) {
            let name = format!("kernel_{name}");
            let metric = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        Ok(())
    }
}
