//! A live process, from /proc.

use std::{io::Read, os::unix::ffi::OsStringExt};

use procfs::process::Process;

/// What /proc tells of a process. Everything in it is the process's own word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Process id.
    pub pid: u32,
    /// Parent's process id.
    pub ppid: u32,
    /// Name the kernel keeps.
    pub name: String,
    /// Path of the executable.
    pub exe: Vec<u8>,
    /// Arguments, cut at a limit.
    pub args: Vec<String>,
    /// True when `args` was cut.
    pub args_truncated: bool,
    /// User id.
    pub uid: u32,
    /// When it was forked, boot time in ns, rounded down to a clock tick.
    pub start_ns: u64,
    /// When it executed what it runs, boot time in ns; where that was seen.
    pub exec_ns: Option<u64>,
}

/// Arguments of another process that are kept, bytes.
const ARGS_BYTES: usize = 1024;
/// What an argument takes beside its bytes: empty ones take memory, too.
const ARG_BYTES: usize = 8;

impl ProcessFacts {
    /// Bytes that it takes, about.
    pub fn weight_bytes(&self) -> usize {
        let args: usize = self.args.iter().map(|arg| size_of::<String>() + arg.capacity()).sum();
        size_of::<Self>() + self.name.capacity() + self.exe.capacity() + args
    }

    /// Looks a process up; `None` when it is gone.
    pub fn of(pid: u32) -> Option<Self> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        let stat = process.stat().ok()?;
        let (args, args_truncated) = args_of(&process);
        Some(Self {
            pid,
            ppid: u32::try_from(stat.ppid).unwrap_or(0),
            name: stat.comm,
            exe: process.exe().map(|p| p.into_os_string().into_vec()).unwrap_or_default(),
            args,
            args_truncated,
            uid: process.uid().unwrap_or(0),
            start_ns: stat.starttime.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1)),
            exec_ns: None,
        })
    }
}

/// The arguments, of which no more is read than is kept: they may be megabytes, for each of many parents.
fn args_of(process: &Process) -> (Vec<String>, bool) {
    let mut text = Vec::new();
    let most = ARGS_BYTES as u64 + 1;
    if let Ok(file) = process.open_relative("cmdline") {
        let _ = file.take(most).read_to_end(&mut text);
    }
    let is_all = (text.len() as u64) < most;
    let text = text.strip_suffix(b"\0").unwrap_or(&text);
    if text.is_empty() {
        return (Vec::new(), false);
    }
    let args = text.split(|byte| *byte == 0).map(|arg| String::from_utf8_lossy(arg).into_owned());
    let (args, is_cut) = cut(args);
    (args, is_cut || !is_all)
}

/// As many of the arguments as may be kept, and whether that is not all.
pub fn cut(args: impl IntoIterator<Item = String>) -> (Vec<String>, bool) {
    let mut room = ARGS_BYTES;
    let mut kept = Vec::new();
    for mut arg in args {
        if arg.len() + ARG_BYTES > room {
            room = room.saturating_sub(ARG_BYTES);
            // The beginning of what does not fit says more than nothing.
            let end = (0..=room).rev().find(|at| arg.is_char_boundary(*at)).unwrap_or(0);
            arg.truncate(end);
            kept.push(arg);
            return (kept, true);
        }
        room -= arg.len() + ARG_BYTES;
        kept.push(arg);
    }
    (kept, false)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn of_long_arguments_the_beginning_is_read() {
        let args_of = |args: &[&str]| {
            let mut command = Command::new("cat");
            let mut child = command.args(args).stdin(Stdio::piped()).spawn().expect("a process");
            // The kernel sets where they are a moment after whoever spawned goes on.
            let facts = loop {
                let facts = ProcessFacts::of(child.id()).expect("facts");
                if !facts.args.is_empty() {
                    break facts;
                }
                std::thread::yield_now();
            };
            drop(child.stdin.take());
            child.wait().expect("its end");
            (facts.args, facts.args_truncated)
        };
        assert_eq!(args_of(&["-", ""]), (vec!["cat".to_owned(), "-".to_owned(), String::new()], false));
        let long = "x".repeat(100_000);
        let (args, is_truncated) = args_of(&["-", &long]);
        assert!(is_truncated && long.starts_with(&args[2]) && args[2].len() > 900, "{args:?}");
        let many = ["-"; 500];
        let (args, is_truncated) = args_of(&many);
        assert!(is_truncated && args.len() > 100 && args[1..args.len() - 1].iter().all(|arg| arg == "-"));
    }
}
