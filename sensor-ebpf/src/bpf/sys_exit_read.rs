//! `syscalls:sys_exit_read`, the tracepoint tier. The exit alone suffices: the registers the syscall was
//! entered with are still on the task's stack, so no entry hook and no map between the two is needed.

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::tracepoint, programs::TracePointContext};
use ebpf::counter;

use crate::{
    maps::{count, is_followed},
    reads::on_read,
    registers,
};

/// Offset of the return value in the tracepoint's record: a head of eight bytes, the number, then the value;
/// stable, as the format file in tracefs shows.
pub(crate) const RETURN_VALUE: usize = 16;

#[tracepoint]
pub fn sys_exit_read(ctx: TracePointContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) {
        return 0;
    }
    let Ok(ret) = (unsafe { ctx.read_at::<i64>(RETURN_VALUE) }) else { return 0 };
    let Some(call) = registers::of_current_read() else {
        count(counter::NO_REGISTERS, 1);
        return 0;
    };
    on_read(tgid, call, ret);
    0
}
