//! busybox and its like are one binary for a hundred commands; only the name it is called by says which. Its
//! `cat` must not pay what its `sh` pays.
//!
//! Userspace reads the names exactly. Here it is enough that no shell is missed: whatever could name one is followed.

use aya_ebpf::helpers::generated::bpf_probe_read_user_str;

use crate::kernel::{field, offset};

/// Bytes looked at of an argument; an applet's name with its directory fits.
const NAME: usize = 128;
/// Arguments looked at: the binary's own name may come several times before the applet's (`busybox busybox sh`).
const ARGUMENTS: usize = 4;

/// May the argument vector of the image in `task` name a shell?
#[inline(always)]
pub(crate) fn may_call_a_shell(task: u64) -> bool {
    let mm: u64 = field(task, offset!(task_mm));
    let mut at: u64 = field(mm, offset!(mm_arg_start));
    let end: u64 = field(mm, offset!(mm_arg_end));
    let mut name = [0u8; NAME];
    for _ in 0..ARGUMENTS {
        if at >= end {
            return false;
        }
        let n = unsafe { bpf_probe_read_user_str(name.as_mut_ptr().cast(), NAME as u32, at as *const _) };
        // Not to be read, or longer than what is looked at: it may be one.
        if n <= 0 || n as usize >= NAME {
            return true;
        }
        let len = n as usize - 1;
        // All of them end so: sh, ash, bash, hush, lash, msh.
        if len >= 2 && name[(len - 1) & (NAME - 1)] == b'h' && name[(len - 2) & (NAME - 1)] == b's' {
            return true;
        }
        at += n as u64;
    }
    // More arguments than are looked at: there may be a shell behind the binary's own name, which is no option. Where its last part
    // begins cannot be looked for without a loop, which 5.10 does not take here.
    at < end && name[0] != b'-'
}
