//! `parse_and_execute(char *string, const char *from_file, int flags)` of bash: every string it evaluates passes
//! here after expansion and decoding: `eval`, traps, sourced files, `-c` text, functions from the environment.

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, bpf_get_current_task, generated::bpf_probe_read_user_str},
    macros::uprobe,
    programs::ProbeContext,
};
use ebpf::{
    event::{TEXT_EVALUATED, Text},
    limit::TEXT_BY_BYTES,
};

use crate::{
    hold::{Source, hold},
    kernel::{field, offset},
    maps::{SHELLS, is_followed},
    reads::flush,
    registers, text,
    verifier::shares_no_stack,
};

#[uprobe]
pub fn parse_and_execute(ctx: ProbeContext) -> u32 {
    shares_no_stack();
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) {
        return 0;
    }
    if !text::is_addressed(tgid, ctx.as_ptr()) {
        return 0;
    }
    let (Some(string), Some(by)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1)) else { return 0 };
    let (string, by) = (registers::untagged(string), registers::untagged(by));
    let mut text = Text { what: TEXT_EVALUATED, by_shell: 0, offset: 0, total: 0, by: [0; TEXT_BY_BYTES] };
    unsafe {
        bpf_probe_read_user_str(text.by.as_mut_ptr().cast(), TEXT_BY_BYTES as u32, by as *const _);
    }
    if is_in_the_binary(by) {
        text.by_shell = 1;
    }
    let Some(shell) = SHELLS.get_ptr_mut(tgid) else { return 0 };
    let shell = unsafe { &mut *shell };
    let _ = flush(tgid, shell);
    text::send(shell, tgid, string, text);
    hold(shell, tgid, Source::default());
    0
}

/// Does the address lie in the executable's own image? A name that a script chose lies on the heap, so a file
/// called "command substitution" does not pass for one.
#[inline(always)]
fn is_in_the_binary(address: u64) -> bool {
    let task = unsafe { bpf_get_current_task() };
    let mm: u64 = field(task, offset!(task_mm));
    let start: u64 = field(mm, offset!(mm_start_code));
    let end: u64 = field(mm, offset!(mm_end_data));
    address >= start && address < end
}
