//! `sched_process_fork`: a subshell goes on reading where its parent stood, so it is followed too. Of whatever a shell starts it is
//! remembered who forked it.

use aya_ebpf::{EbpfContext, macros::raw_tracepoint, programs::RawTracePointContext};
use ebpf::{
    event::{Fork, KIND_FORK},
    map::{Descendant, Shell},
};

use crate::{
    emit,
    kernel::{field, offset, pid_in_namespace},
    maps::{
        FORKED, SHELLS, dealt_with, descend, descends, follow, header, is_followed, note_lost, was_dealt_with,
    },
    reads::flush,
    share,
};

#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn sched_process_fork(ctx: RawTracePointContext) -> i32 {
    if let Some(forked) = Forked::of_shell(&ctx) {
        forked.note();
        dealt_with(forked.child_tgid, FORKED);
    }
    0
}

/// Where the kernel may have skipped the other one.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn sched_process_fork_skipped(ctx: RawTracePointContext) -> i32 {
    if let Some(forked) = Forked::of_shell(&ctx)
        && !was_dealt_with(forked.child_tgid, FORKED)
    {
        forked.note();
    }
    0
}

/// A process, and who forked it.
struct Forked {
    parent: u64,
    child: u64,
    tgid: u32,
    child_tgid: u32,
}

impl Forked {
    /// Only what a shell, or what descends from one, forks.
    #[inline(always)]
    fn of_shell(ctx: &RawTracePointContext) -> Option<Self> {
        let args = ctx.as_ptr() as *const u64;
        let (parent, child) = unsafe { (*args, *args.add(1)) };
        let tgid: u32 = field(parent, offset!(task_tgid));
        if !descends(tgid) {
            return None;
        }
        let child_tgid: u32 = field(child, offset!(task_tgid));
        // The same: a thread.
        (child_tgid != tgid).then_some(Self { parent, child, tgid, child_tgid })
    }

    #[inline(always)]
    fn note(&self) {
        let Self { parent, child, tgid, child_tgid } = *self;
        // The parent may be a thread, which was forked later than its process.
        let leader: u64 = field(parent, offset!(task_group_leader));
        let descendant = Descendant {
            start_ns: field(child, offset!(task_start_boottime)),
            parent_start_ns: field(leader, offset!(task_start_boottime)),
            parent: tgid,
            reserved: 0,
        };
        descend(child_tgid, &descendant);
        if !is_followed(tgid) {
            return;
        }
        let Some(shell) = SHELLS.get_ptr_mut(tgid) else { return };
        let shell = unsafe { &mut *shell };
        let _ = flush(tgid, shell);
        if share::admits(shell, share::RECORD, share::LIFE) {
            let head = header(KIND_FORK, tgid, shell);
            emit::bare(
                shell,
                head,
                Fork { child: child_tgid, ns_pid: pid_in_namespace(child), start_ns: descendant.start_ns },
            );
        }
        let copy = Shell { lost: 0, held_ns: 0, ..*shell };
        if !follow(child_tgid, &copy) {
            note_lost(shell, 1);
        }
    }
}
