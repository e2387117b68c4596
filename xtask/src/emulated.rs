//! `cargo xtask test arm64`: what is built for arm64, on an emulated processor: scores beside this machine's, the packaged sensor, and
//! the capture tests on both tiers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::ensure;

use crate::{
    architecture::Architecture,
    binaries,
    guest::{Condition, Guest, KERNELS},
    layout::target,
    models, package, step,
    vm_test::{self, Place, Tests},
};

/// The architecture, and the oldest kernel on the one tier, the newest node images' on the other: fexit is there from about 6.4 on.
const OTHER: Architecture = Architecture::Arm64;
const PLACES: [(&str, &str); 2] = [("6.1", "tracepoint"), ("6.18", "fexit")];
/// Texts that are scored, and by how much a score may differ.
const TEXTS: u32 = 10_000;
const APART: f64 = 1e-4;
/// Where the image's files are in the guest.
const IMAGE: &str = "/image";

/// Runs all of it.
pub(crate) fn run() -> anyhow::Result<()> {
    packaged()?;
    let places = PLACES.map(|(kernel, tier)| Place {
        kernel: series(kernel),
        tiers: vec![tier],
        condition: Condition::Usual,
    });
    vm_test::run(&places, OTHER, &Tests::Ordinary)
}

fn series(name: &str) -> crate::guest::Series {
    KERNELS.into_iter().find(|kernel| kernel.name == name).expect("a kernel that guests have")
}

/// Scripts of the generator.
fn texts() -> anyhow::Result<PathBuf> {
    let to = target().join("emulated.jsonl");
    let mut python = models::trainer()?;
    let half = TEXTS / 2;
    python.arg("-c").arg(format!(
        "import pathlib, sys; from generator import scripts; \
         scripts.write(pathlib.Path(sys.argv[1]), scripts.generate(5, {half}, {half}))"
    ));
    step::run("writing texts to score", python.arg(&to))?;
    Ok(to)
}

/// Scores them here: of each the score, and whether it is malicious.
fn scored_here(texts: &Path) -> anyhow::Result<Vec<u8>> {
    let bin = binaries::scoring()?;
    let step = step::Step::begin("scoring them here");
    let output = Command::new(bin.join("sensor")).args(["score", "--format", "json"]).arg(texts).output()?;
    ensure!(output.status.success(), "scoring failed: {}", String::from_utf8_lossy(&output.stderr));
    step.done();
    Ok(output.stdout)
}

/// What the guest does with the image: the sensor is to see what a shell runs, and to score as it does here.
fn script() -> String {
    format!(
        r#"#!/bin/busybox sh
b=/bin/busybox
for d in proc sys dev tmp; do $b mount --bind /$d {IMAGE}/$d || exit 1; done
case $1 in
capture)
    $b chroot {IMAGE} /usr/bin/sensor run --collector http://127.0.0.1:9 --gce-metadata off --spool /tmp/spool --ready-file /tmp/ready --record /tmp/record &
    sensor=$!
    n=0; until [ -e /tmp/ready ] || [ $n = 120 ]; do $b sleep 1; n=$((n+1)); done
    bash -c ': the packaged sensor saw this; /bin/true'
    n=0; until $b grep -q 'the packaged sensor saw this' /tmp/record || [ $n = 60 ]; do $b sleep 1; n=$((n+1)); done
    kill $sensor; wait $sensor
    $b grep -q 'the packaged sensor saw this' /tmp/record
    ;;
scores)
    $b cp /programs/texts /tmp/texts.jsonl
    $b chroot {IMAGE} /usr/bin/sensor score --format json /tmp/texts.jsonl > /tmp/there || exit 1
    for place in /programs/here /tmp/there; do
        $b sed -n -E 's/^.*"score":([^,]*),"malicious":([a-z]*),.*$/\1 \2/p' $place > /tmp/$($b basename $place).short
    done
    $b paste -d ' ' /tmp/here.short /tmp/there.short | $b awk '
        NF != 4 {{ bad++ }}
        {{ n++; d = $1 - $3; if (d < 0) d = -d; if (d > most) most = d; if ($2 != $4) flipped++ }}
        END {{
            printf "%d texts: scores differ by %g at most, %d verdicts differ, %d lines do not pair\n", n, most, flipped, bad
            exit !(n >= {least} && most <= {APART} && flipped + bad == 0)
        }}'
    ;;
esac
"#,
        least = TEXTS / 2,
    )
}

/// Looks what the sensor of the image does in a guest.
fn packaged() -> anyhow::Result<()> {
    let texts = texts()?;
    let here = scored_here(&texts)?;
    let layer = package::files(OTHER)?;
    let commands = ["capture", "scores"]
        .map(|what| (format!("the packaged sensor: {what}"), format!("/programs/packaged {what}")));
    let guest = Guest::prepare(series(PLACES[1].0), OTHER, Condition::Usual, &[], &commands, |tree| {
        tree.write("/programs/packaged", &script())?;
        tree.put(&texts, Path::new("/programs/texts"))?;
        fs::write(tree.at("/programs/here"), here)?;
        layer.unpack(&tree.at(IMAGE))
    })?;
    let ran = guest.run()?;
    let failed: Vec<_> = ran.iter().filter(|ran| ran.code != 0).map(|ran| ran.label.as_str()).collect();
    ensure!(
        ran.len() == commands.len() && failed.is_empty(),
        "failed on {}: {}",
        OTHER.name(),
        failed.join(", ")
    );
    Ok(())
}
