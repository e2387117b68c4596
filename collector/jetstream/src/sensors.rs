//! What was heard of sensors, from those who take findings in to those who keep a database. It goes over NATS alone, and not into the
//! stream: a minute later there is newer word.

use async_nats::Client;
use bytes::Bytes;
use futures_util::StreamExt;
use prost::Message as _;
use proto::ingest::{self, Batch};
use store::{Health, Hearing, StoreHandle, Word};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The subject. It is none of the stream's.
fn subject(stream: &str) -> String {
    format!("{stream}.sensors")
}

/// Publishes what was heard.
pub(crate) async fn publish(client: &Client, stream: &str, words: Vec<Word>) {
    for word in words {
        if let Err(e) = client.publish(subject(stream), encode(word)).await {
            warn!("what was heard of sensors was not published: {e}");
            return;
        }
    }
}

/// Hears it, and hands it to the writer of a database until `stop` is cancelled.
pub(crate) async fn follow(client: &Client, stream: &str, handle: StoreHandle, stop: CancellationToken) {
    let hearing = Hearing::default();
    let listening = async {
        match client.subscribe(subject(stream)).await {
            Ok(mut messages) => {
                while let Some(message) = messages.next().await {
                    if let Ok(Batch { sensor: Some(sensor), health, .. }) = Batch::decode(message.payload) {
                        hearing.hear(&sensor.node, &sensor.version, health, now_ns());
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

fn now_ns() -> i64 {
    i64::try_from(clock::now_unix_ns()).unwrap_or(i64::MAX)
}
