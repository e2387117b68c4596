//! The connection, and the stream as this product wants it.

use std::{sync::Arc, time::Duration};

use async_nats::{
    ConnectOptions, Event,
    jetstream::{self, Context, stream},
};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use store::Limits;

use crate::{address::Address, message};

/// A server that takes smaller messages cannot take every finding: a script of 1 MiB with the worst characters takes six
/// times as much in JSON.
const MESSAGE_MIN: usize = 8 * 1024 * 1024;
/// How long the server remembers what it has: a finding that comes again within this is one.
const DUPLICATES: Duration = Duration::from_mins(10);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long the end waits for what was not sent yet.
const FLUSH: Duration = Duration::from_secs(2);
/// Messages that wait for their acknowledgement.
const IN_FLIGHT: usize = 8192;

/// Why JetStream cannot be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum JetStreamError {
    /// No connection.
    #[error("{0:?}: {1}: is a nats-server there, and does it take this login?")]
    Connect(Address, String),
    /// A file that the address names cannot be used.
    #[error("{0:?}: {1}")]
    Credentials(Address, std::io::Error),
    /// Messages are too small.
    #[error(
        "{0:?}: the server takes messages of {1} bytes, findings can be larger: put `max_payload: 8MB` into its configuration"
    )]
    MaxPayload(Address, usize),
    /// A stream of several replicas on a server that is alone: it takes the setting, and does not find the stream again when it
    /// restarts.
    #[error(
        "{0:?}: replicas={1} needs as many servers in a cluster, and this server is in none: leave it out, or give the address of a cluster"
    )]
    Alone(Address, usize),
    /// The stream cannot be made or used.
    #[error("{0:?}: {1}: is JetStream on (`nats-server -js`), and does no other stream have its subjects?")]
    Stream(Address, String),
}

/// A stream, ready to be used.
pub(crate) struct Connection {
    pub(crate) client: async_nats::Client,
    pub(crate) context: Context,
    pub(crate) stream: stream::Stream,
    /// Is the server there?
    pub(crate) is_up: watch::Receiver<bool>,
}

impl Connection {
    /// Sends what was not sent yet, if the server is there: it may never come back.
    pub(crate) async fn flush(&self) {
        let _ = tokio::time::timeout(FLUSH, self.client.flush()).await;
    }
}

/// Connects, and makes the stream where there is none. Of a stream that is there only those limits are changed that were
/// given: the others may be its operator's.
pub(crate) async fn connect(address: &Address, limits: Limits) -> Result<Connection, JetStreamError> {
    let (up, is_up) = watch::channel(true);
    let up = Arc::new(up);
    let mut options = ConnectOptions::new().name("scriptwatch collector").event_callback(move |event| {
        let up = up.clone();
        async move {
            match event {
                Event::Connected => {
                    info!("connected to NATS");
                    up.send_replace(true);
                }
                Event::Disconnected => {
                    warn!("the connection to NATS broke");
                    up.send_replace(false);
                }
                // It tries again, and would say so each time.
                Event::ClientError(_) | Event::Closed | Event::Draining => debug!("NATS: {event}"),
                other => warn!("NATS: {other}"),
            }
        }
    });
    if let Some((user, password)) = &address.login {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(path) = &address.credentials {
        options = options
            .credentials_file(path)
            .await
            .map_err(|e| JetStreamError::Credentials(address.clone(), e))?;
    }
    if let Some(path) = &address.authorities {
        options = options.add_root_certificates(path.clone());
    }
    let client = options
        .require_tls(address.is_encrypted)
        .connect(format!("{}:{}", address.host, address.port))
        .await
        .map_err(|e| JetStreamError::Connect(address.clone(), e.to_string()))?;
    let max = client.server_info().max_payload;
    if max < MESSAGE_MIN {
        return Err(JetStreamError::MaxPayload(address.clone(), max));
    }
    if let Some(replicas) = address.replicas.filter(|n| *n > 1)
        && client.server_info().cluster.is_none()
        // A leaf without JetStream of its own passes on to a hub, which may be a cluster.
        && client.server_info().jetstream
    {
        return Err(JetStreamError::Alone(address.clone(), replicas));
    }
    let context = jetstream::ContextBuilder::new()
        .timeout(ANSWER)
        .ack_timeout(ANSWER)
        .max_ack_inflight(IN_FLIGHT)
        .backpressure_on_inflight(true)
        .build(client.clone());
    let failed = |e: &dyn std::fmt::Display| JetStreamError::Stream(address.clone(), e.to_string());
    let mut stream = context.get_or_create_stream(config(address, limits)).await.map_err(|e| failed(&e))?;
    let as_it_is = stream.info().await.map_err(|e| failed(&e))?.config.clone();
    let made = config(address, limits);
    let wanted = stream::Config {
        max_age: limits.age.map_or(as_it_is.max_age, |_| made.max_age),
        max_bytes: limits.bytes.map_or(as_it_is.max_bytes, |_| made.max_bytes),
        num_replicas: address.replicas.unwrap_or(as_it_is.num_replicas),
        ..as_it_is.clone()
    };
    if wanted != as_it_is {
        info!("the stream's limits change");
        context.update_stream(wanted).await.map_err(|e| failed(&e))?;
    }
    Ok(Connection { client, context, stream, is_up })
}

fn config(address: &Address, limits: Limits) -> stream::Config {
    stream::Config {
        name: address.stream.clone(),
        description: Some("Malicious scripts that were executed".to_owned()),
        subjects: vec![message::all(&address.stream)],
        storage: stream::StorageType::File,
        retention: stream::RetentionPolicy::Limits,
        discard: stream::DiscardPolicy::Old,
        num_replicas: address.replicas.unwrap_or(1),
        duplicate_window: limits.age.map_or(DUPLICATES, |age| age.min(DUPLICATES)),
        max_age: limits.age.unwrap_or_default(),
        max_bytes: limits.bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_messages: -1,
        max_messages_per_subject: -1,
        ..stream::Config::default()
    }
}
