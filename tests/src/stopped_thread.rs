//! A thread that hangs: what a test does to one stage, to see what the others do.

use std::fs;

use nix::{
    sys::{
        ptrace,
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// One thread of a process, stopped as by a debugger; the others go on.
pub struct StoppedThread(Pid);

impl StoppedThread {
    /// The thread of this name.
    ///
    /// # Panics
    /// When there is none, or it cannot be stopped.
    pub fn of(process: u32, name: &str) -> Self {
        let mut tasks = fs::read_dir(format!("/proc/{process}/task")).expect("threads").flatten();
        let is_it = |task: &fs::DirEntry| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        };
        let task = tasks.find(is_it).expect("the thread");
        let tid = task.file_name().to_string_lossy().parse().expect("a thread id");
        let tid = Pid::from_raw(tid);
        ptrace::seize(tid, ptrace::Options::empty()).expect("a trace");
        ptrace::interrupt(tid).expect("a stop");
        waitpid(tid, Some(WaitPidFlag::__WALL)).expect("its stop");
        Self(tid)
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        let _ = ptrace::detach(self.0, None);
    }
}
