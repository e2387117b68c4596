//! The sensor's state over HTTP, on loopback unless told otherwise: `/status` for `sensor status`, `/healthz` and
//! `/readyz` for probes, `/metrics` in the `OpenMetrics` format. No script text passes here.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge, info::Info},
    registry::Registry,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::Telemetry;

/// What `/status` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of the sensor.
    pub version: String,
    /// Name of the node.
    pub node: String,
    /// Capture tier.
    pub tier: String,
    /// True while capture is alive.
    pub healthy: bool,
    /// Every counter and level, by name.
    pub readings: std::collections::BTreeMap<String, u64>,
}

struct Shared {
    telemetry: Arc<Telemetry>,
    node: String,
}

/// Serves until the runtime ends. An address that cannot be had is told, and the sensor goes on without.
pub(super) async fn serve(address: SocketAddr, telemetry: Arc<Telemetry>, node: String) {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(e) => {
            warn!("no status at {address}: {e}; give another address with --status-listen, or `off`");
            return;
        }
    };
    if let Ok(bound) = listener.local_addr() {
        info!("status at http://{bound}/status");
    }
    let router = Router::new()
        .route("/status", get(status))
        .route("/healthz", get(healthz))
        .route("/readyz", get(healthz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Shared { telemetry, node }));
    if let Err(e) = axum::serve(listener, router).await {
        warn!("the status at {address} ended: {e}");
    }
}

async fn status(State(shared): State<Arc<Shared>>) -> Json<Status> {
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        node: shared.node.clone(),
        tier: shared.telemetry.tier().to_string(),
        healthy: shared.telemetry.is_healthy(),
        readings: shared.telemetry.readings().into_iter().map(|r| (r.name, r.value)).collect(),
    })
}

/// The programs are attached before this is served, so being alive is being ready.
async fn healthz(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    if shared.telemetry.is_healthy() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the capture thread hangs\n")
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let mut registry = Registry::with_prefix("scriptwatch");
    let labels = vec![
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("tier".to_owned(), shared.telemetry.tier().to_string()),
        ("node".to_owned(), shared.node.clone()),
    ];
    registry.register("sensor", "The sensor", Info::new(labels));
    registry.register_collector(Box::new(Readings(shared.telemetry.clone())));
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            text,
        ),
        Err(fmt::Error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new())
        }
    }
}

struct Readings(Arc<Telemetry>);

impl fmt::Debug for Readings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Readings")
    }
}

impl Collector for Readings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for reading in self.0.readings() {
            let kind = if reading.is_counter { MetricType::Counter } else { MetricType::Gauge };
            let metric = encoder.encode_descriptor(&reading.name, reading.help, None, kind)?;
            if reading.is_counter {
                ConstCounter::new(reading.value).encode(metric)?;
            } else {
                ConstGauge::new(i64::try_from(reading.value).unwrap_or(i64::MAX)).encode(metric)?;
            }
        }
        Ok(())
    }
}
