//! The gRPC server: ingest, health and reflection on one port.

use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use proto::ingest::ingest_service_server::IngestServiceServer;
use tokio::{net::TcpListener, sync::watch};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{codec::CompressionEncoding, transport::Server};
use tracing::{info, warn};

use crate::{
    ingest::Ingest,
    store::{Store, StoreError},
    writer,
};

/// Largest message in either direction: a script of 1 MiB and what is around it fits well.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How long a stop waits for clients to close their connections.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not ours.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The transport failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Something of the system.
    #[error("{0}")]
    System(#[from] std::io::Error),
    /// Reflection could not be set up.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until `stop` resolves; what was taken in by then is stored before this returns.
pub async fn serve(
    listen: SocketAddr,
    store: &Path,
    port_file: Option<PathBuf>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    let store = Store::open(store)?;
    let (jobs, writer) = writer::start(store)?;
    let listener = TcpListener::bind(listen).await.map_err(|e| ServerError::Listen(listen, e))?;
    let address = listener.local_addr()?;
    if let Some(path) = port_file {
        std::fs::write(path, address.port().to_string())?;
    }
    let (stopped, stopping) = watch::channel(false);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<IngestServiceServer<Ingest>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let ingest = IngestServiceServer::new(Ingest::new(jobs, stopping.clone()))
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES)
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip);
    info!(%address, "collector listening");
    let mut overdue = stopping.clone();
    let serving = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(ingest)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
            stop.await;
            info!("stopping");
            stopped.send_replace(true);
        });
    tokio::select! {
        served = serving => served?,
        () = async {
            let _ = overdue.wait_for(|s| *s).await;
            tokio::time::sleep(GRACE).await;
        } => {
            // What was not acknowledged will be sent again.
            warn!("some clients did not close their connections within {GRACE:?}");
            return Ok(());
        }
    }
    // The last sender went with the server; the writer stores what it has and ends.
    let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    Ok(())
}
