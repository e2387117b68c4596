//! What was heard of sensors, from those who take findings in to those who keep a database. It goes over NATS alone, and not into the
//! stream: a minute later there is newer word.

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures_util::StreamExt;
use prost::Message as _;
use proto::ingest::{self, Batch};
use store::{Health, Hearing, StoreHandle, Word};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::connection::Connection;

/// When a word was heard, Unix time in ns.
const SEEN: &str = "Scriptwatch-Seen";

/// The subject. It is none of the stream's, as this product makes it.
pub(crate) fn subject(stream: &str) -> String {
    format!("{stream}.sensors")
}

/// Publishes what was heard. Without a connection it is dropped: it would wait, and come out as news when there is one.
pub(crate) async fn publish(connection: &Connection, stream: &str, words: Vec<Word>) {
    for word in words {
        if !*connection.is_up.borrow() {
            return;
        }
        let mut headers = HeaderMap::new();
        headers.insert(SEEN, word.seen_ns.to_string());
        if let Err(e) = connection.client.publish_with_headers(subject(stream), headers, encode(word)).await {
            warn!("what was heard of sensors was not published: {e}");
            return;
        }
    }
}

fn seen_ns(headers: Option<&HeaderMap>) -> Option<i64> {
    headers?.get(SEEN)?.as_str().parse().ok()
}

/// Hears it, and hands it to the writer of a database until `stop` is cancelled.
pub(crate) async fn follow(client: &Client, stream: &str, handle: StoreHandle, stop: CancellationToken) {
    let hearing = Hearing::default();
    let listening = async {
        match client.subscribe(subject(stream)).await {
            Ok(mut messages) => {
                while let Some(message) = messages.next().await {
                    let seen = seen_ns(message.headers.as_ref());
                    if let (Some(seen), Ok(Batch { sensor: Some(sensor), health, .. })) =
                        (seen, Batch::decode(message.payload))
                    {
                        hearing.hear(&sensor.node, &sensor.version, health, seen);
                    } else {
                        warn!("a message of {} is no word of a sensor", message.subject);
                    }
                }
            }
            Err(e) => warn!("nothing will be heard of sensors: {e}"),
        }
        // What was heard is handed over all the same.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = listening => {}
        () = hearing.pass_on(handle, stop) => {}
    }
}

/// As the sensor's batch said it.
fn encode(word: Word) -> Bytes {
    let health = word.health.map(|health| {
        let Health { waiting, oldest_seconds, impairments, stopping } = health;
        ingest::Health {
            waiting_findings: waiting,
            oldest_waiting_seconds: oldest_seconds,
            impairments,
            stopping,
        }
    });
    let sensor = Some(ingest::Sensor { node: word.node, version: word.version });
    Batch { sensor, health, ..Batch::default() }.encode_to_vec().into()
}
