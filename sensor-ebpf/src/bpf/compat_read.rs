//! `read(2)` of 32-bit programs on a 64-bit kernel: no tracepoint tells of it. On x86_64 it is a function of its own, and both tiers
//! have their hook on it; on arm64 it is the function of all programs, which leaves the tracepoint tier only.

use aya_ebpf::{
    EbpfContext,
    helpers::bpf_get_current_pid_tgid,
    macros::{fexit, kretprobe, raw_tracepoint},
    programs::{FExitContext, RawTracePointContext, RetProbeContext},
};
use ebpf::counter;

use crate::{
    maps::{count, is_followed},
    reads::on_read,
    registers,
};

/// The fexit tier.
#[fexit]
pub fn compat_read_fexit(ctx: FExitContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) {
        return 0;
    }
    let args = ctx.as_ptr() as *const u64;
    let (regs, ret) = unsafe { (*args, *args.add(1) as i64) };
    on_read(tgid, registers::of_compat(regs), ret);
    0
}

/// The tracepoint tier on arm64, and on a kernel without kprobes: the end of every system call.
#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn compat_read_exit(ctx: RawTracePointContext) -> i32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) {
        return 0;
    }
    let args = ctx.as_ptr() as *const u64;
    let (regs, ret) = unsafe { (*args, *args.add(1) as i64) };
    if let Some(call) = registers::of_compat_read(regs) {
        on_read(tgid, call, ret);
    }
    0
}

/// The tracepoint tier.
#[kretprobe]
pub fn compat_read_return(ctx: RetProbeContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) {
        return 0;
    }
    let Some(call) = registers::of_current_compat_read() else {
        count(counter::NO_REGISTERS, 1);
        return 0;
    };
    on_read(tgid, call, ctx.ret::<i64>());
    0
}
