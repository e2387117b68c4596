//! A collector and a sensor as child processes, ended in the right order.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::setup::bpf_fs;

const SENSOR_LOG: &str = "SCRIPTWATCH_SENSOR_LOG";
const COLLECTOR_LOG: &str = "SCRIPTWATCH_COLLECTOR_LOG";

/// How long a service may take to come up.
const START: Duration = Duration::from_secs(30);
/// How long it may take to end.
const STOP: Duration = Duration::from_secs(15);

/// A child that is told to end when it is dropped.
pub(crate) struct Service {
    name: &'static str,
    child: Child,
}

impl Service {
    fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        // In a group of its own: Ctrl-C is for this program, which then ends the sensor before the collector.
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        Ok(Self { name, child })
    }

    /// Waits until the file is there; fails at once when the service ends.
    fn wait_for(&mut self, file: &Path) -> anyhow::Result<String> {
        let start = Instant::now();
        loop {
            if let Some(text) = fs::read_to_string(file).ok().filter(|t| !t.is_empty()) {
                return Ok(text.trim().to_owned());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(Ended { name: self.name, status }.into());
            }
            if start.elapsed() > START {
                bail!("{} did not come up within {START:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has it ended?
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Tells it to end and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM);
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > STOP {
                self.child.kill()?;
                self.child.wait()?;
                bail!("{} did not end within {STOP:?} and was killed", self.name);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(e) = self.stop() {
            eprintln!("xtask: {e:#}");
        }
    }
}

/// A service ended before it was up. Its own message is on the terminal already.
#[derive(Debug)]
pub(crate) struct Ended {
    name: &'static str,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ended: {}", self.name, self.status)
    }
}

impl std::error::Error for Ended {}

/// Both, and where the findings are. The sensor is dropped first.
pub(crate) struct Pair {
    /// The sensor.
    pub(crate) sensor: Service,
    /// The collector.
    pub(crate) collector: Service,
    /// The capture tier the sensor picked.
    pub(crate) tier: String,
    /// The collector's database.
    pub(crate) store: PathBuf,
}

/// Do these arguments ask the sensor to stop shells?
pub(crate) fn stops_shells(sensor_args: &[String]) -> bool {
    sensor_args.iter().any(|arg| arg == "hold" || arg == "--respond=hold")
}

/// Starts both on loopback, with their files in `dir`.
pub(crate) fn start(bin: &Path, dir: &Path, sensor_args: &[String], quiet: bool) -> anyhow::Result<Pair> {
    let store = dir.join("findings.db");
    let port_file = dir.join("port");
    let ready_file = dir.join("ready");
    let level = |variable: &str| {
        std::env::var(variable).unwrap_or_else(|_| if quiet { "warn" } else { "info" }.to_owned())
    };
    let mut serve = Command::new(bin.join("collector"));
    serve
        .env(COLLECTOR_LOG, level(COLLECTOR_LOG))
        .args(["serve", "--plaintext", "--listen", "127.0.0.1:0", "--store"])
        .arg(&store)
        .arg("--port-file")
        .arg(&port_file);
    let mut collector = Service::start("collector", &mut serve)?;
    let port = collector.wait_for(&port_file)?;
    if stops_shells(sensor_args) {
        bpf_fs::mounted();
    }
    let mut run = Command::new(bin.join("sensor"));
    if std::env::var_os("SCRIPTWATCH_SENSOR_SPOOL").is_none() {
        run.env("SCRIPTWATCH_SENSOR_SPOOL", dir.join("spool"));
    }
    run.env(SENSOR_LOG, level(SENSOR_LOG))
        .args(["run", "--collector", &format!("http://127.0.0.1:{port}"), "--ready-file"])
        .arg(&ready_file)
        .args(sensor_args);
    let mut sensor = Service::start("sensor", &mut run)?;
    let tier = sensor.wait_for(&ready_file)?;
    Ok(Pair { sensor, collector, tier, store })
}
