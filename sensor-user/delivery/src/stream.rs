//! The gRPC stream: batches with sequence numbers up, acknowledgements down, again after a reconnect.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use proto::ingest::{Ack, Batch, Health, Sensor, ingest_service_client::IngestServiceClient};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Extensions, Request, transport::Channel};
use tracing::{info, warn};

use crate::{
    endpoint::{Endpoints, remedied},
    queue::Queue,
    spool::{Entry, Spool},
};
use cause::chain;

/// Findings in one batch.
const BATCH_MAX: usize = 64;
/// Bytes of findings in one batch; a finding larger than that travels alone.
const BATCH_BYTES: u64 = 1024 * 1024;
/// Batches sent and not yet acknowledged.
const WINDOW: usize = 64;
/// How long a stop waits for what is on its way.
const DRAIN: Duration = Duration::from_secs(5);
/// How often renewed certificates and late acknowledgements are looked for.
const CHECK: Duration = Duration::from_secs(1);
/// Longest first pause between two attempts: the sensors of a collector that is gone are spread over it.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A stream that was open for so long was a good one.
const GOOD: Duration = Duration::from_secs(10);
/// How often the collector is told how the sensor is.
const HEALTH: Duration = Duration::from_mins(1);
/// And at most.
const HEALTH_MIN: Duration = Duration::from_secs(5);
/// A sensor whose oldest finding waits for longer is behind, and says so at once.
const BEHIND: Duration = Duration::from_mins(1);
/// How long a stop waits for the acknowledgement of the last word.
const FAREWELL: Duration = Duration::from_secs(1);

/// Who delivers.
#[derive(Clone)]
pub struct Sender {
    /// The sensor that the collector is told of.
    pub sensor: Sensor,
    /// A connection over which a batch is not acknowledged for this long is given up.
    pub ack_timeout: Duration,
    /// What the sensor could not see or judge lately.
    pub impairments: Arc<dyn Fn() -> Vec<&'static str> + Send + Sync>,
    /// When `stop` is cancelled: the sensor stops because it was asked to, and not because something failed.
    pub is_asked_to_stop: Arc<AtomicBool>,
}

/// Why a stream ended.
enum End {
    /// The connection is of no use any more.
    Broken(String),
    /// It is to be made anew, for the certificate or token was renewed.
    Renewed,
    /// The collector ended it: it stops, or spreads its sensors.
    Ended,
    /// Everything is delivered, or the time to do so is over.
    Stopped,
}

/// Delivers findings until `stop` is cancelled and what was spooled is stored, or the time for that is over; what is left
/// then stays in the spool.
pub async fn deliver(mut endpoints: Endpoints, sender: Sender, queue: Queue, stop: CancellationToken) {
    let delays = || {
        ExponentialBuilder::new().with_min_delay(PAUSE).with_max_delay(PAUSE_MAX).without_max_times().build()
    };
    let mut backoff = delays();
    loop {
        let (mut has_failed, mut was_good) = (true, false);
        // Before the files are read: what is written meanwhile is noticed.
        let credentials = endpoints.renewed().await;
        let why = match endpoints.connect().await {
            Ok(client) => {
                let mut session = Session {
                    endpoints: &endpoints,
                    credentials,
                    sender: &sender,
                    queue: &queue,
                    in_flight: VecDeque::new(),
                    sent: 0,
                    sequence: 0,
                    told: None,
                    is_farewell_sent: false,
                    is_acknowledged: false,
                };
                let since = Instant::now();
                let end = session.run(client, &stop).await;
                was_good = session.is_acknowledged || matches!(end, End::Ended) && since.elapsed() > GOOD;
                match end {
                    End::Stopped => return,
                    End::Renewed => {
                        info!("the certificate or token was renewed: connecting anew");
                        continue;
                    }
                    End::Ended => {
                        has_failed = false;
                        "it ended the stream".to_owned()
                    }
                    End::Broken(why) => why,
                }
            }
            Err(e) => e,
        };
        if was_good {
            backoff = delays();
        }
        // Not all sensors after the same time: they lost their streams together.
        let delay = backoff.next().unwrap_or(PAUSE_MAX).mul_f64(fastrand::f64());
        if has_failed {
            warn!("collector {}: {why}; trying again in {delay:?}", endpoints.uri());
            endpoints.avoid();
        } else {
            info!("collector {}: {why}; connecting anew in {delay:?}", endpoints.uri());
            endpoints.choose();
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stop.cancelled() => {
                tell_rest(&queue).await;
                return;
            }
        }
    }
}

async fn tell_rest(queue: &Queue) {
    let left = queue.with_spool(|spool| spool.len()).await;
    if left > 0 {
        warn!("{left} findings are not delivered yet and stay in the spool");
    }
}

/// A batch that was sent.
struct InFlight {
    /// Last of its findings in the spool.
    up_to: u64,
    findings: u64,
    sent: Instant,
}

/// One connection's life.
struct Session<'a> {
    endpoints: &'a Endpoints,
    /// When the files that it was made with were written.
    credentials: Vec<Option<SystemTime>>,
    sender: &'a Sender,
    queue: &'a Queue,
    in_flight: VecDeque<InFlight>,
    /// Sequence number in the spool of the last finding sent.
    sent: u64,
    /// Sequence number of the last batch sent.
    sequence: u64,
    /// When the collector was told how the sensor is: whether it is behind, and of which impairments.
    told: Option<(Instant, (bool, Vec<&'static str>))>,
    is_farewell_sent: bool,
    /// The collector took something in.
    is_acknowledged: bool,
}

impl Session<'_> {
    async fn run(&mut self, mut client: IngestServiceClient<Channel>, stop: &CancellationToken) -> End {
        let (up, outgoing) = mpsc::channel::<Batch>(WINDOW + 1);
        let headers = match self.endpoints.headers().await {
            Ok(headers) => headers,
            Err(why) => return End::Broken(why),
        };
        let request = Request::from_parts(headers, Extensions::new(), ReceiverStream::new(outgoing));
        let opening = client.deliver(request);
        let mut down = match tokio::time::timeout(self.sender.ack_timeout, opening).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => {
                return End::Broken(format!("stream refused: {}", self.endpoints.refused(said(&status))));
            }
            Err(_) => return End::Broken("the stream is not opened in time".to_owned()),
        };
        info!("delivering to {}", self.endpoints.uri());
        let mut check = tokio::time::interval(CHECK);
        let mut stopping = stop.is_cancelled();
        // The collector reads no more. It may have more to say: what it took in.
        let mut is_closed = false;
        let mut deadline = tokio::time::Instant::now() + DRAIN;
        loop {
            // Before the spool is looked at, so that nothing is missed between the look and the wait.
            let news = self.queue.news.notified();
            while !is_closed && self.in_flight.len() < WINDOW {
                let Some(batch) = self.next().await else { break };
                is_closed = up.send(batch).await.is_err();
            }
            if stopping
                && !is_closed
                && self.in_flight.is_empty()
                && self.queue.with_spool(|spool| spool.len()).await == 0
            {
                if self.is_farewell_sent || !self.sender.is_asked_to_stop.load(Ordering::Relaxed) {
                    return End::Stopped;
                }
                self.is_farewell_sent = true;
                deadline = deadline.min(tokio::time::Instant::now() + FAREWELL);
                let farewell = self.batch(Vec::new(), Some(Health { stopping: true, ..Health::default() }));
                is_closed = up.send(farewell).await.is_err();
            }
            tokio::select! {
                () = news, if !is_closed && self.in_flight.len() < WINDOW => {}
                ack = down.next() => match ack {
                    Some(Ok(ack)) => if let Err(why) = self.acknowledge(ack).await {
                        return End::Broken(why);
                    },
                    Some(Err(status)) => return End::Broken(said(&status)),
                    None => return End::Ended,
                },
                _ = check.tick() => {
                    if self.in_flight.front().is_some_and(|batch| batch.sent.elapsed() > self.sender.ack_timeout) {
                        return End::Broken(format!("nothing was acknowledged for {:?}", self.sender.ack_timeout));
                    }
                    if self.in_flight.is_empty() && self.endpoints.renewed().await != self.credentials {
                        return End::Renewed;
                    }
                }
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    deadline = tokio::time::Instant::now() + DRAIN;
                }
                () = tokio::time::sleep_until(deadline), if stopping => {
                    tell_rest(self.queue).await;
                    return End::Stopped;
                }
            }
        }
    }

    /// The next batch, of what is there already: nothing waits for more. Without findings when it is time to say how the sensor is.
    async fn next(&mut self) -> Option<Batch> {
        let sent = self.sent;
        let entries = self.queue.with_spool(move |spool| spool.after(sent, BATCH_MAX, BATCH_BYTES)).await;
        let health = self.health().await;
        (!entries.is_empty() || health.is_some()).then(|| self.batch(entries, health))
    }

    fn batch(&mut self, entries: Vec<Entry>, health: Option<Health>) -> Batch {
        self.sequence += 1;
        self.sent = entries.last().map_or(self.sent, |last| last.sequence);
        let (up_to, findings) = (self.sent, entries.len() as u64);
        self.in_flight.push_back(InFlight { up_to, findings, sent: Instant::now() });
        Batch {
            sequence: self.sequence,
            sensor: Some(self.sender.sensor.clone()),
            findings: entries.into_iter().map(|entry| entry.envelope).collect(),
            health,
        }
    }

    /// How the sensor is, when it is time to say so: soon when it got worse or better.
    async fn health(&mut self) -> Option<Health> {
        let since = self.told.as_ref().map_or(HEALTH, |(told, _)| told.elapsed());
        if since < HEALTH_MIN || self.is_farewell_sent {
            return None;
        }
        let lately = (self.sender.impairments)();
        let (waiting_findings, oldest) = self.queue.with_spool(Spool::waiting).await;
        let oldest = oldest.unwrap_or_default();
        let impairments = lately.iter().map(|reason| (*reason).to_owned()).collect();
        let news = (oldest > BEHIND, lately);
        if since < HEALTH && self.told.as_ref().is_some_and(|(_, told)| *told == news) {
            return None;
        }
        self.told = Some((Instant::now(), news));
        let oldest_waiting_seconds = oldest.as_secs();
        Some(Health { waiting_findings, oldest_waiting_seconds, impairments, stopping: false })
    }

    async fn acknowledge(&mut self, ack: Ack) -> Result<(), String> {
        if ack.sequence > self.sequence {
            return Err(format!("batch {} is acknowledged and was never sent", ack.sequence));
        }
        self.is_acknowledged = true;
        let first = self.sequence - self.in_flight.len() as u64 + 1;
        let (mut done, mut up_to) = (0, 0);
        for _ in first..=ack.sequence {
            let Some(batch) = self.in_flight.pop_front() else { break };
            done += batch.findings;
            up_to = batch.up_to;
            if batch.findings > 0 {
                self.queue.metrics.seconds.observe(batch.sent.elapsed().as_secs_f64());
            }
        }
        if done > 0 {
            self.queue.with_spool(move |spool| spool.remove_up_to(up_to)).await;
        }
        for rejection in &ack.rejections {
            warn!(
                name = rejection.name,
                "the collector refused a finding: {}",
                rejection.reason.escape_debug()
            );
        }
        let rejected = ack.rejections.len() as u64;
        self.queue.metrics.rejected.inc_by(rejected);
        self.queue.metrics.delivered.inc_by(done.saturating_sub(rejected));
        Ok(())
    }
}

/// What a status says, with its causes.
fn said(status: &tonic::Status) -> String {
    let said = match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    };
    let said = match std::error::Error::source(status) {
        Some(cause) => format!("{said}: {}", chain(cause)),
        None => said,
    };
    remedied(said)
}
