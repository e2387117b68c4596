//! Network namespaces that a test makes.

use std::{fs::File, path::Path, process::Command};

use anyhow::{Context, ensure};
use nix::sched::{CloneFlags, setns};

/// Runs `ip` with these words.
pub fn ip(line: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(line.split(' ')).output().context("ip")?;
    ensure!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Does something in a named network namespace, on a thread of its own.
pub fn inside<T: Send>(name: &str, what: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    inside_of(&Path::new("/run/netns").join(name), what)
}

/// Likewise in the network namespace of a file.
pub fn inside_of<T: Send>(file: &Path, what: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    let namespace = File::open(file).with_context(|| format!("{}", file.display()))?;
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            what()
        });
        done.join().unwrap_or_else(|_| anyhow::bail!("it panicked"))
    })
}
