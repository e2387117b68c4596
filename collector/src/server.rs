//! The collector's two services: taking findings in over gRPC, and indexing what other collectors took in.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use proto::ingest::ingest_service_server::IngestServiceServer;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{codec::CompressionEncoding, transport::Server};
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use crate::{
    address::StoreAddress,
    clients::{ClientLimits, Clients},
    ingest::Ingest,
    jetstream::{self, Address, Index, JetStreamError},
    metrics::Metrics,
    outlets::{self, Outlets, Running},
    status,
    store::StoreError,
    tls::{self, Current, Files, TlsError},
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
    /// The stream cannot be used.
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
    /// An option wants a database, and there is none.
    #[error("{0} wants a database: give it to the `collector index` that reads the stream")]
    NoDatabase(&'static str),
    /// A sink's options are wrong.
    #[error("{0}")]
    Sink(String),
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
    /// Where findings are kept.
    pub store: StoreAddress,
    /// What goes out of it.
    pub outlets: Outlets,
    /// What one client may ask for.
    pub clients: ClientLimits,
    /// Certificates; without them connections are not encrypted.
    pub tls: Option<Files>,
    /// The port is written there once it is open.
    pub port_file: Option<PathBuf>,
}

/// Serves until `stop` resolves; what was taken in by then is stored before this returns.
pub async fn serve(options: Options, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
    let Options { listen, store, outlets, clients, tls, port_file } = options;
    let tls = tls.map(Current::load).transpose()?;
    let metrics = Arc::new(Metrics::new());
    let (stopped, stopping) = watch::channel(false);
    let Running { keeper, sinks } = match store {
        StoreAddress::File(path) => outlets::start(outlets, path, &metrics, &stopping).await?,
        StoreAddress::JetStream(address) => {
            if let Some(option) = outlets.needing_a_database().first() {
                return Err(ServerError::NoDatabase(option));
            }
            let keeper = jetstream::start(&address, outlets.retention, metrics.clone()).await?;
            if let Some(address) = outlets.status {
                status::serve(address, metrics.clone(), stopping.clone()).await?;
            }
            Running { keeper, sinks: JoinSet::new() }
        }
    };
    let listener = TcpListener::bind(listen).await.map_err(|e| ServerError::Listen(listen, e))?;
    let address = listener.local_addr()?;
    if let Some(path) = port_file {
        std::fs::write(path, address.port().to_string())?;
    }
    let is_encrypted = tls.is_some();
    let (health, health_service) = tonic_health::server::health_reporter();
    let telling = tell_health(health, &metrics, &stopping);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let ingest = IngestServiceServer::new(Ingest::new(
        keeper.jobs,
        Clients::new(clients),
        metrics.clone(),
        stopping.clone(),
    ))
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
    telling.abort();
    // Sinks go on from where they stopped when the collector comes again.
    let _ = tokio::time::timeout(GRACE, sinks.join_all()).await;
    // The last sender went with the server; the keeper stores what it has and ends.
    let _ = keeper.ended.await;
    Ok(())
}

/// Tells gRPC's health service whether findings can be stored.
fn tell_health(
    health: HealthReporter,
    metrics: &Arc<Metrics>,
    stop: &watch::Receiver<bool>,
) -> JoinHandle<()> {
    let (mut ready, mut stop) = (metrics.ready(), stop.clone());
    tokio::spawn(async move {
        loop {
            let is_ready = *ready.borrow_and_update() && !*stop.borrow();
            if is_ready {
                health.set_serving::<IngestServiceServer<Ingest>>().await;
            } else {
                health.set_not_serving::<IngestServiceServer<Ingest>>().await;
            }
            tokio::select! {
                changed = ready.changed() => if changed.is_err() { return },
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    })
}

/// How to index.
#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// The stream.
    pub from: Address,
    /// Name of the consumer, under which the server keeps the place.
    pub consumer: String,
    /// The database.
    pub store: PathBuf,
    /// What goes out of it.
    pub outlets: Outlets,
}

/// Writes a stream into a database until `stop` resolves.
pub async fn index(options: IndexOptions, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
    let IndexOptions { from, consumer, store, outlets } = options;
    let metrics = Arc::new(Metrics::new());
    let (stopped, stopping) = watch::channel(false);
    let Running { keeper, sinks } = outlets::start(outlets, store, &metrics, &stopping).await?;
    let indexing = jetstream::index(Index { address: from, consumer }, &keeper, &metrics, stopping.clone());
    let stop = async move {
        stop.await;
        info!("stopping");
        stopped.send_replace(true);
        // The reader sees it and ends.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = indexing => done?,
        () = stop => {}
    }
    let _ = tokio::time::timeout(GRACE, sinks.join_all()).await;
    drop(keeper.jobs);
    let _ = keeper.ended.await;
    Ok(())
}
