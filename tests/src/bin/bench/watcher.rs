//! Who watches while something is measured.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use aya::{Btf, Ebpf, programs::FExit};
use e2e::{daemon::bin, node::Node};

/// The kinds there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatcherKind {
    /// Nobody.
    Nobody,
    /// The sensor.
    Sensor,
    /// An fexit program on read that does nothing: the least that tracing can cost.
    EmptyFexit,
    /// bpftrace, printing executions and what shells read.
    Bpftrace,
    /// `strace -f -e trace=read,execve` on the command itself.
    Strace,
}

/// What bpftrace is told to do: the same job, as one would write it by hand.
const BPFTRACE: &str = r#"
tracepoint:syscalls:sys_enter_execve { printf("%d %s %s\n", pid, comm, str(args->filename)); }
tracepoint:syscalls:sys_enter_read /comm == "bash" || comm == "dash" || comm == "sh"/ { @buffer[tid] = args->buf; }
tracepoint:syscalls:sys_exit_read /@buffer[tid]/ { printf("%d %s\n", pid, str(@buffer[tid], args->ret)); delete(@buffer[tid]); }
BEGIN { printf("attached\n"); }
"#;

impl WatcherKind {
    /// Nobody first: the others are compared with it.
    pub(crate) const ALL: [Self; 5] =
        [Self::Nobody, Self::Sensor, Self::EmptyFexit, Self::Bpftrace, Self::Strace];

    /// What tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Sensor => "sensor",
            Self::EmptyFexit => "empty fexit",
            Self::Bpftrace => "bpftrace",
            Self::Strace => "strace -f",
        }
    }

    /// Can it be had here?
    pub(crate) fn is_available(self) -> bool {
        let on_path = |name: &str| {
            std::env::var_os("PATH").is_some_and(|p| std::env::split_paths(&p).any(|d| d.join(name).exists()))
        };
        match self {
            Self::Nobody | Self::Sensor => true,
            Self::EmptyFexit => floor().is_ok(),
            Self::Bpftrace => on_path("bpftrace"),
            Self::Strace => on_path("strace") && !is_emulated(),
        }
    }

    /// Why it cannot.
    pub(crate) fn why_not(self) -> String {
        match self {
            Self::EmptyFexit => floor().err().map(|e| format!("{e:#}")).unwrap_or_default(),
            Self::Strace if is_emulated() => "it would take hours in an emulated machine".to_owned(),
            _ => "it is not installed".to_owned(),
        }
    }

    /// What is put before a command that it watches.
    pub(crate) fn prefix(self) -> Vec<String> {
        match self {
            Self::Strace => {
                ["strace", "-f", "-o", "/dev/null", "-e", "trace=read,execve"].map(str::to_owned).to_vec()
            }
            _ => Vec::new(),
        }
    }
}

/// Everything is scaled down there.
fn is_emulated() -> bool {
    e2e::daemon::is_emulated()
}

/// A watcher at work, until it is dropped.
pub(crate) enum Watcher {
    /// Nobody, or one that comes with the command.
    None,
    /// The sensor with its collector.
    Sensor(Box<Node>),
    /// The empty program.
    Floor(#[allow(dead_code, reason = "dropping it detaches")] Box<Ebpf>),
    /// Another program.
    Program(Child),
}

impl Watcher {
    /// Starts one and waits until it watches.
    pub(crate) fn start(kind: WatcherKind, dir: &Path) -> anyhow::Result<Self> {
        Ok(match kind {
            WatcherKind::Nobody | WatcherKind::Strace => Self::None,
            WatcherKind::Sensor => Self::Sensor(Box::new(Node::start(&[])?)),
            WatcherKind::EmptyFexit => Self::Floor(Box::new(floor()?)),
            WatcherKind::Bpftrace => {
                let program = dir.join("watch.bt");
                std::fs::write(&program, BPFTRACE)?;
                let mut child = Command::new("bpftrace")
                    .args(["-B", "line"])
                    .arg(&program)
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()?;
                let mut lines = BufReader::new(child.stdout.take().context("no output")?);
                let mut line = String::new();
                while !line.starts_with("attached") {
                    line.clear();
                    ensure!(lines.read_line(&mut line)? > 0, "bpftrace ended");
                }
                // Read on, or it would wait for its reader.
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
                Self::Program(child)
            }
        })
    }

    /// The sensor's capture tier.
    pub(crate) fn tier(&self) -> Option<&str> {
        match self {
            Self::Sensor(node) => Some(&node.tier),
            _ => None,
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Self::Program(child) = self {
            // SAFETY: kill has no memory effects, and the child is ours and not yet waited for.
            unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
            let _ = child.wait();
        }
    }
}

/// Attaches the program that does nothing.
fn floor() -> anyhow::Result<Ebpf> {
    let object = std::fs::read(bin().join("floor.o")).context("floor.o")?;
    let mut ebpf = Ebpf::load(&object)?;
    let program: &mut FExit = ebpf.program_mut("floor").context("floor.o holds no program")?.try_into()?;
    let function = if cfg!(target_arch = "x86_64") { "__x64_sys_read" } else { "__arm64_sys_read" };
    program.load(function, &Btf::from_sys_fs()?)?;
    program.attach()?;
    Ok(ebpf)
}
