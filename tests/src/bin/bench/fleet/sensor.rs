//! A sensor as the collector sees it: one stream, findings now and then, word of itself each minute, and a new stream when
//! that ends.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use e2e::made;
use proto::{
    ingest::{Batch, Envelope, Health, Sensor, ingest_service_client::IngestServiceClient},
    scc::Finding,
    well_known::{Value, value::Kind},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{
    codec::CompressionEncoding,
    transport::{ClientTlsConfig, Endpoint},
};

/// How often it says how it is, as the sensor's `delivery::stream`.
const HEALTH: Duration = Duration::from_mins(1);
/// Longest first pause after a stream that ended, and longest of all, as there.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Batches on their way, as there.
const WINDOW: usize = 64;

/// What all sensors did.
pub(crate) struct Fleet {
    /// Streams that are open.
    pub(crate) open: AtomicU64,
    /// Findings made; their numbers are those below it.
    pub(crate) made: AtomicU64,
    /// Findings sent for another time.
    pub(crate) sent_again: AtomicU64,
    /// For each acknowledged finding, when it was made and how long that took.
    pub(crate) acknowledged: Mutex<Vec<(Instant, Duration)>>,
    /// No more findings are made, and each sensor ends when all it made are acknowledged.
    pub(crate) quiet: CancellationToken,
    /// Why streams ended, and how many for that.
    pub(crate) ends: Mutex<BTreeMap<String, u64>>,
    /// Mean time between two findings of one sensor.
    pub(crate) interval: Duration,
}

impl Fleet {
    fn ended(&self, why: &str) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.entry(why.to_owned()).or_default() += 1;
    }
}

/// One of them.
pub(crate) struct Simulated {
    pub(crate) node: String,
    /// Where it connects from: a pod has an address of its own.
    pub(crate) from: IpAddr,
    /// The collectors.
    pub(crate) uris: Vec<String>,
    pub(crate) tls: ClientTlsConfig,
}

/// Findings that are not acknowledged, with the time at which each was made, and how many of them were sent.
#[derive(Default)]
struct Spool {
    findings: VecDeque<(u64, Instant)>,
    sent: usize,
}

impl Simulated {
    pub(crate) async fn live(self, fleet: Arc<Fleet>) {
        let mut spool = Spool::default();
        let mut next_finding = Instant::now() + fleet.interval.mul_f64(random());
        let mut next_word = Instant::now() + HEALTH.mul_f64(random());
        let mut pause = PAUSE;
        // Pods of a DaemonSet start within seconds.
        tokio::time::sleep(PAUSE.mul_f64(random())).await;
        let mut current = fastrand::usize(..self.uris.len());
        loop {
            let uri = &self.uris[current];
            let since = Instant::now();
            match self.stream(uri, &fleet, &mut spool, &mut next_finding, &mut next_word).await {
                Ok(true) => return,
                Ok(false) => {
                    fleet.ended("the collector ended it");
                    current = fastrand::usize(..self.uris.len());
                }
                Err(e) => {
                    fleet.ended(&format!("{e:#}"));
                    current = (current + fastrand::usize(1..self.uris.len())) % self.uris.len();
                }
            }
            if since.elapsed() > Duration::from_secs(10) {
                pause = PAUSE;
            }
            tokio::time::sleep(pause.mul_f64(random())).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// One stream's life; true when nothing is left to be done.
    async fn stream(
        &self,
        uri: &str,
        fleet: &Fleet,
        spool: &mut Spool,
        next_finding: &mut Instant,
        next_word: &mut Instant,
    ) -> anyhow::Result<bool> {
        let channel = Endpoint::from_shared(uri.to_owned())?
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .local_address(Some(self.from))
            .tls_config(self.tls.clone())?
            .connect()
            .await?;
        let mut client = IngestServiceClient::new(channel)
            .send_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Gzip);
        let (up, outgoing) = mpsc::channel::<Batch>(WINDOW + 1);
        let opening = client.deliver(ReceiverStream::new(outgoing));
        let mut down = tokio::time::timeout(Duration::from_secs(30), opening).await??.into_inner();
        let _open = Open::new(&fleet.open);
        fleet.sent_again.fetch_add(spool.sent as u64, Ordering::Relaxed);
        spool.sent = 0;
        let (mut sequence, mut answered) = (0, 0);
        // Findings in each batch that is not acknowledged; none in a word of the sensor.
        let mut in_flight: VecDeque<usize> = VecDeque::new();
        let mut batch = |findings: Vec<Envelope>, health| {
            sequence += 1;
            let sensor =
                Some(Sensor { node: self.node.clone(), version: env!("CARGO_PKG_VERSION").to_owned() });
            Batch { sequence, sensor, findings, health }
        };
        loop {
            let now = Instant::now();
            while *next_finding <= now && !fleet.quiet.is_cancelled() {
                // Also those that were due while there was no stream.
                spool.findings.push_back((fleet.made.fetch_add(1, Ordering::Relaxed), *next_finding));
                *next_finding += fleet.interval.mul_f64(0.5 + random());
            }
            while spool.sent < spool.findings.len() && in_flight.len() < WINDOW {
                let envelope = Envelope::of(&finding(spool.findings[spool.sent].0, &self.node), 1);
                up.send(batch(vec![envelope], None)).await?;
                spool.sent += 1;
                in_flight.push_back(1);
            }
            if *next_word <= now && in_flight.len() < WINDOW {
                up.send(batch(Vec::new(), Some(Health::default()))).await?;
                *next_word = now + HEALTH;
                in_flight.push_back(0);
            }
            if fleet.quiet.is_cancelled() && spool.findings.is_empty() {
                return Ok(true);
            }
            tokio::select! {
                ack = down.next() => {
                    let Some(ack) = ack.transpose()? else { return Ok(false) };
                    anyhow::ensure!(ack.rejections.is_empty(), "refused: {:?}", ack.rejections);
                    let news = usize::try_from(ack.sequence - answered)?;
                    answered = ack.sequence;
                    let mut acknowledged = fleet.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                    for findings in in_flight.drain(..news) {
                        for (_, made) in spool.findings.drain(..findings) {
                            spool.sent -= 1;
                            acknowledged.push((made, made.elapsed()));
                        }
                    }
                }
                () = tokio::time::sleep_until((*next_finding).min(*next_word)) => {}
                () = fleet.quiet.cancelled(), if !fleet.quiet.is_cancelled() => {}
            }
        }
    }
}

/// Counts a stream while it is open.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn new(open: &'a AtomicU64) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Finding number N of a node, which has to say that it is its own.
pub(crate) fn finding(number: u64, node: &str) -> Finding {
    let mut finding = made::finding(number);
    finding.resource_name = format!("//scriptwatch/nodes/{node}");
    let node = Value { kind: Some(Kind::StringValue(node.to_owned())) };
    finding.source_properties.insert("Node_Name".to_owned(), node);
    finding
}

/// From 0 to 1.
pub(crate) fn random() -> f64 {
    fastrand::f64()
}
