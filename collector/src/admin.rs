//! The collector's state over HTTP: `/healthz` and `/readyz` for probes, `/metrics` for Prometheus. No script text passes
//! here.

use std::sync::Arc;

use axum::{
    Router,
    extract::State as Extract,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics::{Metrics, text_of};
use prometheus_client::registry::Registry;
use stage::Supervisor;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What the server tells.
pub(crate) struct State {
    pub(crate) registry: Registry,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) supervisor: Supervisor,
}

/// Serves until `stop` is cancelled.
pub(crate) async fn serve(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    if let Ok(address) = listener.local_addr() {
        info!("metrics at http://{address}/metrics");
    }
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(encoded))
        .with_state(state);
    if let Err(e) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::warn!("the admin server ended: {e}");
    }
}

async fn healthz(Extract(state): Extract<Arc<State>>) -> impl IntoResponse {
    match state.supervisor.failure() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(failure) => (StatusCode::SERVICE_UNAVAILABLE, format!("{failure}\n")),
    }
}

async fn readyz(Extract(state): Extract<Arc<State>>) -> impl IntoResponse {
    if state.supervisor.failure().is_none() && *state.metrics.ready().borrow() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "findings cannot be stored; the log says why\n")
    }
}

async fn encoded(Extract(state): Extract<Arc<State>>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match text_of(&state.registry) {
        Ok(text) => (StatusCode::OK, kind, text),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, kind, e.to_string()),
    }
}
