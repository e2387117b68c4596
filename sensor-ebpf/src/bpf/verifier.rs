//! What the verifier is to see of a value, and what it must not. It walks every path of a program, and two paths are one to it
//! only if they know the same of every value that still counts.

use ebpf::map::TAIL_CALL;

/// Always zero, in a map that userspace could write to: so the verifier takes it for any number.
#[unsafe(no_mangle)]
static mut ZERO: u64 = 0;

/// The same value, of which the verifier knows nothing any more. It goes through memory that the compiler may not look
/// through; otherwise that keeps the value itself and changes what it is compared with.
#[inline(always)]
pub(crate) fn any(value: u64) -> u64 {
    let value = value ^ unsafe { (&raw const ZERO).read_volatile() };
    unsafe { (&raw const value).read_volatile() }
}

/// The same answer, of which the verifier knows nothing any more.
#[inline(always)]
pub(crate) fn forget(value: bool) -> bool {
    any(u64::from(value)) != 0
}

/// A length of at most `max`, by a comparison that the verifier sees on the very register that is passed: the value
/// comes out of memory that the compiler may not look through, so it cannot take the comparison for needless, nor
/// make a signed one of it, which 5.10 does not understand.
#[inline(always)]
pub(crate) fn bounded(len: u64, max: u64) -> u64 {
    let len = unsafe { core::ptr::read_volatile(&raw const len) };
    if len > max { max } else { len }
}

/// Is never set.
#[unsafe(no_mangle)]
static NEVER: u32 = 0;

/// A program with this in it has its stack where others have it. From 6.13 on the kernel gives programs with large stacks one for each
/// processor, for which it relies on no program running twice on a processor; but those in processes can be preempted there, and
/// nothing looks whether they run already. Programs with a tail call have no such stack. This one is never made, and userspace puts
/// its number in where it is needed: old kernels want no tail calls beside functions.
#[inline(always)]
pub(crate) fn shares_no_stack() {
    // Volatile, or the compiler would leave out what is never done.
    if unsafe { core::ptr::read_volatile(&raw const NEVER) } != 0 {
        let tail_call: extern "C" fn() = unsafe { core::mem::transmute(TAIL_CALL as usize) };
        tail_call();
    }
}
