//! Probes as links of their own (`BPF_TRACE_UPROBE_MULTI`, kernel 6.6 and later). The kernel takes any number of them out side by
//! side. Those that aya makes are perf events, which wait for each other, a tenth of a second each.

use std::{
    collections::HashMap,
    ffi::CString,
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use aya::util::KernelVersion;
use aya_obj::generated::{BPF_CALL, BPF_JMP, bpf_attach_type, bpf_cmd, bpf_func_id, bpf_insn, bpf_prog_type};
use ebpf::map::TAIL_CALL;

use crate::loader::{Kind, Loader, bpf};

/// `struct link_create` of `linux/bpf.h` with its part for these probes.
#[repr(C)]
struct LinkAttributes {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    ref_ctr_offsets: u64,
    cookies: u64,
    cnt: u32,
    multi_flags: u32,
    pid: u32,
    reserved: u32,
}

/// `BPF_F_UPROBE_MULTI_RETURN`.
const AT_RETURN: u32 = 1;

/// The first kernel that has them.
pub(super) const SINCE: KernelVersion = KernelVersion::new(6, 6, 0);

/// Programs for such probes.
pub(super) struct UprobeMulti(HashMap<&'static str, OwnedFd>);

/// From this kernel on programs with large stacks are given stacks of their own, which two processes would share.
const PRIVATE_STACKS: KernelVersion = KernelVersion::new(6, 13, 0);

/// Puts the number of the helper in for the tail call that is never made.
fn without_private_stack(instructions: &mut [bpf_insn]) {
    if !KernelVersion::current().is_ok_and(|version| version >= PRIVATE_STACKS) {
        return;
    }
    for instruction in instructions {
        let is_call = u32::from(instruction.code) == BPF_JMP | BPF_CALL;
        if is_call && instruction.imm == TAIL_CALL as i32 {
            instruction.imm = bpf_func_id::BPF_FUNC_tail_call as i32;
        }
    }
}

impl UprobeMulti {
    /// Loads the programs of these names. `None` before kernel 6.6.
    pub(super) fn load(loader: &Loader, names: [&'static str; 3]) -> Option<io::Result<Self>> {
        let kind = Kind {
            program: bpf_prog_type::BPF_PROG_TYPE_KPROBE,
            attach: bpf_attach_type::BPF_TRACE_UPROBE_MULTI,
            function: 0,
        };
        KernelVersion::current().is_ok_and(|version| version >= SINCE).then(|| {
            names
                .into_iter()
                .map(|name| Ok((name, loader.load(name, kind, without_private_stack)?)))
                .collect::<io::Result<_>>()
                .map(Self)
        })
    }

    /// Attaches a program at an offset of a file, in all processes. The probe is there as long as the descriptor.
    pub(super) fn attach(
        &self,
        name: &str,
        path: &str,
        offset: u64,
        cookie: u64,
        at_return: bool,
    ) -> io::Result<OwnedFd> {
        let program = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
        let path = CString::new(path)?;
        let attributes = LinkAttributes {
            prog_fd: program.as_raw_fd() as u32,
            target_fd: 0,
            attach_type: bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32,
            flags: 0,
            path: path.as_ptr() as u64,
            offsets: (&raw const offset) as u64,
            ref_ctr_offsets: 0,
            cookies: (&raw const cookie) as u64,
            cnt: 1,
            multi_flags: if at_return { AT_RETURN } else { 0 },
            pid: 0,
            reserved: 0,
        };
        // SAFETY: the attributes are those of the command, and what they point to lives until the call returns.
        unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &attributes) }
    }
}
