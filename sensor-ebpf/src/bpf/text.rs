//! Strings in a shell's memory: measured first, then sent in records of their size.

use aya_ebpf::helpers::generated::{bpf_get_attach_cookie, bpf_probe_read_user_str};
use ebpf::{
    counter,
    event::{KIND_TEXT, Text},
    limit::{CHUNK_BYTES, CHUNKS_PER_READ},
    map::Shell,
};

use crate::{
    emit,
    maps::{EXES, MEASURE, SHELLS, count},
    share,
};

/// Set by userspace before loading: 1 where the kernel hands a uprobe its cookie (5.15).
#[unsafe(no_mangle)]
static COOKIES: u32 = 0;

/// Is this probe the one attached for the executable of the process? A file that two containers share has a
/// probe for each, and every one of them fires for both. Without cookies userspace drops what comes twice.
#[inline(always)]
pub(crate) fn is_addressed(tgid: u32, ctx: *mut core::ffi::c_void) -> bool {
    if unsafe { core::ptr::read_volatile(&raw const COOKIES) } == 0 {
        return true;
    }
    let Some(shell) = SHELLS.get_ptr(tgid) else { return false };
    let Some(known) = (unsafe { EXES.get((*shell).exe) }) else { return true };
    let cookie = unsafe { bpf_get_attach_cookie(ctx) };
    known.probe == 0 || u64::from(known.probe) == cookie
}

/// Sends the NUL-terminated string at the user address `from`.
#[inline(always)]
pub(crate) fn send(shell: &mut Shell, tgid: u32, from: u64, text: Text) {
    if !measure(shell, from) {
        count(counter::NO_TEXT, 1);
        shell.lost += 1;
        return;
    }
    let total = unsafe { (&raw const shell.measured).read_volatile() } as usize;
    if total == 0 || !share::admits(shell, share::cost(total as u64), share::SCRIPT) {
        return;
    }
    emit::train::<_, CHUNKS_PER_READ>(shell, KIND_TEXT, tgid, from, total, |at| Text {
        offset: at as u32,
        total: total as u32,
        ..text
    });
}

/// Finds the length without the NUL; one more than a train of records carries when it is longer than that. The sum is
/// kept in the map: in a register every turn of the loop, and every way out of it, would be a path of its own to the
/// verifier, all the way to the end of the program.
#[inline(always)]
fn measure(shell: &mut Shell, from: u64) -> bool {
    let Some(scratch) = MEASURE.get_ptr_mut(0) else { return false };
    let measured = &raw mut shell.measured;
    unsafe { measured.write_volatile(0) };
    for _ in 0..CHUNKS_PER_READ {
        let at = unsafe { measured.read_volatile() };
        let n =
            unsafe { bpf_probe_read_user_str(scratch.cast(), CHUNK_BYTES as u32, (from + at) as *const _) };
        if n < 0 {
            return false;
        }
        // Of an empty string old kernels do not count the NUL either.
        if n == 0 {
            return true;
        }
        // The NUL is counted; a string that fills the buffer was cut to make room for one.
        unsafe { measured.write_volatile(at + n as u64 - 1) };
        if (n as usize) < CHUNK_BYTES {
            return true;
        }
    }
    unsafe { measured.write_volatile(measured.read_volatile() + 1) };
    true
}
