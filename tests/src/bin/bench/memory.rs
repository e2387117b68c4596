//! Resident memory of the sensor.

use std::fs;

use e2e::{node::Node, shell};

pub(crate) fn run() -> anyhow::Result<()> {
    let node = Node::start(&[])?;
    println!("idle: {:.1} MiB", resident_mib(node.sensor.pid())?);
    for i in 0..10_000 {
        shell::run("/bin/dash", &["-c", &format!(": script number {i}; : {}", "word ".repeat(i % 50))])?;
    }
    println!("after 10,000 different scripts: {:.1} MiB", resident_mib(node.sensor.pid())?);
    Ok(())
}

/// Resident memory of a process.
pub(crate) fn resident_mib(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: f64 = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|v| v.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default();
    Ok(kib / 1024.0)
}
