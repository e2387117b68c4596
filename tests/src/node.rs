//! A collector and a sensor on this machine.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

/// How long things may take that take milliseconds; in an emulated machine they take seconds.
fn patience() -> Duration {
    Duration::from_secs(if scaled(2) == 2 { 20 } else { 180 })
}

/// Where the binaries are: `cargo xtask test` says so.
///
/// # Panics
/// When it does not.
pub fn bin() -> PathBuf {
    std::env::var_os("SCRIPTWATCH_BIN").map_or_else(
        || panic!("SCRIPTWATCH_BIN is not set: run this with `cargo xtask test` or `bench`"),
        PathBuf::from,
    )
}

/// How much of a test's bulk to do: all of it, or a part where everything is slow (in an emulated machine).
pub fn scaled(count: usize) -> usize {
    let divisor = std::env::var("SCRIPTWATCH_SCALE").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    (count / divisor).max(1)
}

/// A child that is told to end, and waited for, when dropped.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: kill has no memory effects, and the child is ours and not yet waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Tells it to end; its exit must be clean.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.signal(libc::SIGTERM);
        let status = self.child.wait()?;
        ensure!(status.success(), "ended with {status}");
        Ok(())
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(libc::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

/// Starts a collector; returns it and its port.
pub fn collector(dir: &Path, port: u16) -> anyhow::Result<(Daemon, u16)> {
    collector_in(dir, "port", port)
}

/// Starts one of several collectors in a directory; each has another name for its port's file.
pub fn collector_in(dir: &Path, port_file: &str, port: u16) -> anyhow::Result<(Daemon, u16)> {
    collector_with(dir, port_file, port, &["--plaintext"])
}

/// Starts a collector with these arguments of `collector serve` besides.
pub fn collector_with(
    dir: &Path,
    port_file: &str,
    port: u16,
    args: &[&str],
) -> anyhow::Result<(Daemon, u16)> {
    collector_in_env(dir, port_file, port, args, &[])
}

/// Starts a collector with these arguments and this environment.
pub fn collector_in_env(
    dir: &Path,
    port_file: &str,
    port: u16,
    args: &[&str],
    env: &[(&str, String)],
) -> anyhow::Result<(Daemon, u16)> {
    let store = dir.join("findings.db");
    serve(dir, port_file, port, store.as_os_str(), args, env)
}

/// Starts a collector that keeps findings in a stream, by its address, with these arguments besides.
pub fn collector_into(
    stream: &str,
    dir: &Path,
    port_file: &str,
    port: u16,
    args: &[&str],
) -> anyhow::Result<(Daemon, u16)> {
    let mut all = vec!["--plaintext"];
    all.extend(args);
    serve(dir, port_file, port, stream.as_ref(), &all, &[])
}

fn serve(
    dir: &Path,
    port_file: &str,
    port: u16,
    store: &std::ffi::OsStr,
    args: &[&str],
    env: &[(&str, String)],
) -> anyhow::Result<(Daemon, u16)> {
    let port_file = dir.join(port_file);
    let _ = fs::remove_file(&port_file);
    let child = Command::new(bin().join("collector"))
        .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
        .args(args)
        .arg("--store")
        .arg(store)
        .arg("--port-file")
        .arg(&port_file)
        .env("SCRIPTWATCH_LOG", "warn")
        .envs(env.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .spawn()?;
    let daemon = Daemon { child };
    let port = wait_for_file(&port_file)?.parse()?;
    Ok((daemon, port))
}

/// Starts to write a stream into the directory's database.
pub fn index(stream: &str, dir: &Path) -> anyhow::Result<Daemon> {
    let child = Command::new(bin().join("collector"))
        .args(["index", "--from", stream, "--store"])
        .arg(dir.join("findings.db"))
        .env("SCRIPTWATCH_LOG", "warn")
        .stdin(Stdio::null())
        .spawn()?;
    Ok(Daemon { child })
}

/// What a collector that does not start says, by its arguments.
pub fn refusal(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(bin().join("collector"))
        .args(args)
        .env("SCRIPTWATCH_LOG", "error")
        .stdin(Stdio::null())
        .output()?;
    ensure!(!output.status.success(), "{args:?} is taken");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A port that nobody listens on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// What is answered over plain HTTP, head and body.
///
/// # Panics
/// When there is no answer.
pub fn http(address: &str, path: &str) -> String {
    http_as(address, address, path)
}

/// Likewise, asked for by this name of the host.
///
/// # Panics
/// When there is no answer.
pub fn http_as(address: &str, host: &str, path: &str) -> String {
    use std::io::{Read, Write};
    let mut answer = String::new();
    let mut socket = std::net::TcpStream::connect(address).expect("a connection");
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("a request");
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Waits until something is so.
///
/// # Panics
/// When it does not come to it.
#[track_caller]
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience(), "it does not come to it: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for_file(path: &Path) -> anyhow::Result<String> {
    let start = Instant::now();
    while start.elapsed() < patience() {
        if let Ok(text) = fs::read_to_string(path)
            && !text.is_empty()
        {
            return Ok(text.trim().to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    bail!("{} did not appear", path.display())
}

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

    fn start_all(collectors: Option<&str>, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let (collector, port) = collector(dir.path(), 0)?;
        let collectors = collectors.map_or_else(|| format!("http://127.0.0.1:{port}"), str::to_owned);
        let mut command = Command::new(bin().join("sensor"));
        command
            .args(["run", "--status-listen", "127.0.0.1:0", "--collector", &collectors])
            .arg("--spool")
            .arg(dir.path().join("spool"))
            .args(args)
            .env(
                "SCRIPTWATCH_LOG",
                std::env::var("SCRIPTWATCH_TEST_LOG").unwrap_or_else(|_| "info".to_owned()),
            )
            .env("SCRIPTWATCH_CONTAINER_RUNTIME", "off")
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
        findings(self.dir.path())
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

    /// A counter of the running sensor, as its status tells it.
    pub fn reading(&self, name: &str) -> anyhow::Result<u64> {
        let log = self.log();
        let address = log
            .split_once("status at http://")
            .and_then(|(_, rest)| rest.split('/').next())
            .context("the sensor told no address of its status")?;
        reading(address, name)
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
        let text = fs::read_to_string(self.path("record.jsonl"))?;
        let captures = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let findings = self.findings()?;
        let totals = totals(&self.log())?;
        self.collector.stop()?;
        Ok(Outcome { captures, findings, totals, log: self.log() })
    }
}

/// Starts a sensor that writes its log, its record and its tier into a directory; waits until it is ready.
fn start_sensor(command: &mut Command, dir: &Path) -> anyhow::Result<(Daemon, String)> {
    let ready = dir.join("ready");
    let log = fs::File::create(dir.join("sensor.log"))?;
    let child = Command::new(command.get_program())
        .args(command.get_args())
        .arg("--ready-file")
        .arg(&ready)
        .arg("--record")
        .arg(dir.join("record.jsonl"))
        .envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()?;
    let sensor = Daemon { child };
    let tier = wait_for_file(&ready)
        .with_context(|| fs::read_to_string(dir.join("sensor.log")).unwrap_or_default())?;
    Ok((sensor, tier))
}

/// Findings in a store.
pub fn findings(dir: &Path) -> anyhow::Result<Vec<Value>> {
    let output = Command::new(bin().join("collector"))
        .args(["list", "--limit", "1000000", "--format", "json", "--store"])
        .arg(dir.join("findings.db"))
        .env("SCRIPTWATCH_LOG", "warn")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
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

/// SHA-256 as lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}

/// What a node left behind.
pub struct Outcome {
    /// The recorded captures.
    pub captures: Vec<Value>,
    /// The stored findings.
    pub findings: Vec<Value>,
    /// The sensor's counters.
    pub totals: std::collections::BTreeMap<String, u64>,
    /// The sensor's log.
    pub log: String,
}

impl Outcome {
    /// A counter.
    ///
    /// # Panics
    /// When the sensor logged none of that name.
    pub fn total(&self, name: &str) -> u64 {
        self.totals.get(name).copied().unwrap_or_else(|| panic!("no total {name}"))
    }

    /// The one capture that holds exactly this text; it must have this origin and nothing missing.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn captured_once<'a>(&'a self, text: &'a [u8], origin: &str) -> &'a Value {
        let found: Vec<_> = self.with_content(text).collect();
        let head = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
        assert_eq!(found.len(), 1, "{origin} {head:?}: {} captures\n{}", found.len(), self.listing());
        assert_eq!(found[0]["origin"], origin, "{head:?}");
        assert_eq!(found[0]["size"], text.len(), "{head:?}");
        assert_eq!(found[0]["flags"]["incomplete"], false, "{head:?}");
        found[0]
    }

    /// The captures of one process, in the order they were recorded.
    pub fn of_process(&self, pid: u32) -> impl Iterator<Item = &Value> {
        self.captures.iter().filter(move |c| c["id"]["pid"] == pid)
    }

    /// What was captured, in short, for the message of a test that failed.
    pub fn listing(&self) -> String {
        let mut out = String::new();
        for capture in &self.captures {
            let content = bytes(&capture["content"]);
            let head = String::from_utf8_lossy(&content[..content.len().min(100)]).into_owned();
            let _ = writeln!(
                out,
                "{} {} {} {} bytes {} {head:?}",
                capture["id"]["pid"], capture["origin"], capture["path"], capture["size"], capture["flags"]
            );
        }
        out + &self.log
    }

    /// Captures whose content is exactly this.
    pub fn with_content<'a>(&'a self, content: &'a [u8]) -> impl Iterator<Item = &'a Value> {
        self.captures.iter().filter(move |c| bytes(&c["content"]) == content)
    }
}

/// The bytes of a record's field: text, or base64 when it is not UTF-8.
pub fn bytes(value: &Value) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other["base64"].as_str().and_then(|t| BASE64_STANDARD.decode(t).ok()).unwrap_or_default(),
    }
}

fn totals(log: &str) -> anyhow::Result<std::collections::BTreeMap<String, u64>> {
    let line =
        log.lines().rev().find_map(|l| l.split_once("totals: ")).context("the sensor logged no totals")?.1;
    Ok(line
        .split_whitespace()
        .filter_map(|pair| {
            let (name, n) = pair.split_once('=')?;
            Some((name.to_owned(), n.parse().ok()?))
        })
        .collect())
}
