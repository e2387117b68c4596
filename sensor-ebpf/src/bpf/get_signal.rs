//! `get_signal`, left: a process that was stopped is about to leave the kernel. Whoever continued it, this is the place where a
//! stopped shell has run nothing yet.

use aya_ebpf::{helpers::bpf_get_current_pid_tgid, macros::fexit, programs::FExitContext};
use ebpf::counter;

use crate::{
    hold::stay,
    maps::{count, is_followed},
};

#[fexit(function = "get_signal")]
pub fn get_signal(_ctx: FExitContext) -> u32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if is_followed(tgid) {
        count(counter::SIGNAL_TEST, 1);
        stay();
    }
    0
}
