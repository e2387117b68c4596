//! Continues a stopped process, and no other that got its id.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use ebpf::{limit::HOLDS_MAX, map::Held};
use probe::{Holds, Taken};
use procfs::ProcError;
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use tracing::warn;

/// A process that was taken out of the table.
pub(crate) struct Released {
    /// What stood there.
    pub(crate) entry: Held,
    /// How long it stood there.
    pub(crate) held: Duration,
    /// It was continued; if not, it had ended.
    pub(crate) is_continued: bool,
    /// And not for the first time.
    pub(crate) was_let_go: bool,
}

/// Continues a process, and takes it out of the table. `None` when it was not in the table (any more), cannot be continued yet, or,
/// with `since_ns`, is held for another reason since. Where it may be stopped all the same, it is looked after.
pub(crate) fn release(
    holds: &mut Holds,
    aftermath: &mut Aftermath,
    pid: u32,
    since_ns: Option<u64>,
) -> Option<Released> {
    let released = let_go(holds, pid, since_ns)?;
    // Last, so that whoever is in the table no more was continued, wherever this process was interrupted or ended.
    if holds.take(pid, &released.entry) == Taken::Unsure {
        aftermath.add(pid, released.entry);
    }
    Some(released)
}

/// Continues a process, and leaves it in the table to be looked at again. `None` as in [`release`].
pub(crate) fn let_go(holds: &mut Holds, pid: u32, since_ns: Option<u64>) -> Option<Released> {
    let held = holds.get(pid).filter(|held| since_ns.is_none_or(|since_ns| since_ns == held.since_ns))?;
    let was_let_go = holds.is_let_go(pid, &held);
    // In this order: the kernel half stops again who is continued before.
    let continued =
        holds.let_go(pid, &held).map_err(io::Error::other).and_then(|()| match find(pid, &held)? {
            Some(process) => match pidfd_send_signal(&process, Signal::CONT) {
                Ok(()) | Err(Errno::SRCH) => Ok(true),
                Err(e) => Err(e.into()),
            },
            None => Ok(false),
        });
    match continued {
        Ok(is_continued) => {
            let took = Duration::from_nanos(clock::now_boot_ns().saturating_sub(held.since_ns));
            Some(Released { entry: held, held: took, is_continued, was_let_go })
        }
        // It stays in the table, and is tried again.
        Err(e) => {
            warn!("process {pid} was stopped and cannot be continued yet: {e}");
            None
        }
    }
}

/// How long a stop may still come after a process was continued: the kernel half was about to stop it again.
const AFTERMATH: Duration = Duration::from_millis(200);
/// Processes looked after at once.
const LOOKED_AFTER: usize = HOLDS_MAX as usize;

/// Processes that were continued and may be stopped once more a moment later.
#[derive(Default)]
pub(crate) struct Aftermath(Vec<(u32, Held, Instant)>);

impl Aftermath {
    /// Looks after this one for a while.
    pub(crate) fn add(&mut self, pid: u32, entry: Held) {
        if self.0.len() < LOOKED_AFTER {
            self.0.push((pid, entry, Instant::now()));
        }
    }

    /// Is nobody looked after?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Continues those that are stopped, and not because they are held anew.
    pub(crate) fn look(&mut self, holds: &Holds) {
        self.0.retain(|(pid, entry, since)| {
            let is_stopped = pidfd::stat(*pid).is_ok_and(|stat| stat.state == 'T');
            if is_stopped
                && holds.get(*pid).is_none()
                && let Ok(Some(process)) = find(*pid, entry)
                && let Err(e) = pidfd_send_signal(&process, Signal::CONT)
                && e != Errno::SRCH
            {
                warn!("process {pid} was stopped and cannot be continued: {e}");
            }
            since.elapsed() < AFTERMATH
        });
    }
}

/// The process that was stopped; `None` when it is gone.
fn find(pid: u32, held: &Held) -> io::Result<Option<OwnedFd>> {
    let process = match pidfd::open(pid) {
        Ok(process) => process,
        // Its number is left as that of a group or session, or it is a thread's by now.
        Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    match pidfd::stat(pid) {
        Ok(stat) => Ok(pidfd::was_forked_at(&stat, held.start_ns).then_some(process)),
        Err(ProcError::NotFound(_)) => Ok(None),
        Err(e) => Err(io::Error::other(e)),
    }
}

/// How long a process may take from the signal until it stops: it is on its way out of the kernel, and its processor may be busy
/// elsewhere (a virtual machine's).
const STOPPING: Duration = Duration::from_millis(20);
/// Of one that others continue: it may run as well.
const STOPPING_MEDDLED: Duration = Duration::from_millis(2);

/// Is a process stopped that is to stop?
pub(crate) fn is_stopped(pid: u32, is_meddled: bool) -> bool {
    let limit = if is_meddled { STOPPING_MEDDLED } else { STOPPING };
    let begun = Instant::now();
    loop {
        match pidfd::stat(pid) {
            Ok(stat) if stat.state == 'T' => return true,
            Ok(stat) if stat.state == 'R' && begun.elapsed() < limit => std::thread::yield_now(),
            _ => return false,
        }
    }
}

/// When a process that runs was forked, in clock ticks since boot.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = pidfd::stat(pid).ok()?;
    // One that has ended and was not reaped holds nobody.
    (!"ZXx".contains(stat.state)).then_some(stat.starttime)
}
