//! The return of `char *readline(const char *prompt)` of bash: a line as it was entered, after editing, completion
//! and recall from the history, which keystrokes do not show.

use aya_ebpf::{
    EbpfContext, helpers::bpf_get_current_pid_tgid, macros::uretprobe, programs::RetProbeContext,
};
use ebpf::{
    event::{TEXT_TYPED, Text},
    limit::TEXT_BY_BYTES,
};

use crate::{
    hold::{Source, hold},
    maps::{LINES, SHELLS, is_followed},
    registers, text,
    verifier::shares_no_stack,
};

#[uretprobe]
pub fn readline(ctx: RetProbeContext) -> u32 {
    shares_no_stack();
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) || !text::is_addressed(tgid, ctx.as_ptr()) {
        return 0;
    }
    let line = registers::untagged(ctx.ret());
    let Some(shell) = SHELLS.get_ptr_mut(tgid) else { return 0 };
    let shell = unsafe { &mut *shell };
    // The line stands for the keystrokes it was made of.
    if let Some(keystrokes) = LINES.get_ptr_mut(tgid) {
        unsafe { (*keystrokes).header.len = 0 };
    }
    if line != 0 {
        let text = Text { what: TEXT_TYPED, by_shell: 0, offset: 0, total: 0, by: [0; TEXT_BY_BYTES] };
        text::send(shell, tgid, line, text);
        hold(shell, tgid, Source::default());
    }
    0
}
