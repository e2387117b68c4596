//! What the collector counts, in the `OpenMetrics` format.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use tokio::sync::watch;

/// Bounds of the buckets for times to store, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0];

/// The name of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfSink {
    sink: String,
}

impl OfSink {
    pub(crate) fn named(name: &str) -> Self {
        Self { sink: name.to_owned() }
    }
}

/// All of it, and whether findings can be stored at this time.
pub struct Metrics {
    registry: Registry,
    pub(crate) streams: Gauge,
    pub(crate) streams_refused: Counter,
    pub(crate) batches: Counter,
    pub(crate) received: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) rejected: Counter,
    pub(crate) damaged: Counter,
    pub(crate) held_back: Counter<f64, AtomicU64>,
    stored: Counter,
    store_failures: Counter,
    store_seconds: Histogram,
    pub(crate) forgotten: Counter,
    pub(crate) missed: Counter,
    pub(crate) passed_over: Counter,
    pub(crate) sink_written: Family<OfSink, Counter>,
    pub(crate) sink_refused: Family<OfSink, Counter>,
    pub(crate) sink_failures: Family<OfSink, Counter>,
    pub(crate) sink_waiting: Family<OfSink, Gauge>,
    ready: watch::Sender<bool>,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("scriptwatch_collector");
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The collector", version);
        macro_rules! one {
            ($name:literal, $help:literal) => {
                one!($name, $help, Default::default())
            };
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
        }
        let streams = one!("streams", "Streams of sensors that are open");
        let streams_refused = one!("streams_refused", "Streams refused because their client had too many");
        let batches = one!("batches", "Batches taken in");
        let received = one!("findings_received", "Findings taken in, repeats included");
        let received_bytes = Counter::default();
        registry.register_with_unit(
            "findings_received",
            "Bytes of findings taken in",
            Unit::Bytes,
            received_bytes.clone(),
        );
        let rejected = one!("findings_rejected", "Findings that can never be stored");
        let damaged =
            one!("findings_damaged", "Findings whose checksum did not fit; their sensors send them again");
        let held_back = Counter::default();
        registry.register_with_unit(
            "held_back",
            "Time that clients waited because they sent too fast",
            Unit::Seconds,
            held_back.clone(),
        );
        let stored = one!("findings_stored", "Findings stored, updates and repeats included");
        let store_failures =
            one!("store_failures", "Batches that could not be stored; their sensors send them again");
        let store_seconds = Histogram::new(SECONDS);
        registry.register_with_unit(
            "store",
            "From a batch's turn to its storage",
            Unit::Seconds,
            store_seconds.clone(),
        );
        let forgotten = one!("findings_forgotten", "Findings past their retention");
        let missed = one!("sink_findings_missed", "Findings forgotten before every sink had them");
        let passed_over = one!("messages_passed_over", "Messages in the stream that are no findings");
        let sink_written = one!("sink_findings_written", "Findings that a sink took");
        let sink_refused = one!("sink_findings_refused", "Findings that a sink will never take");
        let sink_failures = one!("sink_failures", "Attempts of a sink that failed and are made again");
        let sink_waiting =
            one!("sink_findings_waiting", "Changes in the store that a sink has not seen, at most");
        Self {
            registry,
            streams,
            streams_refused,
            batches,
            received,
            received_bytes,
            rejected,
            damaged,
            held_back,
            stored,
            store_failures,
            store_seconds,
            forgotten,
            missed,
            passed_over,
            sink_written,
            sink_refused,
            sink_failures,
            sink_waiting,
            ready: watch::Sender::new(true),
        }
    }

    /// A batch was stored (so many findings) or not.
    pub(crate) fn commit(&self, took: Duration, findings: Option<usize>) {
        match findings {
            Some(findings) => {
                self.store_seconds.observe(took.as_secs_f64());
                self.stored.inc_by(findings as u64);
            }
            None => {
                self.store_failures.inc();
            }
        }
    }

    /// Can findings be stored?
    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.ready.send_if_modified(|before| std::mem::replace(before, is_ready) != is_ready);
    }

    /// Follows whether they can.
    pub(crate) fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// The text.
    pub(crate) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
