//! How much a collector takes in, beside a server that does nothing with the same messages.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{collectors, daemon::Daemon, made, nats::Nats};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::ingest::{
    Ack, Batch, Envelope, Sensor,
    ingest_service_client::IngestServiceClient,
    ingest_service_server::{IngestService, IngestServiceServer},
};
use store::Store;
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming, codec::CompressionEncoding, transport::Endpoint};

use crate::statistics::show;

/// Findings in a batch, as the sensor sends them.
const BATCH: u64 = 64;
/// Batches on their way on one stream.
const WINDOW: usize = 64;
/// Findings sent for one figure.
const FINDINGS: u64 = 100_000;
/// Streams that are open and idle.
const IDLE: usize = 5000;

pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    // All alternate, so that what else the machine does meets each.
    for streams in [1, 100] {
        let mut ceiling = Vec::new();
        let mut stores = [Measured::of("SQLite"), Measured::of("JetStream")];
        for _ in 0..3 {
            let echo = Echo::start()?;
            ceiling.push(runtime.block_on(throughput(echo.address, streams))?);
            drop(echo);
            for store in &mut stores {
                let dir = tempfile::tempdir()?;
                let nats = if store.name == "JetStream" { Some(Nats::start(dir.path())?) } else { None };
                let (collector, port) = match &nats {
                    None => collector(dir.path(), 0)?,
                    Some(nats) => collectors::start_into(&nats.stream(), dir.path(), "port", 0, &UNLIMITED)?,
                };
                store.measure(&runtime, streams, &collector, port, nats.as_ref())?;
            }
        }
        let ceiling = median(&mut ceiling);
        println!("{streams} streams: {ceiling:.0} findings/s by a bare echo server");
        for store in &mut stores {
            store.show(ceiling);
        }
        if streams == 1 {
            runtime.block_on(latency(median(&mut stores[0].rates) * 0.1))?;
        }
    }
    runtime.block_on(idle())?;
    recovery()
}

/// A client of the measurements sends as fast as it can, over as many streams as are measured.
const UNLIMITED: [&str; 4] = ["--client-streams", "100000", "--client-findings-per-second", "0"];

fn collector(dir: &Path, port: u16) -> anyhow::Result<(Daemon, u16)> {
    let mut args = vec!["--plaintext"];
    args.extend(UNLIMITED);
    collectors::start_with(dir, "port", port, &args)
}

/// What was measured with a store.
struct Measured {
    name: &'static str,
    /// Findings a second.
    rates: Vec<f64>,
    /// Seconds of CPU, MiB, and seconds of the message server's CPU, in the last round.
    used: (f64, f64, f64),
}

impl Measured {
    fn of(name: &'static str) -> Self {
        Self { name, rates: Vec::new(), used: Default::default() }
    }

    fn measure(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        streams: u64,
        collector: &Daemon,
        port: u16,
        nats: Option<&Nats>,
    ) -> anyhow::Result<()> {
        let of_nats = || nats.map_or(Ok(0.0), |nats| cpu_seconds(nats.pid()));
        let before = (cpu_seconds(collector.pid())?, of_nats()?);
        self.rates.push(runtime.block_on(throughput(SocketAddr::from(([127, 0, 0, 1], port)), streams))?);
        let cpu = cpu_seconds(collector.pid())? - before.0;
        self.used = (cpu, memory_mib(collector.pid())?, of_nats()? - before.1);
        Ok(())
    }

    fn show(&mut self, ceiling: f64) {
        let rate = median(&mut self.rates);
        let a_finding = |seconds: f64| seconds / FINDINGS as f64 * 1e6;
        println!(
            "  {rate:.0}/s stored in {}: {:.2} of that; collector {:.0} µs of CPU a finding, {:.1} MiB; message server {:.0} µs",
            self.name,
            rate / ceiling,
            a_finding(self.used.0),
            self.used.1,
            a_finding(self.used.2)
        );
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn batch(sequence: u64, numbers: std::ops::Range<u64>, node: &str) -> Batch {
    Batch {
        sequence,
        sensor: Some(Sensor { node: node.to_owned(), version: "0".to_owned() }),
        findings: numbers.map(|number| Envelope::of(&made::finding(number), 1)).collect(),
        health: None,
    }
}

async fn client(address: SocketAddr) -> anyhow::Result<IngestServiceClient<tonic::transport::Channel>> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await?;
    Ok(IngestServiceClient::new(channel)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip))
}

/// Findings acknowledged a second.
async fn throughput(address: SocketAddr, streams: u64) -> anyhow::Result<f64> {
    // Made before the clock runs: a sensor's findings are encoded when they are spooled.
    let share = FINDINGS / streams;
    let mut prepared = Vec::new();
    for stream in 0..streams {
        let first = stream * share;
        let batches: Vec<Batch> = (first..first + share)
            .step_by(BATCH as usize)
            .zip(1..)
            .map(|(start, sequence)| {
                batch(sequence, start..(start + BATCH).min(first + share), &format!("node-{stream}"))
            })
            .collect();
        prepared.push((client(address).await?, batches));
    }
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (mut client, batches) in prepared {
        tasks.spawn(async move {
            let last = batches.len() as u64;
            let (sender, receiver) = mpsc::channel(WINDOW);
            let feeding = tokio::spawn(async move {
                for batch in batches {
                    if sender.send(batch).await.is_err() {
                        break;
                    }
                }
            });
            let mut acks = client.deliver(ReceiverStream::new(receiver)).await?.into_inner();
            while let Some(ack) = acks.next().await {
                if ack?.sequence == last {
                    break;
                }
            }
            feeding.abort();
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(FINDINGS as f64 / start.elapsed().as_secs_f64())
}

/// Findings that are timed.
const TIMED: usize = 20_000;

/// From one finding's sending to its acknowledgement, and until a reader of the database sees it, at a load.
async fn latency(load: f64) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (_collector, port) = collector(dir.path(), 0)?;
    let (sender, receiver) = mpsc::channel(WINDOW);
    let mut acks = client(SocketAddr::from(([127, 0, 0, 1], port)))
        .await?
        .deliver(ReceiverStream::new(receiver))
        .await?
        .into_inner();
    let database = dir.path().join("findings.db");
    let reading = std::thread::spawn(move || seen(&database));
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_secs_f64(1.0 / load));
    let mut sent = Vec::new();
    while times.len() < TIMED {
        tokio::select! {
            _ = pace.tick(), if sent.len() < TIMED => {
                let sequence = sent.len() as u64 + 1;
                sent.push(Instant::now());
                sender.send(batch(sequence, sequence..sequence + 1, "node")).await?;
            }
            ack = acks.next() => {
                let up_to = ack.context("the stream ended")??.sequence;
                while times.len() < up_to as usize {
                    let at = sent.get(times.len()).context("more acknowledgements than batches")?;
                    times.push(at.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
    }
    let pace = TIMED as f64 / sent[0].elapsed().as_secs_f64();
    let seen = reading.join().map_err(|_| anyhow::anyhow!("the reader failed"))??;
    let mut until_seen: Vec<f64> =
        sent.iter().zip(seen).map(|(sent, seen)| (seen - *sent).as_secs_f64() * 1e3).collect();
    println!("finding to acknowledged at {pace:.0} findings/s: {}", show(&mut times, "ms"));
    println!("and until a reader sees it: {}", show(&mut until_seen, "ms"));
    Ok(())
}

/// When each of the findings is there for who reads the database.
fn seen(database: &Path) -> anyhow::Result<Vec<Instant>> {
    let begun = Instant::now();
    let store = Store::open_for_reading(database)?;
    let mut seen = Vec::new();
    while seen.len() < TIMED {
        ensure!(begun.elapsed() < Duration::from_mins(2), "only {} findings are seen", seen.len());
        // None is stored twice, so the numbers count them.
        let there = store.last_seq()?;
        seen.resize((there as usize).clamp(seen.len(), TIMED), Instant::now());
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(seen)
}

/// Thousands of sensors that have nothing to say, each with a connection.
async fn idle() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    ensure!(most as usize > IDLE + 100, "only {most} files may be open");
    let dir = tempfile::tempdir()?;
    let (collector, port) = collector(dir.path(), 0)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let empty = memory_mib(collector.pid())?;
    let mut held = Vec::new();
    for _ in 0..IDLE {
        let (sender, receiver) = mpsc::channel::<Batch>(1);
        let acks = client(address).await?.deliver(ReceiverStream::new(receiver)).await?;
        held.push((sender, acks));
    }
    let (before, full) = (cpu_seconds(collector.pid())?, memory_mib(collector.pid())?);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let share = (cpu_seconds(collector.pid())? - before) / 30.0 * 100.0;
    println!(
        "{IDLE} idle streams: {:.1} KiB each ({empty:.1} to {full:.1} MiB), {share:.2} % of a core",
        (full - empty) * 1024.0 / IDLE as f64
    );
    let mut times = Vec::new();
    for number in 0..200 {
        let (sender, acks) = &mut held[number * 20];
        let at = Instant::now();
        sender.send(batch(1, number as u64..number as u64 + 1, "node")).await?;
        acks.get_mut().next().await.context("the stream ended")??;
        times.push(at.elapsed().as_secs_f64() * 1e3);
    }
    println!("among them, finding to stored: {}", show(&mut times, "ms"));
    Ok(())
}

/// An hour without a collector is in the spool; how long until all of it is stored?
fn recovery() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    // A port where nobody listens yet.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let feeder = std::env::current_exe()?.with_file_name("feeder");
    let journal = dir.path().join("journal");
    let mut feeding = Command::new(feeder)
        .arg(dir.path().join("spool"))
        .arg(&journal)
        .args([&FINDINGS.to_string(), "0", &format!("http://127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    while !fs::read_to_string(&journal).unwrap_or_default().trim_end().ends_with(&FINDINGS.to_string()) {
        ensure!(begun.elapsed() < Duration::from_mins(5), "the spool does not fill");
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("{FINDINGS} findings written to the spool in {:.1} s", begun.elapsed().as_secs_f64());
    let start = Instant::now();
    let (_collector, _) = collector(dir.path(), port)?;
    ensure!(feeding.wait()?.success(), "the feeder failed");
    println!(
        "and stored {:.1} s after the collector came back, backoff included",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

pub(crate) fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(") ").context("a stat")?.1.split(' ').collect();
    Ok((fields[11].parse::<u64>()? + fields[12].parse::<u64>()?) as f64 / 100.0)
}

fn memory_mib(pid: u32) -> anyhow::Result<f64> {
    crate::memory::resident_mib(pid)
}

/// A server of the same service in a process of its own, that acknowledges and forgets.
struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("address");
        let child =
            Command::new(std::env::current_exe()?).arg("--echo").arg(&file).stdin(Stdio::null()).spawn()?;
        let start = Instant::now();
        loop {
            if let Ok(address) = fs::read_to_string(&file).unwrap_or_default().parse() {
                return Ok(Self { child, address });
            }
            ensure!(start.elapsed() < Duration::from_secs(10), "the echo server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct Bare(Arc<AtomicU64>);

#[tonic::async_trait]
impl IngestService for Bare {
    type DeliverStream = Pin<Box<dyn Stream<Item = Result<Ack, Status>> + Send>>;

    async fn deliver(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::DeliverStream>, Status> {
        let seen = self.0.clone();
        let acks = request.into_inner().map(move |batch| {
            let batch = batch?;
            seen.fetch_add(batch.findings.len() as u64, Ordering::Relaxed);
            Ok(Ack { sequence: batch.sequence, rejections: vec![] })
        });
        Ok(Response::new(Box::pin(acks)))
    }
}

/// What `--echo` does: serves until it is killed.
pub(crate) fn echo(file: &str) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        fs::write(file, listener.local_addr()?.to_string())?;
        // As the collector has it: what comes may be compressed, what goes is not.
        let service = IngestServiceServer::new(Bare::default()).accept_compressed(CompressionEncoding::Gzip);
        tonic::transport::Server::builder()
            .tcp_nodelay(true)
            .add_service(service)
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener))
            .await?;
        Ok(())
    })
}
