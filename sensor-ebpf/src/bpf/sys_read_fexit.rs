//! The syscall's own function, left: the fexit tier. It costs other syscalls nothing, and it sees what the
//! tracepoint sees: the registers and the return value.

use aya_ebpf::{EbpfContext, helpers::bpf_get_current_pid_tgid, macros::fexit, programs::FExitContext};

use crate::{maps::is_followed, reads::on_read, registers};

#[fexit]
pub fn sys_read_fexit(ctx: FExitContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) {
        return 0;
    }
    // Arguments first, then the return value: one argument, the registers.
    let args = ctx.as_ptr() as *const u64;
    let (regs, ret) = unsafe { (*args, *args.add(1) as i64) };
    on_read(tgid, registers::of(regs), ret);
    0
}
