//! The registers a syscall was entered with: they lie at the top of the task's kernel stack until it returns,
//! so a hook at its exit can still read the arguments.

use aya_ebpf::helpers::bpf_get_current_task;

use crate::kernel::{field, offset};

/// What `read(2)` was called with.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// Number of the syscall.
    number: u64,
    /// File descriptor.
    pub(crate) fd: i32,
    /// User address that is read to.
    pub(crate) buffer: u64,
    /// Bytes asked for.
    pub(crate) count: u64,
}

#[cfg(bpf_target_arch = "x86_64")]
mod layout {
    use super::{Call, field};

    pub(super) const READ: u64 = 0;
    /// What may lie above the registers: nothing, or a frame's tail with FRED; and the stack may be doubled.
    pub(super) const TOPS: [u32; 4] = [16384, 16384 - 16, 32768, 32768 - 16];

    /// dx, si, di and orig_ax are neighbours: one read of the kernel's memory gets all.
    #[inline(always)]
    pub(super) fn call(regs: u64) -> Call {
        let [count, buffer, fd, number]: [u64; 4] = field(regs, 96);
        Call { number, fd: fd as i32, buffer, count }
    }
}
#[cfg(bpf_target_arch = "aarch64")]
mod layout {
    use super::{Call, field};

    pub(super) const READ: u64 = 63;
    pub(super) const TOPS: [u32; 4] = [16384, 32768, 65536, 16384 - 16];

    /// x0 holds the return value by now; the kernel keeps the first argument in orig_x0, the number behind it.
    #[inline(always)]
    pub(super) fn call(regs: u64) -> Call {
        let [buffer, count]: [u64; 2] = field(regs, 8);
        let fd: u64 = field(regs, 272);
        Call { number: u64::from(field::<u32>(regs, 280)), fd: fd as i32, buffer, count }
    }
}

/// Finds what the current task, which is leaving `read(2)`, called it with; `None` when it is not where it should be.
/// The stack's size is in no BTF, so the place is recognised by the syscall's number.
#[inline(always)]
pub(crate) fn of_current_read() -> Option<Call> {
    let task = unsafe { bpf_get_current_task() };
    let stack: u64 = field(task, offset!(task_stack));
    for top in layout::TOPS {
        let call = of(stack + u64::from(top - offset!(pt_regs_bytes)));
        if call.number == layout::READ && call.buffer != 0 {
            return Some(call);
        }
    }
    None
}

/// What the registers at this address say.
#[inline(always)]
pub(crate) fn of(regs: u64) -> Call {
    layout::call(regs)
}
