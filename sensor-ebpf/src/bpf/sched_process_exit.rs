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
};

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn sched_process_exit(ctx: RawTracePointContext) -> i32 {
    let ids = bpf_get_current_pid_tgid();
    let tgid = (ids >> 32) as u32;
    if ids as u32 != tgid || !descends(tgid) {
        return 0;
    }
    if !is_followed(tgid) {
        forget(tgid);
        return 0;
    }
    if let Some(shell) = SHELLS.get_ptr_mut(tgid) {
        let shell = unsafe { &mut *shell };
        let _ = flush(tgid, shell);
        let task = unsafe { *(ctx.as_ptr() as *const u64) };
        let status: u32 = field(task, offset!(task_exit_code));
        let head = header(KIND_EXIT, tgid, shell);
        emit::bare(shell, head, Exit { how: EXIT_ENDED, status });
    }
    unfollow(tgid);
    forget(tgid);
    0
}
