//! What the daemon counts.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tracing::info;

use crate::{
    delivery::QueueCounts,
    probe::{Counters, KernelCounts},
    script::AssemblerCounts,
};

/// A counter that any thread may add to.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Every counter of the daemon.
pub struct Telemetry {
    /// Events read.
    pub events: Count,
    /// Records that could not be decoded.
    pub undecodable: Count,
    /// Captures dropped because scoring was behind.
    pub unscored: Count,
    /// Captures judged.
    pub scored: Count,
    /// Captures the model failed on.
    pub failed: Count,
    cache: [AtomicU64; 2],
    assembler: Mutex<(AssemblerCounts, usize)>,
    kernel: Counters,
    queue: OnceLock<Arc<QueueCounts>>,
}

impl Telemetry {
    pub(super) fn new(kernel: Counters) -> Self {
        Self {
            events: Count::default(),
            undecodable: Count::default(),
            unscored: Count::default(),
            scored: Count::default(),
            failed: Count::default(),
            cache: Default::default(),
            assembler: Mutex::default(),
            kernel,
            queue: OnceLock::new(),
        }
    }

    pub(super) fn follow(&self, queue: Arc<QueueCounts>) {
        let _ = self.queue.set(queue);
    }

    pub(super) fn set_cache(&self, hits: u64, misses: u64) {
        self.cache[0].store(hits, Ordering::Relaxed);
        self.cache[1].store(misses, Ordering::Relaxed);
    }

    pub(super) fn set_assembler(&self, counts: AssemblerCounts, shells: usize) {
        *self.assembler.lock().unwrap_or_else(PoisonError::into_inner) = (counts, shells);
    }

    /// The kernel half's counters.
    pub fn kernel(&self) -> KernelCounts {
        self.kernel.read()
    }

    /// Writes all counters to the log, in one line that tests and people can read.
    pub fn log(&self) {
        let (assembler, shells) = *self.assembler.lock().unwrap_or_else(PoisonError::into_inner);
        let kernel: Vec<String> = sensor_ebpf::counter::NAMES
            .iter()
            .zip(self.kernel())
            .map(|(name, n)| format!("kernel_{name}={n}"))
            .collect();
        let queue = self.queue.get().map(|q| {
            let n = |a: &AtomicU64| a.load(Ordering::Relaxed);
            format!(
                "findings_made={} findings_stored={} findings_rejected={} findings_dropped={}",
                n(&q.made),
                n(&q.stored),
                n(&q.rejected),
                n(&q.dropped)
            )
        });
        info!(
            "totals: events={} undecodable={} shells={} scripts={} captures={} scored={} unscored={} failed={} \
             orphans={} lost_events={} cut_bytes={} memory_cut_bytes={} shells_lost={} shells_silent={} evaluated_again={} abandoned={} followed={shells} cache_hits={} \
             cache_misses={} {} {}",
            self.events.get(),
            self.undecodable.get(),
            assembler.shells,
            assembler.scripts,
            assembler.captures,
            self.scored.get(),
            self.unscored.get(),
            self.failed.get(),
            assembler.orphans,
            assembler.lost_events,
            assembler.cut_bytes,
            assembler.memory_cut_bytes,
            assembler.shells_lost,
            assembler.shells_silent,
            assembler.evaluated_again,
            assembler.abandoned,
            self.cache[0].load(Ordering::Relaxed),
            self.cache[1].load(Ordering::Relaxed),
            kernel.join(" "),
            queue.unwrap_or_default(),
        );
    }
}
