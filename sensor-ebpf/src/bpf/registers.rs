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
    /// `read(2)` of 32-bit programs.
    pub(super) const COMPAT_READ: u64 = 3;
    /// What may lie above the registers: nothing, or a frame's tail with FRED; and the stack may be doubled.
    pub(super) const TOPS: [u32; 4] = [16384, 16384 - 16, 32768, 32768 - 16];

    /// dx, si, di and orig_ax are neighbours: one read of the kernel's memory gets all.
    #[inline(always)]
    pub(super) fn call(regs: u64) -> Call {
        let [count, buffer, fd, number]: [u64; 4] = field(regs, 96);
        Call { number, fd: fd as i32, buffer, count }
    }

    /// Was the system call made by 32-bit code? Its code segment says so (`__USER32_CS`).
    #[inline(always)]
    pub(super) fn is_compat(regs: u64) -> bool {
        field::<u64>(regs, 136) == 0x23
    }

    /// A 32-bit program passes bx, cx and dx.
    #[inline(always)]
    pub(super) fn compat_call(regs: u64) -> Call {
        let fd: u64 = field(regs, 40);
        let [buffer, count]: [u64; 2] = field(regs, 88);
        let number: u64 = field(regs, 120);
        let low = |value: u64| u64::from(value as u32);
        Call { number, fd: fd as i32, buffer: low(buffer), count: low(count) }
    }
}
#[cfg(bpf_target_arch = "aarch64")]
mod layout {
    use super::{Call, field, untagged};

    pub(super) const READ: u64 = 63;
    /// `read(2)` of 32-bit programs.
    pub(super) const COMPAT_READ: u64 = 3;
    pub(super) const TOPS: [u32; 4] = [16384, 32768, 65536, 16384 - 16];

    /// x0 holds the return value by now; the kernel keeps the first argument in orig_x0, the number behind it.
    #[inline(always)]
    pub(super) fn call(regs: u64) -> Call {
        let [buffer, count]: [u64; 2] = field(regs, 8);
        let fd: u64 = field(regs, 272);
        Call { number: u64::from(field::<u32>(regs, 280)), fd: fd as i32, buffer: untagged(buffer), count }
    }

    /// Was the system call made by 32-bit code? The processor's state says so (`PSR_MODE32_BIT`).
    #[inline(always)]
    pub(super) fn is_compat(regs: u64) -> bool {
        field::<u64>(regs, 264) & 0x10 != 0
    }

    /// A 32-bit program's registers lie where the others do, and the kernel keeps the number in the same place.
    #[inline(always)]
    pub(super) fn compat_call(regs: u64) -> Call {
        call(regs)
    }
}

/// An address of a program without what the processor leaves out of account: arm64 lets programs put a tag into its highest byte,
/// which `read(2)` takes and a copy by BPF does not.
#[inline(always)]
pub(crate) fn untagged(address: u64) -> u64 {
    if cfg!(bpf_target_arch = "aarch64") { address & (u64::MAX >> 8) } else { address }
}

/// Finds what the current task, which is leaving `read(2)`, called it with; `None` when it is not where it should be.
/// The stack's size is in no BTF, so the place is recognised by the syscall's number.
#[inline(always)]
pub(crate) fn of_current_read() -> Option<Call> {
    of_current(layout::READ, layout::call)
}

/// As above, of a 32-bit program.
#[inline(always)]
pub(crate) fn of_current_compat_read() -> Option<Call> {
    of_current(layout::COMPAT_READ, layout::compat_call)
}

#[inline(always)]
fn of_current(number: u64, call_at: impl Fn(u64) -> Call) -> Option<Call> {
    let task = unsafe { bpf_get_current_task() };
    let stack: u64 = field(task, offset!(task_stack));
    for top in layout::TOPS {
        let call = call_at(stack + u64::from(top - offset!(pt_regs_bytes)));
        if call.number == number && call.buffer != 0 {
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

/// What the registers of a 32-bit program at this address say.
#[inline(always)]
pub(crate) fn of_compat(regs: u64) -> Call {
    layout::compat_call(regs)
}

/// What `read(2)` of a 32-bit program was called with, by the registers of a system call; `None` when it is another.
#[inline(always)]
pub(crate) fn of_compat_read(regs: u64) -> Option<Call> {
    let call = layout::compat_call(regs);
    (call.number == layout::COMPAT_READ && layout::is_compat(regs)).then_some(call)
}
