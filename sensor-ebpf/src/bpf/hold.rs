//! Stops a shell behind what it just read, until userspace has judged it. Userspace continues it; a shell that nobody
//! could continue is not stopped.

use aya_ebpf::helpers::{bpf_get_current_task, bpf_ktime_get_boot_ns, generated::bpf_send_signal};
use ebpf::{
    counter,
    event::{Hold, KIND_HOLD, Record},
    limit::HOLD_STALE_NS,
    map::{HOLD_ALWAYS, Held, Shell},
};

use crate::{
    emit,
    kernel::{field, offset},
    maps::{EVENTS, HOLD_CGROUPS, HOLD_DATA, HOLDING, HOLDS, count, header},
};

const SIGSTOP: u32 = 19;

/// Stops the current process, a followed one. `ino` is that of what it read; 0 when it read nothing.
#[inline(always)]
pub(crate) fn hold(shell: &mut Shell, tgid: u32, ino: u64) {
    let Some(holding) = HOLDING.get(0) else { return };
    if holding.beat_ns == 0 {
        return;
    }
    let task = unsafe { bpf_get_current_task() };
    if !is_to_be_held(shell, task, holding.node) {
        return;
    }
    if ino != 0 && unsafe { HOLD_DATA.get(tgid) }.is_some_and(|data| *data == ino) {
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
    let leader: u64 = field(task, offset!(task_group_leader));
    let start_ns = field(leader, offset!(task_start_boottime));
    let held = Held { since_ns: now, start_ns, cgroup: shell.cgroup };
    // In the table first: whoever stands there is continued in time, whatever becomes of the rest.
    if HOLDS.insert(tgid, held, 0).is_err() {
        count(counter::HOLDS_FAILED, 1);
        return;
    }
    if unsafe { bpf_send_signal(SIGSTOP) } != 0 {
        let _ = HOLDS.remove(tgid);
        count(counter::HOLDS_FAILED, 1);
        return;
    }
    count(counter::HOLDS, 1);
    let head = header(KIND_HOLD, tgid, shell);
    let Some(mut entry) = EVENTS.reserve::<Record<Hold, 0>>(0) else {
        // It goes on when its time is over.
        emit::lose(shell, &head);
        return;
    };
    let record = entry.as_mut_ptr();
    unsafe {
        (&raw mut (*record).header).write(head);
        (&raw mut (*record).body).write(Hold { since_ns: now, ino, cgroup: shell.cgroup });
    }
    entry.submit(emit::FORCED);
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

/// Would a stop be noticed: by a debugger, or by a parent that gives each of its jobs a process group?
#[inline(always)]
fn is_noticed(task: u64) -> bool {
    if field::<u32>(task, offset!(task_ptrace)) != 0 {
        return true;
    }
    let parent: u64 = field(task, offset!(task_real_parent));
    let own: u64 = field(task, offset!(task_signal));
    let of_parent: u64 = field(parent, offset!(task_signal));
    let (group, session): (u64, u64) =
        (field(own, offset!(signal_process_group)), field(own, offset!(signal_session)));
    let (parent_group, parent_session): (u64, u64) =
        (field(of_parent, offset!(signal_process_group)), field(of_parent, offset!(signal_session)));
    session == parent_session && group != parent_group
}
