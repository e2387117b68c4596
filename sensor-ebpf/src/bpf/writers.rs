//! Who writes what shells read: `curl` of `curl … | sh`, and whoever wrote a file that is run later.

use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, bpf_get_current_task, bpf_ktime_get_boot_ns},
    macros::{fentry, tracepoint},
    programs::{FEntryContext, TracePointContext},
};
use ebpf::{
    event::{KIND_WRITER, Writer},
    limit::COMM_BYTES,
    map::{Shell, Written},
};

use crate::{
    emit,
    kernel::{device, field, file_of_fd, offset},
    maps::{WRITERS, descends, header},
    share,
    sys_exit_read::RETURN_VALUE,
};

const S_IFMT: u16 = 0o170_000;
const S_IFREG: u16 = 0o100_000;
const S_IFIFO: u16 = 0o010_000;
/// `file.f_mode`: opened for writing.
const FMODE_WRITE: u32 = 2;
const STANDARD_OUTPUT: u32 = 1;

/// A file is about to be opened. Only where the kernel has trampolines: all programs of the machine come by here.
#[fentry]
pub fn file_opened(ctx: FEntryContext) -> u32 {
    let file = unsafe { *(ctx.as_ptr() as *const u64) };
    if field::<u32>(file, offset!(file_mode)) & FMODE_WRITE != 0 {
        writes(file);
    }
    0
}

/// The same on the tracepoint tier, at the end of `openat(2)` and of `open(2)`. What comes by here costs more, so it is only of
/// processes that descend from shells.
#[tracepoint]
pub fn sys_exit_open(ctx: TracePointContext) -> u32 {
    if !descends((bpf_get_current_pid_tgid() >> 32) as u32) {
        return 0;
    }
    let Ok(fd) = (unsafe { ctx.read_at::<i64>(RETURN_VALUE) }) else { return 0 };
    if fd < 0 {
        return 0;
    }
    let file = file_of_fd(fd as u32);
    if file != 0 && field::<u32>(file, offset!(file_mode)) & FMODE_WRITE != 0 {
        writes(file);
    }
    0
}

/// The current process has become another program: what does its standard output go to?
#[inline(always)]
pub(crate) fn begins() {
    let file = file_of_fd(STANDARD_OUTPUT);
    // Who may only read it can make it his standard output, too.
    if file != 0 && field::<u32>(file, offset!(file_mode)) & FMODE_WRITE != 0 {
        writes(file);
    }
}

#[inline(always)]
fn writes(file: u64) {
    let inode: u64 = field(file, offset!(file_inode));
    let kind = field::<u16>(inode, offset!(inode_mode)) & S_IFMT;
    if kind != S_IFREG && kind != S_IFIFO {
        return;
    }
    let task = unsafe { bpf_get_current_task() };
    // A thread may have a name of its own.
    let leader: u64 = field(task, offset!(task_group_leader));
    let of = Written { ino: field(inode, offset!(inode_ino)), dev: device(inode), reserved: 0 };
    let writer = Writer {
        ino: of.ino,
        time_ns: unsafe { bpf_ktime_get_boot_ns() },
        dev: of.dev,
        tgid: (bpf_get_current_pid_tgid() >> 32) as u32,
        comm: field::<[u8; COMM_BYTES]>(leader, offset!(task_comm)),
    };
    let _ = WRITERS.insert(of, writer, 0);
}

/// A shell reads from this: tells who wrote it, once, and again when it begins anew.
#[inline(always)]
pub(crate) fn tell(shell: &mut Shell, tgid: u32, ino: u64, dev: u32, begins: bool) {
    if shell.asked_ino == ino && !begins {
        return;
    }
    shell.asked_ino = ino;
    let Some(writer) = (unsafe { WRITERS.get(Written { ino, dev, reserved: 0 }) }) else { return };
    let writer = *writer;
    if share::has_room_for_hints() {
        let header = header(KIND_WRITER, tgid, shell);
        emit::bare(shell, header, writer);
    }
}
