//! A function `f(char *string, …)` of a shell that every string it reads as input passes: `setinputstring` of the Almquist
//! shells, `parse_string` of zsh. They do not say why.

use aya_ebpf::{EbpfContext, helpers::bpf_get_current_pid_tgid, macros::uprobe, programs::ProbeContext};
use ebpf::{
    event::{TEXT_EVALUATED, Text},
    limit::TEXT_BY_BYTES,
};

use crate::{
    hold::{Source, hold},
    maps::{SHELLS, is_followed},
    reads::flush,
    registers, text,
    verifier::shares_no_stack,
};

#[uprobe]
pub fn input_string(ctx: ProbeContext) -> u32 {
    shares_no_stack();
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !is_followed(tgid) || !text::is_addressed(tgid, ctx.as_ptr()) {
        return 0;
    }
    let Some(string) = ctx.arg::<u64>(0).map(registers::untagged) else { return 0 };
    let Some(shell) = SHELLS.get_ptr_mut(tgid) else { return 0 };
    let shell = unsafe { &mut *shell };
    let _ = flush(tgid, shell);
    let text = Text { what: TEXT_EVALUATED, by_shell: 1, offset: 0, total: 0, by: [0; TEXT_BY_BYTES] };
    text::send(shell, tgid, string, text);
    hold(shell, tgid, Source::default());
    0
}
