//! Stops a shell behind what it just read, until userspace has judged it. Userspace continues it; a shell that nobody
//! could continue is not stopped.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_boot_ns, generated::bpf_send_signal,
};
use ebpf::{
    counter,
    event::{Hold, KIND_HOLD, Record},
    limit::{HOLD_KEPT_NS, HOLD_STALE_NS},
    map::{EXE_MULTICALL, EXE_SHELL, HOLD_ALWAYS, Held, SEND_SIGNAL_TASK, Shell, Stop},
};

use crate::{
    emit,
    kernel::{field, offset},
    maps::{EVENTS, HOLD_CGROUPS, HOLD_DATA, HOLDING, HOLDS, MEDDLED, SHELLS, count, header},
};

pub(crate) const SIGCONT: u32 = 18;
const SIGSTOP: u32 = 19;
/// `PIDTYPE_TGID` of `linux/pid_types.h`: a signal is for the whole process.
const PIDTYPE_TGID: u32 = 1;

/// Does a program stop itself when its child is stopped, and wait to be continued? By the first bytes of `task_struct.comm`.
#[inline(always)]
fn follows_its_child(comm: u64) -> bool {
    is(comm, b"su")
        || is(comm, b"sudo")
        || is(comm, b"doas")
        || is(comm, b"script")
        || is(comm, b"runuser")
        || is(comm, b"nsenter")
        || is(comm, b"unshare")
}

/// Is this the name, of at most seven bytes? Behind the NUL other bytes may stand.
#[inline(always)]
fn is<const N: usize>(comm: u64, name: &[u8; N]) -> bool {
    let mut bytes = [0u8; 8];
    bytes[..N].copy_from_slice(name);
    let shift = 8 * (7 - N as u32);
    comm << shift == u64::from_le_bytes(bytes) << shift
}

/// What a shell read before it is stopped.
#[derive(Clone, Copy, Default)]
pub(crate) struct Source {
    /// Inode number; 0 when it read nothing.
    pub(crate) ino: u64,
    pub(crate) dev: u32,
    pub(crate) fd: i32,
    /// It may turn out to be data.
    pub(crate) may_be_data: bool,
}

/// Stops the current process, a followed one.
#[inline(always)]
pub(crate) fn hold(shell: &mut Shell, tgid: u32, source: Source) {
    let Some(holding) = HOLDING.get(0) else { return };
    if holding.beat_ns == 0 {
        return;
    }
    // What is not known to be a shell is looked at once, when it was executed.
    if source.ino != 0 && shell.class != EXE_SHELL && shell.class != EXE_MULTICALL {
        return;
    }
    let task = unsafe { bpf_get_current_task() };
    if !is_to_be_held(shell, task, holding.node) {
        return;
    }
    if source.may_be_data
        && unsafe { HOLD_DATA.get(tgid) }.is_some_and(|data| {
            data.exec_ns == shell.exec_ns
                && data.ino == source.ino
                && data.dev == source.dev
                && data.fd == source.fd
        })
    {
        return;
    }
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if now > holding.beat_ns + HOLD_STALE_NS {
        count(counter::HOLDS_STALE, 1);
        return;
    }
    if is_noticed(task) {
        count(counter::HOLDS_NOTICED, 1);
        return;
    }
    // First room for the event: whom userspace does not hear of would wait for the deadline.
    let head = header(KIND_HOLD, tgid, shell);
    let Some(mut entry) = EVENTS.reserve::<Record<Hold, 0>>(0) else {
        emit::lose(shell, &head);
        count(counter::HOLDS_FAILED, 1);
        return;
    };
    let record = entry.as_mut_ptr();
    unsafe {
        (&raw mut (*record).header).write(head);
        (&raw mut (*record).body).write(Hold {
            since_ns: now,
            ino: source.ino,
            dev: source.dev,
            fd: source.fd,
            cgroup: shell.cgroup,
        });
    }
    if stop(shell, tgid, task, now) {
        count(counter::HOLDS, 1);
    } else {
        count(counter::HOLDS_FAILED, 1);
    }
    // If it was not stopped, an answer to this finds nobody.
    entry.submit(emit::FORCED);
}

#[inline(always)]
fn stop(shell: &mut Shell, tgid: u32, task: u64, now: u64) -> bool {
    let leader: u64 = field(task, offset!(task_group_leader));
    let held = Held {
        start_ns: field(leader, offset!(task_start_boottime)),
        cgroup: shell.cgroup,
        class: shell.class,
        is_let_go: 0,
    };
    let stop = Stop { since_ns: now, tgid, reserved: 0 };
    // In the table before it is stopped: whoever stands there is continued in time.
    if HOLDS.insert(stop, held, 0).is_err() {
        return false;
    }
    // Another thread of it may have been stopped a moment later.
    if now > shell.held_ns {
        shell.held_ns = now;
    }
    if unsafe { bpf_send_signal(SIGSTOP) } != 0 {
        let _ = HOLDS.remove(stop);
        return false;
    }
    take_back(&stop, &held);
    true
}

/// Stops the current process again if it is on its way out of the kernel and userspace has not continued it: somebody else did.
#[inline(always)]
pub(crate) fn stay() {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let Some((stop, held)) = kept(unsafe { bpf_get_current_task() }, tgid) else { return };
    if unsafe { bpf_send_signal(SIGSTOP) } != 0 {
        return;
    }
    count(counter::HOLDS_KEPT, 1);
    take_back(&stop, &held);
}

/// If userspace let a process go before it was stopped, its SIGCONT came before the stop, too.
#[inline(always)]
fn take_back(stop: &Stop, held: &Held) {
    let is_held = unsafe { HOLDS.get(stop) }.is_some_and(|held| held.is_let_go == 0);
    // Where signals are sent a moment later, only one can wait: then userspace is told once more.
    if !is_held && unsafe { bpf_send_signal(SIGCONT) } != 0 {
        let _ = HOLDS.insert(stop, held, 0);
    }
}

/// Stops a process again that somebody is about to continue. The stop comes a moment after the continuation, and may come after
/// userspace's: then userspace finds the mark, and looks once more.
#[inline(always)]
pub(crate) fn stop_again(task: *const c_void, tgid: u32) {
    if kept(task as u64, tgid).is_none() {
        return;
    }
    let _ = MEDDLED.insert(tgid, unsafe { bpf_ktime_get_boot_ns() }, 0);
    // After the mark: whoever is taken out of the table now is not stopped, and whoever is taken out later is looked at.
    if kept(task as u64, tgid).is_none() {
        return;
    }
    // aya knows no functions of the kernel. Userspace puts the number of this one in the place of a helper's.
    let send: extern "C" fn(*const c_void, i32, u32, u64) -> i32 =
        unsafe { core::mem::transmute(SEND_SIGNAL_TASK as usize) };
    if send(task, SIGSTOP as i32, PIDTYPE_TGID, 0) == 0 {
        count(counter::HOLDS_KEPT, 1);
    }
}

/// The stop of this process that has not ended, if there is one, and is not of one that had its id before; unless it was too long ago.
#[inline(always)]
fn kept(task: u64, tgid: u32) -> Option<(Stop, Held)> {
    let stop = Stop { since_ns: unsafe { SHELLS.get(tgid) }?.held_ns, tgid, reserved: 0 };
    let held = *(unsafe { HOLDS.get(stop) })?;
    let leader: u64 = field(task, offset!(task_group_leader));
    let is_it = field::<u64>(leader, offset!(task_start_boottime)) == held.start_ns;
    let now = unsafe { bpf_ktime_get_boot_ns() };
    (is_it && held.is_let_go == 0 && now < stop.since_ns + HOLD_KEPT_NS).then_some((stop, held))
}

/// What userspace says of the cgroup; before it has said anything, processes in PID namespaces of their own are in containers.
#[inline(always)]
fn is_to_be_held(shell: &Shell, task: u64, node: u32) -> bool {
    if let Some(known) = unsafe { HOLD_CGROUPS.get(shell.cgroup) } {
        return *known == HOLD_ALWAYS;
    }
    let pid: u64 = field(task, offset!(task_thread_pid));
    node != 0 || field::<u32>(pid, offset!(pid_level)) != 0
}

/// Would a stop be noticed: by a debugger, by a parent that stops when its child does, or by one that gives each of its jobs a
/// process group? The group of such a job is hung up, too, if its leader ends while one of it is stopped.
#[inline(always)]
fn is_noticed(task: u64) -> bool {
    if field::<u32>(task, offset!(task_ptrace)) != 0 {
        return true;
    }
    let parent: u64 = field(task, offset!(task_real_parent));
    let comm: u64 = field(parent, offset!(task_comm));
    let parent_tgid: u32 = field(parent, offset!(task_tgid));
    // A script can be called so, too; then it is a shell.
    if follows_its_child(comm) && SHELLS.get_ptr(parent_tgid).is_none() {
        return true;
    }
    let own: u64 = field(task, offset!(task_signal));
    let group: u64 = field(own, offset!(signal_process_group));
    let session: u64 = field(own, offset!(signal_session));
    if group == session {
        return false;
    }
    let of_parent: u64 = field(parent, offset!(task_signal));
    let parent_group: u64 = field(of_parent, offset!(signal_process_group));
    let parent_session: u64 = field(of_parent, offset!(signal_session));
    // Whether the parent is a shell cannot be said of those that ran before the sensor.
    if parent_session == session && parent_group != group {
        return true;
    }
    // `pid.numbers[0].nr`: the leader's id in the first PID namespace.
    let leader: u32 = field(session, offset!(pid_numbers));
    SHELLS.get_ptr(leader).is_some()
}
