//! What the daemon counts, as one list that the log, `sensor status` and the metrics all show.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tracing::info;

use crate::{
    delivery::DeliveryCounts,
    probe::{Counters, Tier},
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

/// What there is now, and may be less later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Levels {
    /// Shells followed.
    pub(super) shells: usize,
    /// Shell binaries with probes.
    pub(super) probed: usize,
    /// Bytes of scripts in the making.
    pub(super) kept_bytes: usize,
    /// Containers remembered.
    pub(super) containers: usize,
}

/// A number with its name.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Lower-case words, joined by underscores.
    pub name: String,
    /// What it counts, a sentence without a full stop.
    pub help: &'static str,
    /// The number.
    pub value: u64,
    /// It only ever grows.
    pub is_counter: bool,
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
    /// Malicious captures that a rule of the operator's keeps from being reported.
    pub suppressed: Count,
    /// Findings that went out before it was known who ran their script.
    pub incomplete: Count,
    /// Findings sent again because more became known.
    pub completed: Count,
    cache: [AtomicU64; 2],
    assembler: Mutex<(AssemblerCounts, Levels)>,
    kernel: Counters,
    queue: OnceLock<Arc<DeliveryCounts>>,
    tier: Tier,
    started: Instant,
    /// Milliseconds after `started` when the capture thread last came by.
    capture_seen_ms: AtomicU64,
}

/// A capture thread that did not come by for this long hangs.
const HUNG_MS: u64 = 10_000;

impl Telemetry {
    pub(super) fn new(kernel: Counters, tier: Tier) -> Self {
        Self {
            events: Count::default(),
            undecodable: Count::default(),
            unscored: Count::default(),
            scored: Count::default(),
            failed: Count::default(),
            suppressed: Count::default(),
            incomplete: Count::default(),
            completed: Count::default(),
            cache: Default::default(),
            assembler: Mutex::default(),
            kernel,
            queue: OnceLock::new(),
            tier,
            started: Instant::now(),
            capture_seen_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn follow(&self, queue: Arc<DeliveryCounts>) {
        let _ = self.queue.set(queue);
    }

    pub(super) fn set_cache(&self, hits: u64, misses: u64) {
        self.cache[0].store(hits, Ordering::Relaxed);
        self.cache[1].store(misses, Ordering::Relaxed);
    }

    /// The capture thread's account; it also shows that it is alive.
    pub(super) fn set_assembler(&self, counts: AssemblerCounts, levels: Levels) {
        *self.assembler.lock().unwrap_or_else(PoisonError::into_inner) = (counts, levels);
        self.capture_seen_ms.store(self.uptime_ms(), Ordering::Relaxed);
    }

    fn uptime_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Does the capture thread still come by?
    pub fn is_healthy(&self) -> bool {
        self.uptime_ms().saturating_sub(self.capture_seen_ms.load(Ordering::Relaxed)) < HUNG_MS
    }

    /// The capture tier in use.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Every number, now.
    pub fn readings(&self) -> Vec<Reading> {
        let (script, levels) = *self.assembler.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::with_capacity(48);
        let mut put = |name: &str, help: &'static str, value: u64, is_counter: bool| {
            all.push(Reading { name: name.to_owned(), help, value, is_counter });
        };
        put("uptime_seconds", "Seconds since the programs were attached", self.uptime_ms() / 1000, false);
        put("followed", "Shells followed now", levels.shells as u64, false);
        put("probed", "Shell binaries with probes now", levels.probed as u64, false);
        put(
            "containers",
            "Containers known, those that ended a while ago among them",
            levels.containers as u64,
            false,
        );
        put("kept_bytes", "Bytes of scripts in the making", levels.kept_bytes as u64, false);
        for (name, help, value) in [
            ("events", "Events read from the kernel", self.events.get()),
            ("undecodable", "Records that could not be decoded", self.undecodable.get()),
            ("shells", "Shells seen", script.shells),
            ("scripts", "Distinct scripts", script.scripts),
            ("captures", "Captures handed over; a growing script is handed over again", script.captures),
            ("scored", "Captures judged", self.scored.get()),
            ("unscored", "Captures dropped because scoring was behind", self.unscored.get()),
            ("failed", "Captures the model failed on", self.failed.get()),
            ("suppressed", "Malicious captures not reported because of a suppression", self.suppressed.get()),
            (
                "findings_incomplete",
                "Findings sent before it was known who ran the script",
                self.incomplete.get(),
            ),
            (
                "findings_completed",
                "Findings sent again when it became known who ran the script",
                self.completed.get(),
            ),
            ("orphans", "Events of processes whose execution was not seen", script.orphans),
            ("lost_events", "Events lost, by the processes' own accounts", script.lost_events),
            ("cut_bytes", "Script bytes beyond the limit of one script", script.cut_bytes),
            (
                "memory_cut_bytes",
                "Script bytes beyond the limit of all scripts together",
                script.memory_cut_bytes,
            ),
            (
                "shells_lost",
                "Shells of which no script was captured because events were lost",
                script.shells_lost,
            ),
            ("shells_silent", "Shells that had no script", script.shells_silent),
            ("evaluated_again", "Evaluated strings that were handed over before", script.evaluated_again),
            ("abandoned", "Processes forgotten because their end was not seen", script.abandoned),
            ("cache_hits", "Verdicts found by hash", self.cache[0].load(Ordering::Relaxed)),
            ("cache_misses", "Verdicts made anew", self.cache[1].load(Ordering::Relaxed)),
        ] {
            put(name, help, value, true);
        }
        for ((name, help), value) in
            sensor_ebpf::counter::NAMES.iter().zip(sensor_ebpf::counter::HELP).zip(self.kernel.read())
        {
            put(&format!("kernel_{name}"), help, value, true);
        }
        if let Some(queue) = self.queue.get() {
            for (name, help, value, is_counter) in queue.readings() {
                put(name, help, value, is_counter);
            }
        }
        all
    }

    /// Writes all counters to the log, in one line that tests and people can read.
    pub fn log(&self) {
        let all: Vec<String> = self.readings().iter().map(|r| format!("{}={}", r.name, r.value)).collect();
        info!("totals: {}", all.join(" "));
    }
}
