//! Strings in a shell's memory: measured first, then sent in records of their size.

use aya_ebpf::helpers::generated::{bpf_get_attach_cookie, bpf_probe_read_user_str};
use sensor_ebpf::{
    counter,
    event::{KIND_TEXT, Text},
    limit::{CHUNK_BYTES, CHUNKS_PER_READ},
    map::Shell,
};

use crate::{
    emit,
    maps::{EXES, MEASURE, SHELLS, count},
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
    let Some(total) = length(from) else {
        count(counter::NO_TEXT, 1);
        shell.lost += 1;
        return;
    };
    if total == 0 {
        return;
    }
    emit::train::<_, CHUNKS_PER_READ>(shell, KIND_TEXT, tgid, from, total, |at| Text {
        offset: at as u32,
        total: total as u32,
        ..text
    });
}

/// Length without the NUL; one more than a train of records carries when it is longer than that.
#[inline(always)]
fn length(from: u64) -> Option<usize> {
    let scratch = MEASURE.get_ptr_mut(0)?;
    let mut at = 0usize;
    for _ in 0..CHUNKS_PER_READ {
        let n = unsafe {
            bpf_probe_read_user_str(scratch.cast(), CHUNK_BYTES as u32, (from + at as u64) as *const _)
        };
        if n <= 0 {
            return None;
        }
        // The NUL is counted; a string that fills the buffer was cut to make room for one.
        at += n as usize - 1;
        if (n as usize) < CHUNK_BYTES {
            return Some(at);
        }
    }
    Some(at + 1)
}
