//! Cgroups made for a test.

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::shell::quiet;

/// A cgroup that is removed when dropped, with what still runs in it and the directories above it that this test made.
pub struct Cgroup {
    path: PathBuf,
    made: Vec<PathBuf>,
}

impl Cgroup {
    /// In the hierarchy that tells containers apart: a controller's where there are such.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn make(path: &str) -> Self {
        let v1 = Path::new("/sys/fs/cgroup/pids");
        let root = if v1.exists() { v1 } else { Path::new("/sys/fs/cgroup") };
        let mut made = Vec::new();
        let mut at = root.to_owned();
        for name in path.split('/') {
            at.push(name);
            if !at.exists() {
                fs::create_dir(&at).expect("a cgroup");
                made.push(at.clone());
            }
        }
        Self { path: at, made }
    }

    /// The file that processes are put in by.
    pub fn procs(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What a test that failed left behind would be in the way of the next.
        let left = fs::read_to_string(self.procs()).unwrap_or_default();
        // "0" is one that this PID namespace does not know, and to kill(2) the own process group.
        for pid in left.lines().flat_map(str::parse).filter(|pid| *pid > 0) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        for path in self.made.iter().rev() {
            // A process that is still ending keeps it for a moment; nothing is lost if it stays.
            let _ = fs::remove_dir(path);
        }
    }
}

/// A command that runs in the cgroup.
///
/// # Panics
/// When there is no such cgroup.
pub fn enter(command: &mut Command, procs: &Path) {
    let mut file = fs::File::options().write(true).open(procs).expect("a cgroup");
    // SAFETY: between fork and exec only a file descriptor that is open is written to; "0" is the writer.
    unsafe { command.pre_exec(move || file.write_all(b"0")) };
}

/// Runs a text by bash in the cgroup.
///
/// # Panics
/// When that is not possible.
pub fn run_in(procs: &Path, text: &str) {
    let mut command = quiet("/bin/bash");
    command.args(["-c", text]);
    enter(&mut command, procs);
    command.status().expect("a shell");
}
