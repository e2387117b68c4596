//! `cargo xtask test arm64`: what is built for arm64, on an emulated processor: scores beside this machine's, the packaged sensor, and
//! the capture tests on both tiers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{
    architecture::Architecture,
    binaries,
    guest::{Guest, KERNELS},
    layout::{root, target},
    models, package,
    setup::{cross, packages},
    step,
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
    scores()?;
    packaged()?;
    let places = PLACES.map(|(kernel, tier)| Place { kernel: series(kernel), tiers: vec![tier] });
    vm_test::run(&places, OTHER, &Tests::Ordinary)
}

fn series(name: &str) -> crate::guest::Series {
    KERNELS.into_iter().find(|kernel| kernel.name == name).expect("a kernel that guests have")
}

/// Scores texts here and there: the same within [`APART`], and no verdict another.
fn scores() -> anyhow::Result<()> {
    packages::install_missing(
        "an emulator of programs",
        &[("/usr/bin/qemu-aarch64-static", "qemu-user-static")],
    )?;
    let (here, there) = (binaries::scoring()?, binaries::scoring_for(OTHER)?);
    let texts = texts()?;
    let own = scored(Command::new(here.join("sensor")), &here, &texts)?;
    let mut emulated = Command::new(format!("qemu-{}-static", OTHER.machine()));
    emulated
        .arg("-L")
        .arg(cross::libraries(OTHER).parent().unwrap_or(Path::new("/")))
        .arg(there.join("sensor"));
    let other = scored(emulated, &there, &texts)?;
    ensure!(
        own.len() == other.len() && own.len() > TEXTS as usize / 2,
        "{} and {} scores",
        own.len(),
        other.len()
    );
    let differ = |(own, other): (&Value, &Value)| {
        (own["score"].as_f64().unwrap_or(f64::NAN) - other["score"].as_f64().unwrap_or(f64::NAN)).abs()
    };
    let farthest =
        own.iter().zip(&other).map(differ).fold(0.0, |most: f64, one| if one <= most { most } else { one });
    let flipped =
        own.iter().zip(&other).filter(|(own, other)| own["malicious"] != other["malicious"]).count();
    println!("{} texts: scores differ by {farthest:.1e} at most, {flipped} verdicts differ", own.len());
    ensure!(farthest <= APART && flipped == 0, "the model does not say the same on {}", OTHER.name());
    Ok(())
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

fn scored(mut sensor: Command, bin: &Path, texts: &Path) -> anyhow::Result<Vec<Value>> {
    let step = step::Step::begin(&format!("scoring with {}", bin.display()));
    sensor.args(["score", "--format", "json", "--model"]).arg(root().join("model/script.onnx"));
    let output = sensor.arg("--onnxruntime").arg(bin.join("libonnxruntime.so")).arg(texts).output()?;
    ensure!(output.status.success(), "scoring failed: {}", String::from_utf8_lossy(&output.stderr));
    step.done();
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).context("a line of scores")).collect()
}

/// Starts the sensor of the image in a guest, and looks for what a shell runs there.
fn packaged() -> anyhow::Result<()> {
    let script = format!(
        r"#!/bin/busybox sh
b=/bin/busybox
for d in proc sys dev tmp; do $b mount --bind /$d {IMAGE}/$d || exit 1; done
$b chroot {IMAGE} /usr/bin/sensor run --collector http://127.0.0.1:9 --gce-metadata off --spool /tmp/spool --ready-file /tmp/ready --record /tmp/record &
sensor=$!
n=0; until [ -e /tmp/ready ] || [ $n = 120 ]; do $b sleep 1; n=$((n+1)); done
bash -c ': the packaged sensor saw this; /bin/true'
n=0; until $b grep -q 'the packaged sensor saw this' /tmp/record || [ $n = 60 ]; do $b sleep 1; n=$((n+1)); done
kill $sensor; wait $sensor
$b grep -q 'the packaged sensor saw this' /tmp/record
"
    );
    let layer = package::files(OTHER)?;
    let commands = [("the packaged sensor".to_owned(), "/programs/packaged".to_owned())];
    let guest = Guest::prepare(series(PLACES[1].0), OTHER, &[], &commands, |tree| {
        tree.write("/programs/packaged", &script)?;
        layer.unpack(&tree.at(IMAGE))
    })?;
    let ran = guest.run()?;
    ensure!(ran.len() == 1 && ran[0].code == 0, "the packaged sensor did not see what a shell ran");
    fs::remove_file(target().join("emulated.jsonl")).ok();
    Ok(())
}
