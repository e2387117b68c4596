//! What the collector counts, in the OpenMetrics format. Every room counts here; the admin server shows it.

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
pub struct OfSink {
    sink: String,
}

impl OfSink {
    /// That of this name.
    pub fn named(name: &str) -> Self {
        Self { sink: name.to_owned() }
    }
}

/// How sensors are, in a word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OfState {
    state: &'static str,
}

impl OfState {
    /// That of this name.
    pub fn named(state: &'static str) -> Self {
        Self { state }
    }
}

/// All of it, and whether findings can be stored at this time.
pub struct Metrics {
    /// Streams of sensors that are open.
    pub streams: Gauge,
    /// Sensors that are remembered, by how they are.
    pub sensors: Family<OfState, Gauge>,
    /// Streams refused because their client had too many.
    pub streams_refused: Counter,
    /// Streams refused because no token came that is believed.
    pub tokens_refused: Counter,
    /// Batches received.
    pub batches: Counter,
    /// Findings received, repeats included.
    pub received: Counter,
    /// Their size, bytes.
    pub received_bytes: Counter,
    /// Findings that can never be stored.
    pub rejected: Counter,
    /// Findings whose checksum did not fit.
    pub damaged: Counter,
    /// Time that clients waited because they sent too fast, seconds.
    pub throttled: Counter<f64, AtomicU64>,
    /// Size of the database's file, bytes.
    pub store_size: Gauge,
    /// Size of its write-ahead log's, bytes.
    pub store_log_size: Gauge,
    /// Bytes of findings that were taken in and are not in the database yet.
    pub backlog_size: Gauge,
    take_seconds: Histogram,
    stored: Counter,
    store_failures: Counter,
    store_seconds: Histogram,
    /// Findings deleted by retention.
    pub deleted: Counter,
    /// Findings deleted before every sink had them.
    pub missed: Counter,
    /// Messages in the stream that are no findings.
    pub skipped: Counter,
    /// Findings that a sink took.
    pub sink_written: Family<OfSink, Counter>,
    /// Findings that a sink will never take.
    pub sink_rejected: Family<OfSink, Counter>,
    /// Attempts of a sink that failed and are made again.
    pub sink_failures: Family<OfSink, Counter>,
    /// Changes in the store that a sink has not seen, at most.
    pub sink_waiting: Family<OfSink, Gauge>,
    ready: watch::Sender<bool>,
    is_ready: Gauge,
}

impl Metrics {
    /// What every metric of the collector begins with.
    pub const PREFIX: &'static str = "scriptwatch_collector";

    /// Everything at zero, shown in this registry.
    pub fn register(registry: &mut Registry, version: &'static str) -> Self {
        registry.register("build", "The collector", Info::new([("version", version)]));
        macro_rules! one {
            ($name:literal, $help:literal) => {{
                let metric = Default::default();
                registry.register($name, $help, Clone::clone(&metric));
                metric
            }};
            ($name:literal, $help:literal, $unit:ident) => {
                one!($name, $help, $unit, Default::default())
            };
            ($name:literal, $help:literal, $unit:ident, $metric:expr) => {{
                let metric = $metric;
                registry.register_with_unit($name, $help, Unit::$unit, Clone::clone(&metric));
                metric
            }};
        }
        let is_ready: Gauge = one!("ready", "1 if findings can be stored, 0 if not");
        is_ready.set(1);
        Self {
            streams: one!("streams", "Streams of sensors that are open"),
            sensors: one!(
                "sensors",
                "Sensors heard of in the last three days, by state: silent for five minutes, impaired, behind, outdated, stopped, or ok; one may be in several"
            ),
            streams_refused: one!("streams_refused", "Streams refused because their client had too many"),
            tokens_refused: one!("tokens_refused", "Streams refused because no token came that is believed"),
            batches: one!("batches_received", "Batches received"),
            received: one!("findings_received", "Findings received, repeats included"),
            received_bytes: one!("findings_received", "Size of the findings received", Bytes),
            rejected: one!("findings_rejected", "Findings that can never be stored"),
            damaged: one!(
                "findings_damaged",
                "Findings whose checksum did not fit; their sensors send them again"
            ),
            throttled: one!(
                "client_throttled",
                "Time that clients waited because they sent too fast",
                Seconds
            ),
            store_size: one!("store_size", "Size of the database's file", Bytes),
            store_log_size: one!(
                "store_log_size",
                "Size of the database's write-ahead log, which readers may hold back",
                Bytes
            ),
            backlog_size: one!(
                "backlog_size",
                "Size of the findings that were taken in and are not in the database yet",
                Bytes
            ),
            take_seconds: one!(
                "take_duration",
                "From a batch's turn until it is on disk and acknowledged",
                Seconds,
                Histogram::new(SECONDS)
            ),
            stored: one!("findings_stored", "Findings stored, updates and repeats included"),
            store_failures: one!(
                "store_failures",
                "Attempts to store that failed; they are made again, by the collector or by the sensor"
            ),
            store_seconds: one!(
                "store_duration",
                "From a batch's turn to its storage",
                Seconds,
                Histogram::new(SECONDS)
            ),
            deleted: one!("findings_deleted", "Findings deleted by retention"),
            missed: one!("sink_findings_missed", "Findings deleted before every sink had them"),
            skipped: one!("messages_skipped", "Messages in the stream that are no findings"),
            sink_written: one!("sink_findings_written", "Findings that a sink took"),
            sink_rejected: one!("sink_findings_rejected", "Findings that a sink will never take"),
            sink_failures: one!("sink_failures", "Attempts of a sink that failed and are made again"),
            sink_waiting: one!(
                "sink_findings_waiting",
                "Changes in the store that a sink has not seen, at most"
            ),
            ready: watch::Sender::new(true),
            is_ready,
        }
    }

    /// A batch was taken in or not.
    pub fn take(&self, took: Duration, is_taken: bool) {
        if is_taken {
            self.take_seconds.observe(took.as_secs_f64());
        } else {
            self.store_failures.inc();
        }
    }

    /// A batch was stored (so many findings) or not.
    pub fn commit(&self, took: Duration, findings: Option<usize>) {
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
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.set(i64::from(is_ready));
        self.ready.send_if_modified(|before| std::mem::replace(before, is_ready) != is_ready);
    }

    /// Follows whether they can.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }
}

/// A registry as text, in the OpenMetrics format.
pub fn text_of(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    Ok(text)
}
