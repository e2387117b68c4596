//! The collector's two services: taking findings in over gRPC, and indexing what other collectors took in.

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use ingest::{
    ClientLimits, Clients, Ingest, accept,
    tls::{Current, Files},
    token::{self, Tokens},
};
use jetstream::{Address, Index};
use metrics::Metrics;
use proto::ingest::ingest_service_server::IngestServiceServer;
use store::Hearing;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, transport::Server};
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use crate::{
    address::StoreAddress,
    error::ServerError,
    outlets::{self, Outlets, Running, Taking, bind, serve_admin},
    process::Process,
};

/// Largest message in either direction: a script of 1 MiB and what is around it fits well.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// How long a stop waits for clients to close their connections.
const GRACE: Duration = Duration::from_secs(5);

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
    /// Whose tokens are believed; without it clients need none.
    pub tokens: Option<token::Options>,
    /// Projects that findings may be filed under; empty is any.
    pub projects: Vec<String>,
    /// The port is written there once it is open.
    pub port_file: Option<PathBuf>,
}

/// Serves until `stop` resolves; what was taken in by then is stored before this returns. Ends with an error when a stage
/// fails.
pub async fn serve(options: Options, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
    let Options { listen, store, outlets, clients, tls, tokens, projects, port_file } = options;
    let tls = tls.map(Current::load).transpose()?;
    let process = Process::start()?;
    let tokens = tokens
        .map(|tokens| Tokens::start(tokens, &process.supervisor, process.stop.clone()))
        .transpose()
        .map_err(ServerError::Tokens)?;
    let running = match store {
        StoreAddress::File(path) => outlets::start(outlets, path, Taking::Backlog, &process).await?,
        StoreAddress::JetStream(address) => {
            if let Some(option) = outlets.needing_a_database().first() {
                return Err(ServerError::NoDatabase(option));
            }
            let (metrics, supervisor) = (process.metrics.clone(), &process.supervisor);
            let (limits, stop) = (outlets.retention, process.stop.clone());
            let writing = jetstream::start(&address, limits, metrics, supervisor, stop).await?;
            serve_admin(outlets.admin, &process).await?;
            Running::without_sinks(writing)
        }
    };
    let listener = bind(listen).await?;
    let address = listener.local_addr()?;
    if let Some(path) = port_file {
        std::fs::write(path, address.port().to_string())?;
    }
    let is_encrypted = tls.is_some();
    let (health, health_service) = tonic_health::server::health_reporter();
    let telling = tell_health(health, process.metrics.clone(), process.stop.clone());
    process.supervisor.task("health", telling);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let hearing = Arc::new(Hearing::default());
    let passing_on = {
        let (hearing, handle, stop) = (hearing.clone(), running.writing.handle.clone(), process.stop.clone());
        async move { hearing.pass_on(handle, stop).await }
    };
    process.supervisor.task("sensors", passing_on);
    let ingest = IngestServiceServer::new(Ingest::new(
        running.writing.handle.clone(),
        Clients::new(clients),
        hearing,
        tokens,
        projects,
        process.metrics.clone(),
        process.stop.clone(),
    ))
    .max_decoding_message_size(MESSAGE_BYTES)
    .max_encoding_message_size(MESSAGE_BYTES)
    // What is sent, acknowledgements, is a few bytes: to compress them costs more than it saves.
    .accept_compressed(CompressionEncoding::Gzip);
    info!(%address, tls = is_encrypted, "collector listening");
    let router = Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(ingest);
    let stopped = process.stop.clone().cancelled_owned();
    let supervisor = process.supervisor.clone();
    let serving = async move {
        if let Some(current) = tls {
            let incoming = ReceiverStream::new(accept::encrypted(listener, current, &supervisor));
            router.serve_with_incoming_shutdown(incoming, stopped).await
        } else {
            let incoming = ReceiverStream::new(accept::plain(listener, &supervisor));
            router.serve_with_incoming_shutdown(incoming, stopped).await
        }
    };
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => served?,
        failure = process.supervisor.failed() => {
            process.begin_stop();
            return Err(failure.into());
        }
        () = stop => {}
    }
    info!("stopping");
    process.begin_stop();
    if tokio::time::timeout(GRACE, &mut serving).await.is_err() {
        // What was not acknowledged will be sent again, and what was is on disk.
        warn!("some clients did not close their connections within {GRACE:?}");
        running.abandon().await;
        return Ok(process.stopped()?);
    }
    // The other handles went with the server.
    running.end().await;
    Ok(process.stopped()?)
}

/// Tells gRPC's health service whether findings can be stored.
async fn tell_health(health: HealthReporter, metrics: Arc<Metrics>, stop: CancellationToken) {
    let mut ready = metrics.ready();
    loop {
        let is_ready = *ready.borrow_and_update() && !stop.is_cancelled();
        if is_ready {
            health.set_serving::<IngestServiceServer<Ingest>>().await;
        } else {
            health.set_not_serving::<IngestServiceServer<Ingest>>().await;
        }
        if stop.is_cancelled() {
            return;
        }
        tokio::select! {
            changed = ready.changed() => if changed.is_err() { return },
            () = stop.cancelled() => {}
        }
    }
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

/// Writes a stream into a database until `stop` resolves. Ends with an error when a stage fails.
pub async fn index(options: IndexOptions, stop: impl Future<Output = ()> + Send) -> Result<(), ServerError> {
    let IndexOptions { from, consumer, store, outlets } = options;
    let process = Process::start()?;
    let running = outlets::start(outlets, store, Taking::Directly, &process).await?;
    let of = Index { address: from, consumer };
    let indexing =
        jetstream::index(of, running.writing.handle.clone(), process.metrics.clone(), process.stop.clone());
    tokio::pin!(indexing);
    tokio::select! {
        done = &mut indexing => done?,
        failure = process.supervisor.failed() => {
            process.begin_stop();
            return Err(failure.into());
        }
        () = stop => {
            info!("stopping");
            process.begin_stop();
            // The reader sees it and ends.
            indexing.await?;
        }
    }
    running.end().await;
    Ok(process.stopped()?)
}
