//! What happens to findings, counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Why a finding was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Dropped {
    reason: &'static str,
}

/// Bounds of the buckets for delivery, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0, 10.0, 60.0];

/// Counters and levels of delivery. Cheap to clone.
#[derive(Clone)]
pub struct DeliveryMetrics {
    /// Findings written to the spool, on disk where there is one.
    pub(crate) spooled: Counter,
    /// Findings that the collector has stored.
    pub(crate) delivered: Counter,
    /// Findings that the collector refused for good.
    pub(crate) rejected: Counter,
    /// Findings dropped before they were spooled, because writing was behind.
    pub(crate) dropped: Counter,
    /// Findings dropped from the spool because it was full or they were too old.
    pub(crate) expired: Counter,
    /// Damaged records of the spool.
    pub(crate) damaged: Counter,
    /// Findings in the spool.
    pub(crate) waiting: Gauge,
    /// Their size, bytes.
    pub(crate) waiting_bytes: Gauge,
    /// Of those, findings that are only in memory because the disk cannot be written.
    pub(crate) in_memory: Gauge,
    /// From the sending of a batch to its acknowledgement.
    pub(crate) seconds: Histogram,
}

impl DeliveryMetrics {
    /// Findings written to the spool so far.
    pub fn spooled(&self) -> u64 {
        self.spooled.get()
    }

    /// Findings dropped before they were spooled.
    pub fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// Findings in the spool now.
    pub fn waiting(&self) -> i64 {
        self.waiting.get()
    }

    /// Metrics that are shown in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let spooled = counter("findings_spooled", "Findings written to the spool");
        let delivered = counter("findings_delivered", "Findings that the collector has stored");
        let rejected = counter("findings_rejected", "Findings that the collector refused for good");
        let damaged = counter("spool_records_damaged", "Damaged records of the spool, cut off");
        let family: Family<Dropped, Counter> = Family::default();
        registry.register("findings_dropped", "Findings that will not be delivered", family.clone());
        let dropped = family.get_or_create_owned(&Dropped { reason: "spool_behind" });
        let expired = family.get_or_create_owned(&Dropped { reason: "expired" });
        let (waiting, waiting_bytes, in_memory) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("spool_findings", "Findings waiting to be delivered", waiting.clone());
        registry.register_with_unit(
            "spool_size",
            "Size of the findings waiting to be delivered",
            Unit::Bytes,
            waiting_bytes.clone(),
        );
        registry.register(
            "spool_findings_in_memory",
            "Findings waiting in memory because the disk cannot be written",
            in_memory.clone(),
        );
        let seconds = Histogram::new(SECONDS);
        registry.register_with_unit(
            "delivery_duration",
            "From the sending of a batch to its acknowledgement",
            Unit::Seconds,
            seconds.clone(),
        );
        Self {
            spooled,
            delivered,
            rejected,
            dropped,
            expired,
            damaged,
            waiting,
            waiting_bytes,
            in_memory,
            seconds,
        }
    }
}

#[cfg(test)]
impl Default for DeliveryMetrics {
    fn default() -> Self {
        Self::register(&mut Registry::default())
    }
}
