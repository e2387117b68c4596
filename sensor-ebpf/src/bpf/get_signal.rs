//! `get_signal`, left: a process that was stopped is about to leave the kernel. Whoever continued it, this is the place where a
//! stopped shell has run nothing yet.

use aya_ebpf::{macros::fexit, programs::FExitContext};

use crate::hold::stay;

#[fexit(function = "get_signal")]
pub fn get_signal(_ctx: FExitContext) -> u32 {
    stay();
    0
}
