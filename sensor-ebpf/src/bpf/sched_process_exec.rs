//! `sched_process_exec`: a new image is in place and its arguments are on its stack.

use aya_ebpf::{
    EbpfContext,
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_current_uid_gid, bpf_ktime_get_boot_ns,
        generated::bpf_probe_read_kernel_str,
    },
    macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use aya_log_ebpf::warn;
use ebpf::{
    counter,
    event::{
        Chunk, EXIT_REPLACED, Exec, Exit, FLAG_UNFOLLOWED, Header, KIND_ARGS, KIND_CGROUP, KIND_ENVIRONMENT,
        KIND_EXEC, KIND_EXIT, KIND_PATH, PATH_EXE, PathRecord, Record,
    },
    limit::{CHUNK_BYTES, CHUNKS_PER_ARGV, CHUNKS_PER_ENVIRONMENT, EXEC_NAME_BYTES},
    map::{EXE_MULTICALL, EXE_OTHER, EXE_SHELL, EXE_UNKNOWN, Shell},
};

use crate::{
    cgroup::Place,
    emit,
    hold::{Source, hold},
    kernel::{field, file_key, offset, pid_in_namespace},
    maps::{
        EVENTS, EXECUTED, EXES, SHELLS, count, counted, dealt_with, follow, header, is_followed, unfollow,
        was_dealt_with,
    },
    multicall, path,
    reads::flush,
    share,
    verifier::any,
    writers,
};

#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn sched_process_exec(ctx: RawTracePointContext) -> i32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    executed(&ctx, tgid);
    dealt_with(tgid, EXECUTED);
    0
}

/// Where the kernel may have skipped the other one.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn sched_process_exec_skipped(ctx: RawTracePointContext) -> i32 {
    let tgid = (bpf_get_current_pid_tgid() >> 32) as u32;
    if !was_dealt_with(tgid, EXECUTED) {
        executed(&ctx, tgid);
    }
    0
}

#[inline(always)]
fn executed(ctx: &RawTracePointContext, tgid: u32) {
    let args = ctx.as_ptr() as *const u64;
    let (task, bprm) = unsafe { (*args, *args.add(2)) };
    writers::begins();
    let file: u64 = field(bprm, offset!(bprm_file));
    let exe = file_key(file);
    let mut class = unsafe { EXES.get(exe) }.map_or(EXE_UNKNOWN, |known| known.class);
    if class == EXE_MULTICALL {
        class = if multicall::may_call_a_shell(task) { EXE_SHELL } else { EXE_OTHER };
    }

    if is_followed(tgid) {
        leave(tgid, class == EXE_OTHER);
    }
    if class == EXE_OTHER {
        return;
    }
    let class = any(u64::from(class)) as u32;
    count(counter::EXECS, 1);
    let exec_ns = unsafe { bpf_ktime_get_boot_ns() };
    let cgroup = Place::of(task);
    let mut fresh = Shell {
        exec_ns,
        exe,
        cgroup: cgroup.id(),
        lost: 0,
        class,
        sniffed_ino: 0,
        begun_ino: 0,
        held_ns: 0,
        counted: cgroup.id(),
        measured: 0,
        asked_ino: 0,
    };
    let is_in = follow(tgid, &fresh);
    // Account losses in the table where it holds the process, so that the next event carries them.
    let (shell, followed) = match SHELLS.get_ptr_mut(tgid) {
        Some(shell) if is_in => (unsafe { &mut *shell }, true),
        _ => {
            // Each processor says so once: whoever fills the table could fill the log as well.
            if counted(counter::SHELLS_FULL) == 1 {
                warn!(
                    ctx,
                    "the table of shells, or a cgroup's share of it, is full: process {} is not followed",
                    tgid
                );
            }
            (&mut fresh, false)
        }
    };
    let bytes = (size_of::<Record<Exec, 0>>() + size_of::<PathRecord>()) as u64;
    if !share::admits(shell, bytes + share::RECORD, share::EXECUTION) {
        count(counter::LOST_EXECS, 1);
        // What it reads would be nobody's.
        if followed {
            unfollow(tgid);
        }
        return;
    }
    announce(shell, task, bprm, tgid, followed, cgroup.id());
    if !cgroup.is_announced() {
        let cgroup_header = header(KIND_CGROUP, tgid, shell);
        cgroup.send(shell, cgroup_header);
    }
    let path_header = header(KIND_PATH, tgid, shell);
    path::send(shell, path_header, PATH_EXE, file);
    vectors(shell, task, tgid);
    if followed {
        hold(shell, tgid, Source::default());
    }
}

/// The image that was followed under this id is gone.
#[inline(always)]
fn leave(tgid: u32, replaced_by_other: bool) {
    if let Some(shell) = SHELLS.get_ptr_mut(tgid) {
        let shell = unsafe { &mut *shell };
        let _ = flush(tgid, shell);
        if share::admits(shell, share::RECORD, share::LIFE) {
            let header = header(KIND_EXIT, tgid, shell);
            emit::bare(shell, header, Exit { how: EXIT_REPLACED, status: 0 });
        }
    }
    if replaced_by_other {
        unfollow(tgid);
    }
}

/// Sends the exec record.
#[inline(always)]
fn announce(shell: &mut Shell, task: u64, bprm: u64, tgid: u32, followed: bool, cgroup: u64) {
    let ids = bpf_get_current_uid_gid();
    let lost = shell.lost;
    shell.lost = 0;
    let head = Header {
        kind: KIND_EXEC,
        flags: if followed { 0 } else { FLAG_UNFOLLOWED },
        tgid,
        time_ns: shell.exec_ns,
        exec_ns: shell.exec_ns,
        lost,
        len: 0,
    };
    let Some(mut entry) = EVENTS.reserve::<Record<Exec, 0>>(0) else {
        emit::lose(shell, &head);
        return;
    };
    let record = entry.as_mut_ptr();
    let mm: u64 = field(task, offset!(task_mm));
    let start: u64 = field(mm, offset!(mm_arg_start));
    let end: u64 = field(mm, offset!(mm_arg_end));
    let parent: u64 = field(task, offset!(task_real_parent));
    let filename: u64 = field(bprm, offset!(bprm_filename));
    let interp: u64 = field(bprm, offset!(bprm_interp));
    unsafe {
        (&raw mut (*record).header).write(head);
        let body = &raw mut (*record).body;
        (*body).exe = shell.exe;
        (*body).cgroup = cgroup;
        (*body).start_ns = field(task, offset!(task_start_boottime));
        (*body).ppid = field(parent, offset!(task_tgid));
        (*body).uid = ids as u32;
        (*body).gid = (ids >> 32) as u32;
        (*body).ns_pid = pid_in_namespace(task);
        (*body).args_len = (end - start) as u32;
        (*body).class = shell.class;
        let bytes = EXEC_NAME_BYTES as u32;
        bpf_probe_read_kernel_str((&raw mut (*body).filename).cast(), bytes, filename as *const _);
        bpf_probe_read_kernel_str((&raw mut (*body).interp).cast(), bytes, interp as *const _);
    }
    // An executable nobody knows has to be looked at while its process lives.
    entry.submit(if shell.class == EXE_UNKNOWN { emit::FORCED } else { emit::wakeup() });
}

/// Sends the argument vector from the new image's stack: what the program will really see, out of reach of
/// other threads of the caller. Then its environment, which shells evaluate some of.
#[inline(always)]
fn vectors(shell: &mut Shell, task: u64, tgid: u32) {
    let mm: u64 = field(task, offset!(task_mm));
    let start: u64 = field(mm, offset!(mm_arg_start));
    let end: u64 = field(mm, offset!(mm_arg_end));
    vector::<CHUNKS_PER_ARGV>(shell, KIND_ARGS, tgid, start, end);
    let start: u64 = field(mm, offset!(mm_env_start));
    let end: u64 = field(mm, offset!(mm_env_end));
    vector::<CHUNKS_PER_ENVIRONMENT>(shell, KIND_ENVIRONMENT, tgid, start, end);
}

#[inline(always)]
fn vector<const CHUNKS: usize>(shell: &mut Shell, kind: u16, tgid: u32, start: u64, end: u64) {
    if end <= start {
        return;
    }
    let total = (end - start) as usize;
    let most = CHUNKS * CHUNK_BYTES;
    let sent = if total < most { total } else { most };
    if !share::admits(shell, share::cost(sent as u64), share::SCRIPT) {
        return;
    }
    emit::train::<_, CHUNKS>(shell, kind, tgid, start, total, |at| Chunk {
        offset: at as u32,
        total: total as u32,
    });
}
