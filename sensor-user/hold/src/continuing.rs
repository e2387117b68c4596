//! Continues a stopped process, and no other that got its id.

use std::time::Duration;

use ebpf::map::Held;
use probe::Holds;
use procfs::process::Process;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use tracing::warn;

/// Takes a process out of the table, and continues it. Returns how long it was held; `None` when it was not in the table (any
/// more), or, with `since_ns`, is held for another reason since.
pub(crate) fn release(holds: &mut Holds, pid: u32, since_ns: Option<u64>) -> Option<Duration> {
    let held = holds.get(pid)?;
    if since_ns.is_some_and(|since_ns| since_ns != held.since_ns) {
        return None;
    }
    // In this order: if it was stopped anew in between, the signal is for that stop, too.
    if !holds.remove(pid) {
        return None;
    }
    resume(pid, &held);
    Some(Duration::from_nanos(clock::now_boot_ns().saturating_sub(held.since_ns)))
}

fn resume(pid: u32, held: &Held) {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let process = match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return,
        Err(e) => {
            warn!("process {pid} was stopped and cannot be continued: {e}");
            return;
        }
    };
    // After the descriptor: what is read now is of the process that it holds, or of none.
    let Some(ticks) = start_ticks(pid) else { return };
    let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
    if ticks.abs_diff(held.start_ns / tick_ns) > 1 {
        return;
    }
    match pidfd_send_signal(&process, Signal::CONT) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(e) => warn!("process {pid} was stopped and cannot be continued: {e}"),
    }
}

/// When a process that runs was forked, in clock ticks since boot.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = Process::new(i32::try_from(pid).ok()?).ok()?.stat().ok()?;
    // One that has ended and was not reaped holds nobody.
    (!"ZXx".contains(stat.state)).then_some(stat.starttime)
}
