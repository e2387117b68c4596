//! How fast scripts are scored, in this process and on one thread.

use std::{hint::black_box, time::Instant};

use e2e::daemon::bin;
use verdict::{
    Feature, Judge, Model, OperatingPoint, ScriptHash,
    features::{Extractor, FeatureSet, Passage},
};

use crate::statistics::show;

pub(crate) fn run() -> anyhow::Result<()> {
    let (library, file) = (bin().join("libonnxruntime.so"), bin().join("script.onnx"));
    let mut model = Model::load(&library, &file)?;
    let mut judge = Judge::load(&library, &file, OperatingPoint::Balanced, None)?;
    for (name, bytes, runs) in [("1 KiB", 1024, 20_000), ("4 KiB", 4096, 8_000), ("64 KiB", 65_536, 600)] {
        let scripts: Vec<Vec<u8>> = (0..200).map(|i| script(bytes, i)).collect();
        for text in &scripts {
            judge.judge_anew(ScriptHash::of(text), text)?;
        }
        let mut samples = Vec::with_capacity(runs);
        let start = Instant::now();
        for i in 0..runs {
            let text = &scripts[i % scripts.len()];
            let one = Instant::now();
            black_box(judge.judge_anew(ScriptHash::of(text), text)?);
            samples.push(one.elapsed().as_secs_f64() * 1e6);
        }
        let per_second = runs as f64 / start.elapsed().as_secs_f64();
        println!(
            "{name}: {per_second:.0} scripts/s, hash, features and inference {}",
            show(&mut samples, "µs")
        );
        println!("{name}: inference alone {}", show(&mut inference(&mut model, &scripts, runs)?, "µs"));
    }
    Ok(())
}

/// Microseconds in the model for a script, all its windows and the passages of two.
fn inference(model: &mut Model, scripts: &[Vec<u8>], runs: usize) -> anyhow::Result<Vec<f64>> {
    let (mut extractor, mut set) = (Extractor::default(), FeatureSet::default());
    let mut sets: Vec<Vec<Vec<i64>>> = Vec::new();
    for text in scripts {
        extractor.extract(text);
        let mut distinct = |features: &[Feature]| {
            let mut ids = Vec::new();
            set.distinct(features, |_| true, &mut ids);
            ids
        };
        let mut of_one: Vec<Vec<i64>> =
            (0..extractor.windows()).map(|window| distinct(extractor.window(window))).collect();
        // As many passages as are looked at, whichever they are.
        let windows = (0..extractor.windows()).step_by(2).take(2);
        let near: Vec<Passage> = windows.flat_map(|window| extractor.passages_of(window)).collect();
        of_one.extend(near.into_iter().map(|passage| distinct(extractor.passage(passage))));
        sets.push(of_one);
    }
    (0..runs)
        .map(|i| {
            let of_one = &sets[i % sets.len()];
            let start = Instant::now();
            model.score(
                of_one.len(),
                |k, ids| ids.extend_from_slice(&of_one[k]),
                |_, scores| {
                    black_box(scores);
                },
            )?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        })
        .collect()
}

/// An administrator's script of this length, different for each `seed`.
fn script(bytes: usize, seed: usize) -> Vec<u8> {
    const LINES: [&str; 8] = [
        "for host in $(cat hosts.txt); do ssh \"$host\" uptime; done",
        "if [ ! -d /var/lib/app ]; then mkdir -p /var/lib/app; fi",
        "tar czf /backup/app-$(date +%F).tar.gz /etc/app /var/lib/app",
        "echo \"starting service on port $PORT\" >&2",
        "find /var/log/app -name '*.log' -mtime +7 -delete",
        "export PATH=/usr/local/bin:$PATH LANG=C.UTF-8",
        "systemctl restart app.service && systemctl status app.service",
        "grep -c processor /proc/cpuinfo | xargs -I{} make -j{}",
    ];
    let mut text = format!("#!/bin/bash\nset -eu # {seed}\n");
    let mut i = seed;
    while text.len() < bytes {
        text.push_str(LINES[i % LINES.len()]);
        text.push('\n');
        i = i.wrapping_mul(31).wrapping_add(7);
    }
    text.truncate(bytes);
    text.into_bytes()
}
