//! Why the collector cannot serve.

use std::net::SocketAddr;

use ingest::tls::TlsError;
use jetstream::JetStreamError;
use stage::Failure;
use store::StoreError;

/// Why the collector cannot serve, or does not any more.
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
    /// An option needs a database, and there is none.
    #[error("{0} needs a database: give it to the `collector index` that reads the stream")]
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
    /// The options of tokens are wrong.
    #[error("{0}")]
    Tokens(String),
    /// Reflection could not be set up.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// A stage failed, and the process is to be started anew.
    #[error(transparent)]
    Stage(#[from] Failure),
}
