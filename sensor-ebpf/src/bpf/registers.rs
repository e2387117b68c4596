//! The registers a syscall was entered with: they lie at the top of the task's kernel stack until it returns,
//! so a hook at its exit can still read the arguments.

use aya_ebpf::helpers::bpf_get_current_task;

use crate::kernel::{field, offset};

#[cfg(bpf_target_arch = "x86_64")]
mod layout {
    pub(super) const ARGUMENTS: [u32; 3] = [112, 104, 96];
    pub(super) const NUMBER: u32 = 120;
    pub(super) const READ: u64 = 0;
    /// What may lie above the registers: nothing, or a frame's tail with FRED; and the stack may be doubled.
    pub(super) const TOPS: [u32; 4] = [16384, 16384 - 16, 32768, 32768 - 16];
}
#[cfg(bpf_target_arch = "aarch64")]
mod layout {
    // x0 holds the return value by now; the kernel keeps the first argument in orig_x0.
    pub(super) const ARGUMENTS: [u32; 3] = [272, 8, 16];
    pub(super) const NUMBER: u32 = 280;
    pub(super) const READ: u64 = 63;
    pub(super) const TOPS: [u32; 4] = [16384, 32768, 65536, 16384 - 16];
}

/// Finds the registers of the current task, which is leaving `read(2)`; 0 when they are not where they should be.
/// The stack's size is in no BTF, so the place is recognised by the syscall's number.
#[inline(always)]
pub(crate) fn of_current_read() -> u64 {
    let task = unsafe { bpf_get_current_task() };
    let stack: u64 = field(task, offset!(task_stack));
    for top in layout::TOPS {
        let regs = stack + u64::from(top - offset!(pt_regs_bytes));
        if number(regs) == layout::READ && argument(regs, 1) != 0 {
            return regs;
        }
    }
    0
}

#[inline(always)]
fn number(regs: u64) -> u64 {
    if cfg!(bpf_target_arch = "aarch64") {
        u64::from(field::<u32>(regs, layout::NUMBER))
    } else {
        field(regs, layout::NUMBER)
    }
}

/// The `n`th argument of the syscall, from 0.
#[inline(always)]
pub(crate) fn argument(regs: u64, n: usize) -> u64 {
    field(regs, layout::ARGUMENTS[n])
}
