//! Continues a stopped process, and no other that got its id.

use std::{
    collections::HashSet,
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use ebpf::{
    limit::HOLDS_MAX,
    map::{Held, Stop},
};
use probe::Holds;
use procfs::ProcError;
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use tracing::warn;

/// A stop that has ended.
pub(crate) struct Released {
    /// How long the process was stopped.
    pub(crate) held: Duration,
    /// It was continued; if not, it had ended.
    pub(crate) is_continued: bool,
    /// And not for the first time.
    pub(crate) was_let_go: bool,
}

/// Continues a process, and takes its stop out of the table. `None` when that was not there (any more), or the process cannot be
/// continued yet.
pub(crate) fn release(holds: &mut Holds, stop: Stop) -> Option<Released> {
    let released = let_go(holds, stop)?;
    // Last, so that whoever is in the table no more was continued, wherever this process was interrupted or ended.
    holds.remove(stop);
    Some(released)
}

/// Continues a process, and leaves its stop in the table to be looked at again. `None` as in [`release`].
pub(crate) fn let_go(holds: &mut Holds, stop: Stop) -> Option<Released> {
    let held = holds.get(stop)?;
    // In this order: the kernel half stops again who is continued before.
    if !holds.let_go(stop, held) {
        return None;
    }
    let pid = stop.tgid;
    let continued = find(pid, &held).and_then(|process| match process {
        Some(process) => match pidfd_send_signal(&process, Signal::CONT) {
            Ok(()) | Err(Errno::SRCH) => Ok(true),
            Err(e) => Err(e.into()),
        },
        None => Ok(false),
    });
    match continued {
        Ok(is_continued) => {
            let took = Duration::from_nanos(clock::now_boot_ns().saturating_sub(stop.since_ns));
            Some(Released { held: took, is_continued, was_let_go: held.is_let_go != 0 })
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
pub(crate) struct Aftermath(Vec<(Stop, Held, Instant)>);

impl Aftermath {
    /// Looks after this one for a while.
    pub(crate) fn add(&mut self, stop: Stop, held: Held) {
        if self.0.len() < LOOKED_AFTER {
            self.0.push((stop, held, Instant::now()));
        }
    }

    /// Is nobody looked after?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Continues those that are stopped, and not because they are held anew.
    pub(crate) fn look(&mut self, holds: &Holds) {
        if self.0.is_empty() {
            return;
        }
        let is_held = |(stop, held): (Stop, Held)| (held.is_let_go == 0).then_some(stop.tgid);
        let held_now: HashSet<u32> = holds.all().into_iter().filter_map(is_held).collect();
        self.0.retain(|(stop, held, since)| {
            let pid = stop.tgid;
            let is_stopped = pidfd::stat(pid).is_ok_and(|stat| stat.state == 'T');
            if is_stopped
                && !held_now.contains(&pid)
                && let Ok(Some(process)) = find(pid, held)
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
