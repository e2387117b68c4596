//! A program of this repository that runs beside a test, and what to wait for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};

/// How long things may take that take milliseconds; in an emulated machine they take seconds.
pub fn patience() -> Duration {
    Duration::from_secs(if is_emulated() { 180 } else { 20 })
}

/// Does this run in an emulated machine, where everything is slow?
pub fn is_emulated() -> bool {
    scaled(2) != 2
}

/// Where the binaries are: `cargo xtask test` says so.
///
/// # Panics
/// When it does not.
pub fn bin() -> PathBuf {
    std::env::var_os("SCRIPTWATCH_TEST_BIN").map_or_else(
        || panic!("SCRIPTWATCH_TEST_BIN is not set: run this with `cargo xtask test` or `bench`"),
        PathBuf::from,
    )
}

/// How much of a test's bulk to do: all of it, or a part where everything is slow (in an emulated machine).
pub fn scaled(count: usize) -> usize {
    let divisor = std::env::var("SCRIPTWATCH_TEST_SCALE").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    (count / divisor).max(1)
}

/// A child that is told to end, and waited for, when dropped.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Starts a program.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        Ok(Self { child: command.stdin(Stdio::null()).spawn()? })
    }

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

    /// Waits until it ends by itself.
    pub fn end(&mut self) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(start.elapsed() < patience(), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
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
            // A test may have stopped it.
            self.signal(libc::SIGCONT);
            let _ = self.child.wait();
        }
    }
}

/// A port that nobody listens on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
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

/// What a daemon writes into a file once it runs.
pub(crate) fn wait_for_file(path: &Path) -> anyhow::Result<String> {
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
