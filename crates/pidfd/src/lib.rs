//! A process by a descriptor, which no other process that got its id answers to, and by when it was forked.
//!
//! First the descriptor is opened, then the process is looked at: what is read then is of the process that the descriptor holds,
//! or of none.

use std::os::fd::OwnedFd;

use procfs::{
    ProcError,
    process::{Process, Stat},
};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// A descriptor of a process. `ESRCH` when there is none, `EINVAL` or `ENOENT` (by kernel) when the id is that of a thread.
pub fn open(pid: u32) -> Result<OwnedFd, Errno> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    pidfd_open(pid, PidfdFlags::empty())
}

/// What `/proc/PID/stat` says.
pub fn stat(pid: u32) -> Result<Stat, ProcError> {
    let pid = i32::try_from(pid).map_err(|_| ProcError::NotFound(None))?;
    Process::new(pid)?.stat()
}

/// Was the process forked at this time since boot, in ns? The kernel tells it in clock ticks, and of a subshell that runs a file
/// itself the time is the event's, a moment later.
pub fn was_forked_at(stat: &Stat, start_ns: u64) -> bool {
    let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
    stat.starttime.abs_diff(start_ns / tick_ns) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_when_it_was_forked() {
        let own = std::process::id();
        assert!(open(own).is_ok());
        let stat = stat(own).expect("its state");
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second();
        let start_ns = stat.starttime * tick_ns;
        assert!(was_forked_at(&stat, start_ns) && was_forked_at(&stat, start_ns + tick_ns));
        assert!(!was_forked_at(&stat, start_ns + 2 * tick_ns));
    }

    #[test]
    fn who_is_not_there_is_not_found() {
        assert_eq!(open(u32::MAX).expect_err("no process"), Errno::SRCH);
        assert_eq!(open(0).expect_err("no process"), Errno::SRCH);
        assert!(matches!(stat(u32::MAX), Err(ProcError::NotFound(_))));
    }
}
