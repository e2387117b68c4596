//! The gRPC server: ingest, health and reflection on one port.

use std::{future::Future, net::SocketAddr, path::PathBuf, time::Duration};

use proto::ingest::ingest_service_server::IngestServiceServer;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{codec::CompressionEncoding, transport::Server};
use tracing::{info, warn};

use crate::{
    ingest::Ingest,
    retention::{Limits, Retention},
    sink::{JsonLines, SccOptions, SecurityCommandCenter, follow},
    store::{Store, StoreError},
    tls::{self, Current, Files, TlsError},
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
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Reflection could not be set up.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Streams that one connection may have; a sensor has one.
const STREAMS_PER_CONNECTION: u32 = 16;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// The database.
    pub store: PathBuf,
    /// How much is kept.
    pub retention: Limits,
    /// Findings are appended to this file as JSON Lines; `-` is standard output.
    pub json_lines: Option<PathBuf>,
    /// Findings are written to Security Command Center.
    pub scc: Option<SccOptions>,
    /// Certificates; without them connections are not encrypted.
    pub tls: Option<Files>,
    /// The port is written there once it is open.
    pub port_file: Option<PathBuf>,
}

/// Serves until `stop` resolves; what was taken in by then is stored before this returns.
pub async fn serve(options: Options, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
    let Options { listen, store, retention, json_lines, scc, tls, port_file } = options;
    let tls = tls.map(Current::load).transpose()?;
    let (jobs, writer) = writer::start(Store::open(&store)?, Retention::new(retention))?;
    let listener = TcpListener::bind(listen).await.map_err(|e| ServerError::Listen(listen, e))?;
    let address = listener.local_addr()?;
    if let Some(path) = port_file {
        std::fs::write(path, address.port().to_string())?;
    }
    let is_encrypted = tls.is_some();
    let (stopped, stopping) = watch::channel(false);
    let mut sinks = JoinSet::new();
    if let Some(path) = json_lines {
        sinks.spawn(follow(JsonLines::new(&path), store.clone(), stopping.clone()));
    }
    if let Some(options) = scc {
        sinks.spawn(follow(SecurityCommandCenter::new(options), store.clone(), stopping.clone()));
    }
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
    info!(%address, tls = is_encrypted, "collector listening");
    let mut overdue = stopping.clone();
    let router = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(ingest);
    let stop = async move {
        stop.await;
        info!("stopping");
        stopped.send_replace(true);
    };
    let serving = async move {
        match tls {
            Some(current) => {
                let incoming = ReceiverStream::new(tls::accept(listener, current));
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
            None => router.serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop).await,
        }
    };
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
    // Sinks go on from where they stopped when the collector comes again.
    let _ = tokio::time::timeout(GRACE, sinks.join_all()).await;
    // The last sender went with the server; the writer stores what it has and ends.
    let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    Ok(())
}
