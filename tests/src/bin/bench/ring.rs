//! How many events pass the ring buffer to a sensor on one core before any is lost.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use e2e::{node::Node, shell::quiet};

/// Events of one burst, each of a read of a short line.
const BURST: u64 = 400_000;

pub(crate) fn run() -> anyhow::Result<()> {
    // The capture buffer is large, so that a burst is only bounded by the reader.
    let node = Node::start(&["--ring-mib", "64"])?;
    pin(node.sensor.pid(), 0)?;
    let fake = std::env::current_exe()?.with_file_name("fake-shell");
    let rounds = e2e::daemon::scaled(5).max(3);
    let mut produced = Vec::new();
    for _ in 0..rounds {
        let before = seen(&node)?;
        let start = Instant::now();
        let status = Command::new("taskset")
            .args(["-c", "1"])
            .arg(&fake)
            .args(["calm", &BURST.to_string()])
            .stdin(std::fs::File::open("/dev/zero")?)
            .status()
            .context("taskset")?;
        ensure!(status.success(), "{} failed", fake.display());
        let made = start.elapsed();
        while seen(&node)? < before + BURST {
            ensure!(start.elapsed() < Duration::from_mins(1), "events are missing");
            std::thread::sleep(Duration::from_millis(1));
        }
        produced.push((BURST as f64 / made.as_secs_f64(), BURST as f64 / start.elapsed().as_secs_f64()));
    }
    let median = |mut v: Vec<f64>| crate::statistics::percentile(&mut v, 0.5);
    println!(
        "sensor on one core: {:.0} events/s made, {:.0} events/s taken in (medians of {rounds} bursts of {BURST})",
        median(produced.iter().map(|p| p.0).collect()),
        median(produced.iter().map(|p| p.1).collect()),
    );
    let outcome = node.finish()?;
    println!(
        "lost: {} (ring full), {} (scoring behind)",
        outcome.total("kernel_ring_full_total"),
        outcome.total("queue_items_dropped_total{queue=\"captures\"}")
    );
    Ok(())
}

fn seen(node: &Node) -> anyhow::Result<u64> {
    node.reading("events")
}

fn pin(pid: u32, core: usize) -> anyhow::Result<()> {
    let status = quiet("taskset").args(["-a", "-p", "-c", &core.to_string(), &pid.to_string()]).status()?;
    ensure!(status.success(), "taskset failed");
    Ok(())
}
