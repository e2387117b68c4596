//! busybox and its like are one binary for a hundred commands; only the name it is called by says which. Its
//! `cat` must not pay what its `sh` pays.

use aya_ebpf::helpers::generated::bpf_probe_read_user_str;

use crate::kernel::{field, offset};

/// Bytes looked at of an argument's end; an applet's name with its directory fits.
const NAME: usize = 128;

/// Does the argument vector of the image in `task` name a shell?
#[inline(always)]
pub(crate) fn calls_a_shell(task: u64) -> bool {
    let mm: u64 = field(task, offset!(task_mm));
    let start: u64 = field(mm, offset!(mm_arg_start));
    let mut name = [0u8; NAME];
    let len = argument(start, &mut name);
    match base(&name, len) {
        Base::Shell => true,
        // `busybox sh`: the applet is the next argument.
        Base::Busybox => {
            let len = argument(start + len as u64 + 1, &mut name);
            matches!(base(&name, len), Base::Shell)
        }
        Base::Other => false,
    }
}

enum Base {
    Shell,
    Busybox,
    Other,
}

/// Reads a NUL-terminated argument; returns its length without the NUL.
#[inline(always)]
fn argument(at: u64, name: &mut [u8; NAME]) -> usize {
    let n = unsafe { bpf_probe_read_user_str(name.as_mut_ptr().cast(), NAME as u32, at as *const _) };
    if n <= 1 { 0 } else { n as usize - 1 }
}

/// Classes the last path component. Compared from the end, so no search for the slash is needed.
#[inline(always)]
fn base(name: &[u8; NAME], len: usize) -> Base {
    let from_end = |i: usize| if len >= i { name[(len - i) & (NAME - 1)] } else { b'/' };
    // A login shell's name begins with a dash.
    let begins = |c: u8| c == b'/' || c == b'-';
    if from_end(1) == b'h' && from_end(2) == b's' {
        let bare = begins(from_end(3));
        let ash = from_end(3) == b'a' && begins(from_end(4));
        let bash = from_end(3) == b'a' && from_end(4) == b'b' && begins(from_end(5));
        let hush = from_end(3) == b'u' && from_end(4) == b'h' && begins(from_end(5));
        return if bare || ash || bash || hush { Base::Shell } else { Base::Other };
    }
    if from_end(1) == b'x'
        && from_end(2) == b'o'
        && from_end(3) == b'b'
        && from_end(4) == b'y'
        && from_end(5) == b's'
    {
        return Base::Busybox;
    }
    Base::Other
}
