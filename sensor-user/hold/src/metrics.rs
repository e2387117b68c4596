//! What is counted of stopped shells.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

/// How a hold ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    outcome: &'static str,
}

/// Bounds of the buckets for holds, in seconds.
const SECONDS: [f64; 10] = [0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1];

/// Counters of holds. Cheap to clone.
#[derive(Clone)]
pub struct HoldMetrics {
    ends: Family<End, Counter>,
    seconds: Histogram,
    pub(crate) pauses: Counter,
}

impl HoldMetrics {
    /// Metrics that are shown in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let ends: Family<End, Counter> = Family::default();
        registry.register(
            "holds",
            "Shells that were stopped until their text was judged, by how that ended",
            ends.clone(),
        );
        let seconds = Histogram::new(SECONDS);
        registry.register_with_unit(
            "hold_duration",
            "How long shells were stopped",
            Unit::Seconds,
            seconds.clone(),
        );
        let pauses = Counter::default();
        registry.register(
            "hold_pauses",
            "Times that a cgroup's shells, or anybody's, were not stopped for a while, because verdicts did not come in time",
            pauses.clone(),
        );
        let metrics = Self { ends, seconds, pauses };
        // They are there before anything was stopped.
        for outcome in ["judged", "timed_out", "left_over"] {
            let _ = metrics.count_of(outcome);
        }
        metrics
    }

    fn count_of(&self, outcome: &'static str) -> Counter {
        self.ends.get_or_create_owned(&End { outcome })
    }

    pub(crate) fn judged(&self, took: Duration) {
        self.count_of("judged").inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn timed_out(&self, took: Duration) {
        self.count_of("timed_out").inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn left_over(&self, count: u64) {
        self.count_of("left_over").inc_by(count);
    }
}
