//! What the verifier is to see of a value, and what it must not. It walks every path of a program, and two paths are one to it
//! only if they know the same of every value that still counts.

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
