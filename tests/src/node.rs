//! A node of the cluster on this machine: a sensor, and the collector that it delivers to.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    collectors,
    daemon::{Daemon, bin, patience, wait_for_file},
    outcome::Outcome,
};

/// Both, with a record of every capture.
pub struct Node {
    /// The files of the two, and room for scripts.
    pub dir: TempDir,
    /// The sensor.
    pub sensor: Daemon,
    /// The collector.
    pub collector: Daemon,
    /// The capture tier.
    pub tier: String,
    command: Command,
}

impl Node {
    /// Starts both; `args` are further arguments of `sensor run`.
    pub fn start(args: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(args, &[])
    }

    /// Starts both, the sensor with this environment besides.
    pub fn start_with(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_all(None, args, env)
    }

    /// Starts both, but the sensor delivers to other collectors.
    pub fn start_to(collectors: &[&str], args: &[&str]) -> anyhow::Result<Self> {
        Self::start_all(Some(&collectors.join(",")), args, &[])
    }

    fn start_all(to: Option<&str>, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (collector, port) = collectors::start(dir.path(), 0)?;
        let to = to.map_or_else(|| format!("http://127.0.0.1:{port}"), str::to_owned);
        let mut command = Command::new(bin().join("sensor"));
        command
            .args(["run", "--admin-listen", "127.0.0.1:0", "--collector", &to])
            .arg("--spool")
            .arg(dir.path().join("spool"))
            .args(args)
            .env(
                "SCRIPTWATCH_SENSOR_LOG",
                std::env::var("SCRIPTWATCH_TEST_LOG").unwrap_or_else(|_| "info".to_owned()),
            )
            .env("SCRIPTWATCH_SENSOR_CONTAINER_RUNTIME", "off")
            .env("NO_COLOR", "1")
            .envs(env.iter().copied());
        let (sensor, tier) = start_sensor(&mut command, dir.path())?;
        Ok(Self { dir, sensor, collector, tier, command })
    }

    /// Starts the sensor again after it ended, in the same way but for the record, which is begun anew.
    pub fn restart_sensor(&mut self) -> anyhow::Result<()> {
        let _ = fs::remove_file(self.path("record.jsonl"));
        let _ = fs::remove_file(self.path("ready"));
        let started = start_sensor(&mut self.command, self.dir.path())?;
        (self.sensor, self.tier) = started;
        Ok(())
    }

    /// A path in the node's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that is not executable.
    pub fn file(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content)?;
        Ok(path)
    }

    /// Findings in the store now, as SCC's JSON.
    pub fn findings(&self) -> anyhow::Result<Vec<Value>> {
        collectors::findings(self.dir.path())
    }

    /// Waits until the store holds findings that `enough` is content with.
    pub fn wait_for(&self, enough: impl Fn(&[Value]) -> bool) -> anyhow::Result<Vec<Value>> {
        let start = Instant::now();
        loop {
            let findings = self.findings()?;
            if enough(&findings) {
                return Ok(findings);
            }
            ensure!(
                start.elapsed() < patience(),
                "not the findings waited for: {findings:#?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where the sensor's status is.
    pub fn admin_address(&self) -> anyhow::Result<String> {
        self.logged("status at http://")
    }

    /// The address that the log tells behind some words, up to its path.
    pub fn logged(&self, before: &str) -> anyhow::Result<String> {
        // Told a moment after the sensor watches.
        let address = || {
            let log = self.log();
            let (_, rest) = log.split_once(before)?;
            rest.split_once('/').map(|(address, _)| address.to_owned())
        };
        self.wait_until(|| address().is_some())
            .with_context(|| format!("the sensor did not tell {before:?}"))?;
        address().context("it was told")
    }

    /// A counter of the running sensor, as its status tells it.
    pub fn reading(&self, name: &str) -> anyhow::Result<u64> {
        reading(&self.admin_address()?, name)
    }

    /// Sends SIGHUP and waits until the log says this about it.
    pub fn reload(&mut self, says: &str) -> anyhow::Result<()> {
        let before = self.log().matches(says).count();
        self.sensor.signal(libc::SIGHUP);
        let start = Instant::now();
        while self.log().matches(says).count() == before {
            ensure!(start.elapsed() < patience(), "{says:?} is not said\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until the sensor's log says this.
    pub fn wait_for_log(&self, says: &str) -> anyhow::Result<()> {
        self.wait_until(|| self.log().contains(says)).with_context(|| format!("{says:?} is not said"))
    }

    /// Waits until something is so; an error tells the log.
    pub fn wait_until(&self, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !is_so() {
            ensure!(start.elapsed() < patience(), "it does not come to it\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Waits until a counter of the running sensor has this value.
    pub fn wait_for_reading(&self, name: &str, value: u64) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let now = self.reading(name)?;
            if now == value {
                return Ok(());
            }
            ensure!(start.elapsed() < patience(), "{name} is {now} and not {value}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The sensor's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("sensor.log")).unwrap_or_default()
    }

    /// Stops the sensor and returns what it recorded, and its totals.
    pub fn finish(mut self) -> anyhow::Result<Outcome> {
        self.sensor.stop().with_context(|| self.log())?;
        let record = fs::read_to_string(self.path("record.jsonl"))?;
        let outcome = Outcome::of(&record, self.findings()?, self.log())?;
        self.collector.stop()?;
        Ok(outcome)
    }
}

/// Starts a sensor that writes its log, its record and its tier into a directory; waits until it is ready.
fn start_sensor(command: &mut Command, dir: &Path) -> anyhow::Result<(Daemon, String)> {
    let ready = dir.join("ready");
    let log = fs::File::create(dir.join("sensor.log"))?;
    let sensor = Daemon::start(
        Command::new(command.get_program())
            .args(command.get_args())
            .arg("--ready-file")
            .arg(&ready)
            .arg("--record")
            .arg(dir.join("record.jsonl"))
            .envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))))
            .stderr(log),
    )?;
    let tier = wait_for_file(&ready)
        .with_context(|| fs::read_to_string(dir.join("sensor.log")).unwrap_or_default())?;
    Ok((sensor, tier))
}

/// A counter of the sensor whose status is at this address.
pub fn reading(address: &str, name: &str) -> anyhow::Result<u64> {
    let output = Command::new(bin().join("sensor"))
        .args(["status", "--format", "json", "--address", address])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout)?;
    status["readings"][name].as_u64().with_context(|| format!("no reading {name}"))
}

/// The child of a process that bears this name.
pub fn child_of(parent: u32, name: &str) -> anyhow::Result<u32> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .find(|pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == name)
        })
        .with_context(|| format!("{parent} has no child named {name}"))
}
