//! `sched_process_exit`: a followed process is over.

use aya_ebpf::{
    EbpfContext, helpers::bpf_get_current_pid_tgid, macros::raw_tracepoint, programs::RawTracePointContext,
};
use ebpf::event::{EXIT_ENDED, Exit, KIND_EXIT};

use crate::{
    emit,
    kernel::{field, offset},
    maps::{SHELLS, descends, forget, header, is_followed, unfollow},
    reads::flush,
    share,
};

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn sched_process_exit(ctx: RawTracePointContext) -> i32 {
    exited(&ctx);
    0
}

/// Where the kernel may have skipped the other one, behind which nothing is left to do.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn sched_process_exit_skipped(ctx: RawTracePointContext) -> i32 {
    exited(&ctx);
    0
}

#[inline(always)]
fn exited(ctx: &RawTracePointContext) {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !descends(tgid) {
        return;
    }
    let task = unsafe { *(ctx.as_ptr() as *const u64) };
    let signal: u64 = field(task, offset!(task_signal));
    // Its last thread: until then it may fork, or read.
    let is_last = field::<u32>(signal, offset!(signal_live)) == 0;
    // The first may end long before: the shell goes on in another thread.
    if is_last && is_followed(tgid) {
        end(task, tgid);
    }
    if is_last {
        forget(tgid);
    }
}

/// The shell has ended.
#[inline(always)]
fn end(task: u64, tgid: u32) {
    if let Some(shell) = SHELLS.get_ptr_mut(tgid) {
        let shell = unsafe { &mut *shell };
        let _ = flush(tgid, shell);
        if share::admits(shell, share::RECORD, share::LIFE) {
            let status: u32 = field(task, offset!(task_exit_code));
            let head = header(KIND_EXIT, tgid, shell);
            emit::bare(shell, head, Exit { how: EXIT_ENDED, status });
        }
    }
    unfollow(tgid);
}
