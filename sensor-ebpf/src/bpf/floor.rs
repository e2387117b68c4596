//! The least that a tracing program can cost: it does nothing. `cargo xtask bench capture` attaches it to be compared
//! with.
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "programs have no callers")]

use aya_ebpf::{macros::fexit, programs::FExitContext};

#[fexit]
pub fn floor(_ctx: FExitContext) -> u32 {
    0
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
