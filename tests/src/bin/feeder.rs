//! A sensor's delivery without a sensor: makes findings by the number, spools and delivers them, and notes each number
//! once it is on disk, so that it can be killed at any time and started again.
//!
//! `feeder SPOOL JOURNAL COUNT PACE COLLECTOR[,COLLECTOR…]`, PACE in milliseconds between twenty findings and the next.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use delivery::{DeliveryMetrics, Endpoints, Queue, Sender, Spool, SpoolLimits, SpoolNotices, Tls, deliver};
use e2e::made;
use prometheus_client::registry::Registry;
use proto::ingest::Sensor;
use stage::{QueueMetrics, Supervisor};
use tokio_util::sync::CancellationToken;

/// Findings between two notes.
const STEP: u64 = 20;

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_env_filter("warn").with_writer(std::io::stderr).init();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [spool, journal, count, pace, collectors] = &args[..] else {
        anyhow::bail!("feeder SPOOL JOURNAL COUNT PACE COLLECTORS");
    };
    let pace = Duration::from_millis(pace.parse()?);
    let count: u64 = count.parse()?;
    let journal = Path::new(journal);
    let noted = fs::read_to_string(journal).unwrap_or_default();
    let next: u64 = noted.lines().last().and_then(|line| line.parse().ok()).unwrap_or(0);

    let mut registry = Registry::default();
    let metrics = DeliveryMetrics::register(&mut registry);
    let supervisor = Supervisor::register(&mut registry);
    let spool =
        Spool::open(Some(Path::new(spool)), SpoolLimits::default(), metrics.clone(), SpoolNotices::none());
    let (outbox, queue, spooler) = Queue::new(spool, &QueueMetrics::default());
    let heartbeat = supervisor.heartbeat("spool", Duration::from_secs(10));
    let time = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let writing = std::thread::spawn(move || spooler.run(&heartbeat, &time));
    let endpoints = Endpoints::new(collectors.split(',').map(str::to_owned).collect(), Tls::default())
        .context("no collector")?;
    let sensor = Sensor { node: "feeder".to_owned(), version: "0".to_owned() };
    let sender = Sender {
        sensor,
        ack_timeout: Duration::from_secs(2),
        impairments: Arc::new(Vec::new),
        is_asked_to_stop: Arc::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop = CancellationToken::new();
    let delivery = runtime.spawn(deliver(endpoints, sender, queue, stop.clone()));

    let mut journal = fs::File::options().create(true).append(true).open(journal)?;
    let mut made = 0;
    for start in (next..count).step_by(STEP as usize) {
        let end = (start + STEP).min(count);
        for number in start..end {
            outbox.put(&made::finding(number), 0);
        }
        made += end - start;
        while metrics.spooled() < made {
            std::thread::yield_now();
        }
        writeln!(journal, "{end}")?;
        std::thread::sleep(pace);
    }
    drop(outbox);
    ensure!(writing.join().is_ok(), "the spool's thread panicked");
    let begun = Instant::now();
    while metrics.waiting() > 0 {
        ensure!(begun.elapsed() < Duration::from_mins(2), "not delivered in two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
    ensure!(metrics.dropped() == 0, "findings were dropped");
    stop.cancel();
    runtime.block_on(delivery)?;
    Ok(())
}
