//! What the sensor costs those it watches and those it does not, in one run: without, with, without, with.

use std::{fs::File, io::Read, time::Instant};

use e2e::{node::Node, shell};

use crate::statistics::percentile;

/// Turns; each measures all without the sensor and all with it.
const TURNS: usize = 5;

struct Series {
    name: &'static str,
    unit: &'static str,
    without: Vec<f64>,
    with: Vec<f64>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let mut series = [
        Series::new("read(2) of 1 byte, no shell", "ns"),
        Series::new("getppid, no shell", "ns"),
        Series::new("bash -c :", "µs"),
        Series::new("bash, 100-line file", "µs"),
        Series::new("bash, 10 KiB on a pipe", "µs"),
    ];
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("hundred.sh");
    std::fs::write(&file, ": a line that does nothing at all\n".repeat(100))?;
    let piped = ": a line that does nothing at all\n".repeat(300);
    let mut tier = String::new();
    for _ in 0..TURNS {
        for with in [false, true] {
            let node = if with { Some(Node::start(&[])?) } else { None };
            if let Some(node) = &node {
                tier.clone_from(&node.tier);
            }
            let values = [
                reads()?,
                getppid(),
                median_us(40, || shell::run("/bin/bash", &["-c", ":"]).map(|_| ()))?,
                median_us(40, || shell::run("/bin/bash", &[file.to_str().unwrap_or_default()]).map(|_| ()))?,
                median_us(20, || shell::pipe("/bin/bash", &[], piped.as_bytes()).map(|_| ()))?,
            ];
            for (s, value) in series.iter_mut().zip(values) {
                if with { s.with.push(value) } else { s.without.push(value) }
            }
        }
    }
    println!("tier {tier}; medians of {TURNS} turns");
    for s in &mut series {
        let (without, with) = (percentile(&mut s.without, 0.5), percentile(&mut s.with, 0.5));
        println!(
            "{:28} without {without:>8.1} {u}, with {with:>8.1} {u}: +{:.1} {u}, ratio {:.3}",
            s.name,
            with - without,
            with / without,
            u = s.unit
        );
    }
    Ok(())
}

impl Series {
    fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, without: Vec::new(), with: Vec::new() }
    }
}

/// Nanoseconds of one read of one byte.
fn reads() -> anyhow::Result<f64> {
    const N: u32 = 300_000;
    let mut zero = File::open("/dev/zero")?;
    let mut byte = [0u8; 1];
    let start = Instant::now();
    for _ in 0..N {
        zero.read_exact(&mut byte)?;
    }
    Ok(start.elapsed().as_nanos() as f64 / f64::from(N))
}

/// Nanoseconds of the cheapest syscall.
fn getppid() -> f64 {
    const N: u32 = 500_000;
    let start = Instant::now();
    for _ in 0..N {
        // SAFETY: no arguments, no effects.
        unsafe { libc::getppid() };
    }
    start.elapsed().as_nanos() as f64 / f64::from(N)
}

fn median_us(runs: usize, mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut samples = Vec::with_capacity(runs);
    for _ in 0..runs {
        let start = Instant::now();
        run()?;
        samples.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(percentile(&mut samples, 0.5))
}
