//! The BPF programs: one hook a file. Built for `bpfel-unknown-none` by `cargo xtask`.
#![feature(asm_experimental_arch)]
#![no_std]
#![no_main]
#![allow(missing_docs, reason = "programs have no callers; each file says what its hook is for")]
#![allow(unused_unsafe, reason = "the offset macro is used inside and outside of unsafe blocks")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "the verifier proves every access of these programs")]

mod cgroup;
mod compat_read;
mod emit;
mod get_signal;
mod hold;
mod input_string;
mod kernel;
mod maps;
mod multicall;
mod parse_and_execute;
mod path;
mod quota;
mod readline;
mod reads;
mod registers;
mod sched_process_exec;
mod sched_process_exit;
mod sched_process_fork;
mod share;
mod signal_generate;
mod sys_exit_read;
mod sys_read_fexit;
mod text;
mod verifier;
mod writers;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a program that could come here.
    loop {}
}

/// Helpers used here are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
