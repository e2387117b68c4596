//! What watching costs those who are watched and those who are not: nothing, the sensor, and others who do the same,
//! one after the other in the same run.

use std::{fs, path::Path, process::Command, time::Instant};

use e2e::{daemon::scaled, shell::quiet};

use crate::{
    statistics::percentile,
    watcher::{Watcher, WatcherKind},
};

/// Turns; each measures every workload under every watcher.
const TURNS: usize = 5;
/// Runs of a shell in a turn.
const SAMPLES: usize = 60;
/// Calls timed as one sample.
const BATCH: u32 = 10_000;

/// What is measured.
struct Workload {
    name: &'static str,
    unit: &'static str,
    run: fn(&Bench) -> anyhow::Result<Vec<f64>>,
    /// Does it say something under `strace`, which traces only what it starts?
    shell: bool,
}

const WORKLOADS: [Workload; 8] = [
    Workload { name: "read(2) of 1 byte, no shell", unit: "ns", run: |b| b.calls("read"), shell: false },
    Workload { name: "getppid, no shell", unit: "ns", run: |b| b.calls("getppid"), shell: false },
    Workload { name: "bash -c :", unit: "µs", run: |b| b.shell("bash", &["-c", ":"], None), shell: true },
    Workload {
        name: "bash -c, 20 evals",
        unit: "µs",
        run: |b| b.shell("bash", &["-c", EVALS], None),
        shell: true,
    },
    Workload {
        name: "bash, 100-line file",
        unit: "µs",
        run: |b| b.shell("bash", &[&b.file], None),
        shell: true,
    },
    Workload {
        name: "dash, 100-line file",
        unit: "µs",
        run: |b| b.shell("dash", &[&b.file], None),
        shell: true,
    },
    Workload {
        name: "bash, 10 KiB on a pipe",
        unit: "µs",
        run: |b| b.shell("bash", &[], Some(&b.piped)),
        shell: true,
    },
    Workload {
        name: "dash, 10 KiB on a pipe",
        unit: "µs",
        run: |b| b.shell("dash", &[], Some(&b.piped)),
        shell: true,
    },
];

const EVALS: &str = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do eval \": $i\"; done";

struct Bench {
    file: String,
    piped: String,
    /// Put before a command: a tracer that starts what it traces.
    prefix: Vec<String>,
    samples: usize,
}

/// Samples of each watcher.
struct Row {
    samples: Vec<Vec<f64>>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("hundred.sh");
    fs::write(&file, ": a line that does nothing at all\n".repeat(100))?;
    let mut bench = Bench {
        file: file.to_string_lossy().into_owned(),
        piped: ": a line that does nothing at all\n".repeat(300),
        prefix: Vec::new(),
        samples: 0,
    };
    let kinds: Vec<WatcherKind> = WatcherKind::ALL.into_iter().filter(|k| k.is_available()).collect();
    for missing in WatcherKind::ALL.iter().filter(|k| !kinds.contains(k)) {
        println!("not compared with {}: {}", missing.name(), missing.why_not());
    }
    let mut rows: Vec<Row> =
        WORKLOADS.iter().map(|_| Row { samples: kinds.iter().map(|_| Vec::new()).collect() }).collect();
    let mut tier = String::new();
    for _ in 0..TURNS {
        for (column, kind) in kinds.iter().enumerate() {
            let watcher = Watcher::start(*kind, dir.path())?;
            if let Some(t) = watcher.tier() {
                t.clone_into(&mut tier);
            }
            bench.prefix = kind.prefix();
            // A run under strace takes a second.
            bench.samples = if *kind == WatcherKind::Strace { SAMPLES / 10 } else { scaled(SAMPLES).max(8) };
            for (row, workload) in rows.iter_mut().zip(&WORKLOADS) {
                if *kind != WatcherKind::Strace || workload.shell {
                    row.samples[column].extend((workload.run)(&bench)?);
                }
            }
        }
    }
    println!("kernel {}, tier {tier}; {TURNS} turns", kernel());
    for (row, workload) in rows.iter_mut().zip(&WORKLOADS) {
        let bare = percentile(&mut row.samples[0], 0.5);
        for (samples, kind) in row.samples.iter_mut().zip(&kinds).filter(|(s, _)| !s.is_empty()) {
            let (median, p99) = (percentile(samples, 0.5), percentile(samples, 0.99));
            println!(
                "{:28} {:16} p50 {median:>9.1} {u}, p99 {p99:>9.1} {u}: {:>+8.1} {u}, ratio {:.3}",
                workload.name,
                kind.name(),
                median - bare,
                median / bare,
                u = workload.unit
            );
        }
    }
    goal(&mut rows, &kinds);
    Ok(())
}

/// The added cost of a read beside that of the others'.
fn goal(rows: &mut [Row], kinds: &[WatcherKind]) {
    let mut added = |kind: WatcherKind| {
        let column = kinds.iter().position(|k| *k == kind)?;
        let bare = percentile(&mut rows[0].samples[0], 0.5);
        Some(percentile(&mut rows[0].samples[column], 0.5) - bare)
    };
    let Some(sensor) = added(WatcherKind::Sensor) else { return };
    for other in [WatcherKind::Bpftrace, WatcherKind::EmptyFexit] {
        if let Some(theirs) = added(other) {
            println!("added to a read: {:.2} of what {} adds", sensor / theirs, other.name());
        }
    }
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

impl Bench {
    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut words = self.prefix.iter().map(String::as_str).chain([program]).chain(args.iter().copied());
        let mut command = quiet(words.next().unwrap_or(program));
        command.args(words);
        command
    }

    /// Nanoseconds a call, one sample a batch, in a process of its own.
    #[allow(clippy::unused_self, reason = "the other workloads need it")]
    fn calls(&self, which: &str) -> anyhow::Result<Vec<f64>> {
        let output = Command::new(std::env::current_exe()?).args(["--calls", which]).output()?;
        Ok(String::from_utf8(output.stdout)?.split_whitespace().filter_map(|n| n.parse().ok()).collect())
    }

    /// Microseconds a run.
    fn shell(&self, program: &str, args: &[&str], piped: Option<&str>) -> anyhow::Result<Vec<f64>> {
        use std::io::Write;
        (0..self.samples)
            .map(|_| {
                let mut command = self.command(program, args);
                if piped.is_some() {
                    command.stdin(std::process::Stdio::piped());
                }
                let start = Instant::now();
                let mut child = command.spawn()?;
                if let (Some(text), Some(mut stdin)) = (piped, child.stdin.take()) {
                    stdin.write_all(text.as_bytes())?;
                }
                child.wait()?;
                Ok(start.elapsed().as_secs_f64() * 1e6)
            })
            .collect()
    }
}

/// The child's part of [`Bench::calls`]: prints nanoseconds a call for each batch.
pub(crate) fn calls(which: &str) -> anyhow::Result<()> {
    let zero = fs::File::open(Path::new("/dev/zero"))?;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&zero);
    let mut byte = 0u8;
    for _ in 0..30 {
        let start = Instant::now();
        for _ in 0..BATCH {
            // SAFETY: one byte is read into one byte; getppid has no arguments.
            unsafe {
                if which == "read" {
                    libc::read(fd, (&raw mut byte).cast(), 1);
                } else {
                    libc::getppid();
                }
            }
        }
        println!("{:.1}", start.elapsed().as_nanos() as f64 / f64::from(BATCH));
    }
    Ok(())
}
