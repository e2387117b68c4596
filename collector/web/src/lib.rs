//! A page for people: findings newest first, live, read-only. What findings hold is hostile, so the page gets it as JSON and
//! puts it into text nodes only, and its policy lets nothing run or load that is not the page's own.
//!
//! Reads the store, and knows nothing of how findings came in.

mod api;
mod guard;
mod shared;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, header},
    middleware,
    response::IntoResponse,
    routing::get,
};
use shared::Shared;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Pages that are told of news at once.
const WATCHERS: usize = 64;

/// Serves the findings of a store until `stop` is cancelled. `hosts` are names by which the page may be called, besides
/// localhost and addresses.
pub async fn serve(listener: TcpListener, hosts: Vec<String>, store: PathBuf, stop: CancellationToken) {
    if let Ok(address) = listener.local_addr() {
        info!("page at http://{address}/");
        if !address.ip().is_loopback() {
            warn!("the page at {address} has no authentication: put a proxy in front of it that has");
        }
    }
    let shared = Shared { store, hosts, watchers: Arc::new(Semaphore::new(WATCHERS)), stop: stop.clone() };
    let serving = axum::serve(listener, router(shared)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(e) = serving.await {
        warn!("the page ended: {e}");
    }
}

fn router(shared: Shared) -> Router {
    let shared = Arc::new(shared);
    let file = |kind: &'static str, text: &'static str| get(move || async move { of_kind(kind, text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page.html")))
        .route("/page.css", file("text/css; charset=utf-8", include_str!("page.css")))
        .route("/page.js", file("text/javascript; charset=utf-8", include_str!("page.js")))
        .route("/api/findings", get(api::list))
        .route("/api/finding", get(api::show))
        .route("/api/nodes", get(api::nodes))
        .route("/api/news", get(api::news))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::check))
        .with_state(shared)
}

fn of_kind(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, kind)];
    (headers, text)
}
