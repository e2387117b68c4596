//! A live process, from /proc.

use std::os::unix::ffi::OsStringExt;

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
}

/// Arguments of another process that are kept, bytes.
const ARGS_BYTES: usize = 4096;

impl ProcessFacts {
    /// Looks a process up; `None` when it is gone.
    pub fn of(pid: u32) -> Option<Self> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        let stat = process.stat().ok()?;
        let mut room = ARGS_BYTES;
        let mut args_truncated = false;
        let mut args = Vec::new();
        for arg in process.cmdline().unwrap_or_default() {
            if arg.len() > room {
                args_truncated = true;
                break;
            }
            room -= arg.len();
            args.push(arg);
        }
        Some(Self {
            pid,
            ppid: u32::try_from(stat.ppid).unwrap_or(0),
            name: stat.comm,
            exe: process.exe().map(|p| p.into_os_string().into_vec()).unwrap_or_default(),
            args,
            args_truncated,
            uid: process.uid().unwrap_or(0),
        })
    }
}
