//! The HTTP server.

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    extract::State as Extract,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use stage::Supervisor;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::{connections, readings::readings, status::Status};

/// What the server tells.
pub struct State {
    /// Every metric.
    pub registry: Registry,
    /// Whether the sensor is well.
    pub supervisor: Supervisor,
    /// Version of the sensor.
    pub version: &'static str,
    /// Name of the node.
    pub node: String,
    /// Capture tier.
    pub tier: String,
}

impl State {
    fn status(&self) -> Status {
        let failure = self.supervisor.failure().map(|failure| failure.to_string());
        Status {
            version: self.version.to_owned(),
            node: self.node.clone(),
            tier: self.tier.clone(),
            healthy: failure.is_none(),
            failure,
            readings: readings(&self.registry),
        }
    }
}

/// How much a server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// The sensor's state and every figure.
    All,
    /// Whether it is well, and no figure: figures tell an attacker what of his was seen.
    Health,
}

/// Serves until the runtime ends. An address that cannot be had is told, and the sensor goes on without.
pub async fn serve(address: SocketAddr, state: Arc<State>, tells: Tells) {
    let option = match tells {
        Tells::All => "--admin-listen",
        Tells::Health => "--probe-listen",
    };
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(e) => {
            warn!("the address {address} cannot be used: {e}; give another with {option}, or `off`");
            return;
        }
    };
    let router = match tells {
        Tells::All => Router::new()
            .route("/status", get(status))
            .route("/metrics", get(metrics))
            .route("/healthz", get(healthz))
            .route("/readyz", get(healthz)),
        Tells::Health => Router::new().route("/healthz", get(probe)).route("/readyz", get(probe)),
    };
    if let Ok(bound) = listener.local_addr() {
        match tells {
            Tells::All => info!("status at http://{bound}/status"),
            Tells::Health => info!("probes at http://{bound}/readyz"),
        }
    }
    connections::serve(listener, router.with_state(state)).await;
}

async fn probe(Extract(state): Extract<Arc<State>>) -> impl IntoResponse {
    match state.supervisor.failure() {
        None => (StatusCode::OK, "ok\n"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "failed: see the log\n"),
    }
}

async fn status(Extract(state): Extract<Arc<State>>) -> Json<Status> {
    Json(state.status())
}

/// The programs are attached before this is served, so being alive is being ready.
async fn healthz(Extract(state): Extract<Arc<State>>) -> impl IntoResponse {
    match state.supervisor.failure() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(failure) => (StatusCode::SERVICE_UNAVAILABLE, format!("{failure}\n")),
    }
}

async fn metrics(Extract(state): Extract<Arc<State>>) -> impl IntoResponse {
    let mut text = String::new();
    match encode(&mut text, &state.registry) {
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
