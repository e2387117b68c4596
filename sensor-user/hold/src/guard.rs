//! The second process: it continues what the sensor should have continued, also when the sensor is gone.

use std::{
    io,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{SigHandler, Signal, signal},
    unistd::getppid,
};
use probe::Holds;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use tracing::info;

use crate::continuing::{Aftermath, release};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(25);
/// How much later than the sensor it acts.
const LATER: Duration = Duration::from_millis(25);
/// After the sensor's end the programs may stop somebody for a moment more.
const LAST_LOOKS: u32 = 20;

/// Why the second process cannot run.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// It was not started by a sensor.
    #[error("the table of stopped shells is not there: {0}; this command is for the sensor itself")]
    Table(String),
    /// The sensor cannot be watched.
    #[error("the sensor cannot be watched: {0}")]
    Watch(io::Error),
}

/// Starts it, from this same program.
pub(crate) fn spawn(holds: &Holds, deadline: Duration) -> io::Result<Child> {
    let fd = holds.descriptor().try_clone()?;
    // It is to outlive `exec`.
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
    Command::new("/proc/self/exe")
        .arg("hold-guard")
        .arg(fd.as_raw_fd().to_string())
        .arg(deadline.as_millis().to_string())
        .arg(std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // What ends the sensor from a terminal is not to end it.
        .process_group(0)
        .spawn()
}

/// Runs until the sensor that started it is gone and nobody is stopped any more. `table` is an open descriptor of the table.
pub fn run(table: RawFd, deadline: Duration, sensor: u32) -> Result<(), GuardError> {
    for ignored in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: ignoring a signal installs no handler.
        let _ = unsafe { signal(ignored, SigHandler::SigIgn) };
    }
    // SAFETY: the sensor opened the descriptor for this process, which has just begun and owns it alone.
    let fd = unsafe { OwnedFd::from_raw_fd(table) };
    let mut holds = Holds::from_fd(fd).map_err(|e| GuardError::Table(e.to_string()))?;
    let pid = i32::try_from(sensor).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| GuardError::Table(format!("{sensor} is no process")))?;
    let watched = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(watched) => Some(watched),
        // It has ended already.
        Err(Errno::SRCH) => None,
        Err(e) => return Err(GuardError::Watch(e.into())),
    };
    // Another process may have its id.
    let mut watched = watched.filter(|_| u32::try_from(getppid().as_raw()) == Ok(sensor));
    let mut aftermath = Aftermath::default();
    while let Some(of_sensor) = &watched {
        let mut fds = [PollFd::new(of_sensor.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::MAX);
        if matches!(poll(&mut fds, timeout), Ok(1..)) {
            watched = None;
        }
        let now = clock::now_boot_ns();
        let limit = deadline + LATER;
        for (stop, held) in holds.all() {
            if now.saturating_sub(stop.since_ns) > u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
                && let Some(released) = release(&mut holds, stop)
                && released.is_continued
            {
                aftermath.add(stop, held);
                if !released.was_let_go {
                    info!("process {} was continued in the sensor's place", stop.tgid);
                }
            }
        }
        aftermath.look(&holds);
    }
    for _ in 0..LAST_LOOKS {
        for (stop, held) in holds.all() {
            if release(&mut holds, stop).is_some() {
                aftermath.add(stop, held);
            }
        }
        aftermath.look(&holds);
        std::thread::sleep(LOOK);
    }
    Ok(())
}
