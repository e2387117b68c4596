//! What the sensor costs a GNU package's `configure`: hundreds of kilobytes of script, and thousands of forks.

use std::{path::Path, time::Instant};

use anyhow::Context;
use e2e::{
    cgroup::{Cgroup, enter},
    node::Node,
    shell::quiet,
};

use crate::statistics::percentile;

const CONTAINER: &str = "kubepods/burstable/pod6b1d3a5e-0c1f-4e6a-9f1b-2f3c4d5e6f73/00000000000000000000000000000000000000000000000000000000000000b2";
/// Runs of each; they take turns.
const ROUNDS: usize = 5;

pub(crate) fn run() -> anyhow::Result<()> {
    let script = std::env::var("SCRIPTWATCH_BENCH_CONFIGURE")
        .context("run this with `cargo xtask bench configure`, which fetches a package to configure")?;
    let cgroup = Cgroup::make(CONTAINER);
    let mut bare = Vec::new();
    for respond in ["off", "hold"] {
        let mut seconds = Vec::new();
        let mut without = Vec::new();
        for _ in 0..ROUNDS {
            without.push(configure(&cgroup.procs(), &script)?);
            let mut node = Node::start(&["--respond", respond])?;
            seconds.push(configure(&cgroup.procs(), &script)?);
            node.sensor.stop()?;
        }
        // Each run with the run before it: the machine's moods are in both.
        let mut ratios: Vec<f64> =
            seconds.iter().zip(&without).map(|(with, without)| with / without).collect();
        println!(
            "  respond {respond}: median {:.2} s, without a sensor {:.2} s; ratio of pairs: median {:.3}, from {:.3} to {:.3}",
            percentile(&mut seconds, 0.5),
            percentile(&mut without, 0.5),
            percentile(&mut ratios, 0.5),
            percentile(&mut ratios, 0.01),
            percentile(&mut ratios, 1.0),
        );
        bare.append(&mut without);
    }
    println!("  without: median {:.2} s", percentile(&mut bare, 0.5));
    Ok(())
}

/// Seconds of a run in the container.
fn configure(procs: &Path, script: &str) -> anyhow::Result<f64> {
    let dir = tempfile::tempdir()?;
    let mut command = quiet("/bin/sh");
    command.arg(script).current_dir(dir.path());
    enter(&mut command, procs);
    let begun = Instant::now();
    let status = command.status()?;
    anyhow::ensure!(status.success(), "configure: {status}");
    Ok(begun.elapsed().as_secs_f64())
}
