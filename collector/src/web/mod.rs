//! A page for people: findings newest first, live, read-only. What findings hold is hostile, so the page gets it as JSON and
//! puts it into text nodes only, and its policy lets nothing run or load that is not the page's own.

mod api;
mod guard;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, header},
    middleware,
    response::IntoResponse,
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tracing::{info, warn};

use crate::server::ServerError;

/// Pages that are told of news at once.
const WATCHERS: usize = 64;

/// Where the page is.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Names that it may be called by, besides localhost and addresses.
    pub hosts: Vec<String>,
}

/// What requests share.
struct Shared {
    store: PathBuf,
    hosts: Vec<String>,
    watchers: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// Serves until `stop` turns true.
pub(crate) async fn serve(
    options: Options,
    store: PathBuf,
    stop: watch::Receiver<bool>,
) -> Result<(), ServerError> {
    let Options { listen, hosts } = options;
    let listener = TcpListener::bind(listen).await.map_err(|e| ServerError::Listen(listen, e))?;
    let address = listener.local_addr()?;
    info!("page at http://{address}/");
    if !address.ip().is_loopback() {
        warn!("the page at {address} asks nobody who they are: put a proxy before it that does");
    }
    let mut stopping = stop.clone();
    let router = router(Shared { store, hosts, watchers: Arc::new(Semaphore::new(WATCHERS)), stop });
    tokio::spawn(async move {
        let stop = async move {
            let _ = stopping.wait_for(|s| *s).await;
        };
        if let Err(e) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            warn!("the page at {address} ended: {e}");
        }
    });
    Ok(())
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
        .route("/api/news", get(api::news))
        .layer(middleware::from_fn_with_state(shared.clone(), guard::check))
        .with_state(shared)
}

fn of_kind(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, kind)];
    (headers, text)
}
