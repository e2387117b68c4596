//! `signal_generate`: somebody continues a stopped shell. In the place of `get_signal` where the kernel lets no program stand at its
//! functions.

use core::ffi::c_void;

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    hold::{SIGCONT, stay, stop_again},
    kernel::{field, offset},
};

/// A parent is told that its child was continued: the child is the current process, and still in the kernel.
const SIGCHLD: i32 = 17;
/// `siginfo.si_code` of that.
const CLD_CONTINUED: i32 = 6;
/// Offset of `si_code` in `struct kernel_siginfo`, behind two numbers.
const SI_CODE: u32 = 8;

#[btf_tracepoint(function = "signal_generate")]
pub fn signal_generate(ctx: BtfTracePointContext) -> i32 {
    let signal: i32 = ctx.arg(0);
    if signal == SIGCHLD {
        let info: *const c_void = ctx.arg(1);
        // A small number stands for no information at all, and cannot be read.
        if field::<i32>(info as u64, SI_CODE) == CLD_CONTINUED {
            stay();
        }
        return 0;
    }
    if signal != SIGCONT as i32 {
        return 0;
    }
    let task: *const c_void = ctx.arg(2);
    let tgid: u32 = field(task as u64, offset!(task_tgid));
    stop_again(task, tgid);
    0
}
