//! What detection counts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use response::Action;

/// Whether a verdict was found in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lookup {
    result: &'static str,
}

/// What was done about a script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Done {
    action: &'static str,
}

/// Bounds of the buckets for scoring, in seconds.
const SECONDS: [f64; 10] = [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.02, 0.1, 1.0];

/// Counters of detection. Cheap to clone.
#[derive(Clone)]
pub struct DetectionMetrics {
    pub(crate) scored: Counter,
    pub(crate) failed: Counter,
    pub(crate) seconds: Histogram,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) sessions: Counter,
    pub(crate) detections: Counter,
    pub(crate) repeated: Counter,
    pub(crate) suppressed: Counter,
    responses: Family<Done, Counter>,
    pub(crate) incomplete: Counter,
    pub(crate) completed: Counter,
}

impl DetectionMetrics {
    /// Metrics that are shown in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let scored = counter("captures_scored", "Captures judged");
        let failed = counter("captures_failed", "Captures on which the model failed");
        let sessions = counter(
            "sessions_scored",
            "Texts judged that join what the shells of a container, or of one ancestry outside, ran",
        );
        let detections =
            counter("detections", "Malicious scripts and their later versions, suppressed ones included");
        let repeated = counter(
            "detections_repeated",
            "Further runs of a malicious script in the same container, which are counted in its finding",
        );
        let suppressed =
            counter("detections_suppressed", "Malicious captures not reported because of a suppression");
        let incomplete =
            counter("findings_incomplete", "Findings sent before it was known who ran the script");
        let completed =
            counter("findings_completed", "Findings sent again when it became known who ran the script");
        let responses: Family<Done, Counter> = Family::default();
        registry.register("responses", "What was done about malicious scripts", responses.clone());
        let seconds = Histogram::new(SECONDS);
        registry.register_with_unit(
            "scoring_duration",
            "Time to judge a capture that was not in the cache",
            Unit::Seconds,
            seconds.clone(),
        );
        let lookups: Family<Lookup, Counter> = Family::default();
        registry.register("verdict_cache_lookups", "Verdicts looked up by hash", lookups.clone());
        let lookup = |result| lookups.get_or_create_owned(&Lookup { result });
        let (hits, misses) = (lookup("hit"), lookup("miss"));
        Self {
            scored,
            failed,
            seconds,
            hits,
            misses,
            sessions,
            detections,
            repeated,
            suppressed,
            responses,
            incomplete,
            completed,
        }
    }

    /// Counts what was done about a script.
    pub(crate) fn responded(&self, action: Action) {
        self.responses.get_or_create_owned(&Done { action: action.name() }).inc();
    }
}
