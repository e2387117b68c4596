//! The collector's state over HTTP: `/healthz` and `/readyz` for probes, `/metrics` for Prometheus. No script text passes
//! here.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, sync::watch};
use tracing::info;

use crate::{metrics::Metrics, server::ServerError};

/// Serves until `stop` turns true.
pub(crate) async fn serve(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServerError> {
    let listener = TcpListener::bind(address).await.map_err(|e| ServerError::Listen(address, e))?;
    info!("state at http://{}/metrics", listener.local_addr()?);
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(encoded))
        .with_state(metrics);
    tokio::spawn(async move {
        let stop = async move {
            let _ = stop.wait_for(|s| *s).await;
        };
        if let Err(e) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            tracing::warn!("the state at {address} ended: {e}");
        }
    });
    Ok(())
}

async fn readyz(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    if *metrics.ready().borrow() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "findings cannot be stored; the log says why\n")
    }
}

async fn encoded(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match metrics.encode() {
        Ok(text) => (StatusCode::OK, kind, text),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, kind, e.to_string()),
    }
}
