//! The clocks of the product, in nanoseconds: boot time, which the kernel half stamps its records with, Unix time, and the
//! processor time of a thread.

use nix::time::{ClockId, clock_gettime};

fn now_ns(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |t| t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
}

/// Nanoseconds since boot, time asleep included (`CLOCK_BOOTTIME`): the kernel half's clock.
pub fn now_boot_ns() -> u64 {
    now_ns(ClockId::CLOCK_BOOTTIME)
}

/// Unix time, ns.
pub fn now_unix_ns() -> u64 {
    now_ns(ClockId::CLOCK_REALTIME)
}

/// Processor time that the calling thread has used, ns.
pub fn used_by_thread_ns() -> u64 {
    now_ns(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// Unix time of the boot, ns, by the clock as it is set now.
pub fn boot_unix_ns() -> u64 {
    now_unix_ns().saturating_sub(now_boot_ns())
}
