//! A real NATS server with JetStream, on loopback, with its files in a directory.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::daemon;

/// A running server; it ends when dropped.
pub struct Nats {
    child: Child,
    config: PathBuf,
    port: u16,
}

impl Nats {
    /// Starts one that takes messages as large as findings can be.
    pub fn start(dir: &Path) -> anyhow::Result<Self> {
        Self::configured(dir, "max_payload: 8MB\njetstream: { store_dir: \"DIR/jetstream\" }")
    }

    /// Starts one with this configuration; `DIR` in it is the directory.
    pub fn configured(dir: &Path, config: &str) -> anyhow::Result<Self> {
        let port = daemon::free_port();
        let path = dir.join("nats.conf");
        let config = config.replace("DIR", &dir.to_string_lossy());
        fs::write(&path, format!("host: 127.0.0.1\nport: {port}\n{config}\n"))?;
        Ok(Self { child: spawn(&path, port)?, config: path, port })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of its stream, for `--store`.
    pub fn stream(&self) -> String {
        format!("jetstream://127.0.0.1:{}/findings", self.port)
    }

    /// The address for clients.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again with what it has on disk.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.child = spawn(&self.config, self.port)?;
        Ok(())
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn spawn(config: &Path, port: u16) -> anyhow::Result<Child> {
    let log = fs::File::options().create(true).append(true).open(config.with_extension("log"))?;
    let child = Command::new("/usr/sbin/nats-server")
        .arg("-c")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    let start = Instant::now();
    while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
        ensure!(start.elapsed() < Duration::from_secs(20), "nats-server does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}
