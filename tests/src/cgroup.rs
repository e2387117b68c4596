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
    /// Where its share of the processors is, if not there.
    cpu: Option<PathBuf>,
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
        let at = directories(root, path, &mut made).pop().expect("a path");
        Self { path: at, cpu: None, made }
    }

    /// Likewise, with the share of the processors that the kubelet gives for a request of so many thousandths of one.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn with_request(path: &str, millis: u64) -> Self {
        let mut cgroup = Self::make(path);
        let all = std::thread::available_parallelism().map_or(1, usize::from) as u64 * 1024;
        let own = (millis * 1024 / 1000).max(2);
        let v1 = Path::new("/sys/fs/cgroup/cpu");
        let (root, file) =
            if v1.exists() { (v1, "cpu.shares") } else { (Path::new("/sys/fs/cgroup"), "cpu.weight") };
        let directories = directories(root, path, &mut cgroup.made);
        for (n, directory) in directories.iter().enumerate() {
            if !v1.exists() {
                let above = directory.parent().unwrap_or(root);
                fs::write(above.join("cgroup.subtree_control"), "+cpu").expect("the controller");
            }
            // That of all pods, that of a class of pods, the pod, the container.
            let shares = if n < 2 { all } else { own };
            // As the kubelet and the runtime convert it.
            let value = if v1.exists() { shares } else { 1 + (shares - 2) * 9999 / 262_142 };
            fs::write(directory.join(file), value.to_string()).expect("a share");
        }
        cgroup.cpu = directories.last().filter(|_| v1.exists()).cloned();
        cgroup
    }

    /// Puts a running process in.
    ///
    /// # Panics
    /// When that is not possible.
    pub fn take(&self, pid: u32) {
        for directory in self.directories() {
            fs::write(directory.join("cgroup.procs"), pid.to_string()).expect("a cgroup");
        }
    }

    /// A command that runs in it.
    ///
    /// # Panics
    /// When it is not there.
    pub fn enter(&self, command: &mut Command) {
        for directory in self.directories() {
            enter(command, &directory.join("cgroup.procs"));
        }
    }

    fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.path).chain(&self.cpu)
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

/// Makes the directories of a path that are not there; returns all of them, the first one first.
fn directories(root: &Path, path: &str, made: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut at = root.to_owned();
    for name in path.split('/') {
        at.push(name);
        if !at.exists() {
            fs::create_dir(&at).expect("a cgroup");
            made.push(at.clone());
        }
        all.push(at.clone());
    }
    all
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
