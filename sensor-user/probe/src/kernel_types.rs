//! What the running kernel's BTF says: where structure fields are, and which numbers functions have.

use std::{collections::HashMap, path::Path};

use btfparse::{Integer32Value, Offset, Readable, TypeInformation, TypeVariant};
use ebpf::offsets::Offsets;

use super::ProbeError;

/// Where the kernel publishes its types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

struct Image(Vec<u8>);

impl Readable for Image {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
        let start = offset as usize;
        let bytes =
            start.checked_add(buffer.len()).and_then(|end| self.0.get(start..end)).ok_or_else(|| {
                btfparse::Error::new(btfparse::ErrorKind::IOError, "read beyond the end of the BTF image")
            })?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

/// The kernel's function for `read(2)` of 32-bit programs on `x86_64`. On arm64 it is the same function as for others.
pub(super) const COMPAT_READ: &str = "__ia32_sys_read";
/// What an arm64 kernel has that runs 32-bit programs.
pub(super) const COMPAT_ENTRY: &str = "do_el0_svc_compat";

/// Functions of the kernel by their numbers; `None` where it has no such.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Functions {
    /// Where a process leaves the kernel with a signal, or without.
    pub(super) get_signal: Option<u32>,
    /// The type of the tracepoint of signals.
    pub(super) signal_generate: Option<u32>,
    /// Sends a signal to another task, from 6.13 on.
    pub(super) send_signal_task: Option<u32>,
    /// `read(2)` of 32-bit programs, on machines that have two.
    pub(super) compat_read: Option<u32>,
}

/// Reads every offset the programs need; fails naming the first field that this kernel does not have.
pub(super) fn of_running_kernel() -> Result<(Offsets, Functions), ProbeError> {
    if !Path::new(VMLINUX).exists() {
        return Err(ProbeError::NoBtf);
    }
    let image = Image(std::fs::read(VMLINUX).map_err(|e| ProbeError::Io(VMLINUX.into(), e))?);
    let types = TypeInformation::new(&image).map_err(|e| ProbeError::Btf(format!("{e:?}")))?;
    Ok((resolve(&types)?, functions(&types)))
}

fn functions(types: &TypeInformation) -> Functions {
    let mut found = Functions::default();
    for (id, ty) in types.get() {
        let slot = match (ty, types.name_of(*id).as_deref()) {
            (TypeVariant::Func(_), Some("get_signal")) => &mut found.get_signal,
            (TypeVariant::Func(_), Some("bpf_send_signal_task")) => &mut found.send_signal_task,
            (TypeVariant::Func(_), Some(COMPAT_READ)) => &mut found.compat_read,
            (TypeVariant::Typedef(_), Some("btf_trace_signal_generate")) => &mut found.signal_generate,
            _ => continue,
        };
        *slot = Some(*id);
    }
    found
}

fn resolve(types: &TypeInformation) -> Result<Offsets, ProbeError> {
    // Not by the crate's own index of names: a declaration may bear the same name (`struct pt_regs;` on 5.10).
    let structures: HashMap<String, u32> = types
        .get()
        .iter()
        .filter(|(_, ty)| matches!(ty, TypeVariant::Struct(_)))
        .filter_map(|(id, _)| Some((types.name_of(*id)?, *id)))
        .collect();
    let id_of = |ty: &str| structures.get(ty).copied().ok_or_else(|| ProbeError::NoField(ty.to_owned()));
    // The first of the paths that exists: fields were renamed over the years.
    let any = |ty: &str, paths: &[&str]| -> Result<u32, ProbeError> {
        let id = id_of(ty)?;
        paths
            .iter()
            .find_map(|path| match types.offset_of(id, path) {
                Ok((_, Offset::ByteOffset(bytes))) => Some(bytes),
                _ => None,
            })
            .ok_or_else(|| ProbeError::NoField(format!("{ty}.{}", paths[0])))
    };
    let one = |ty: &str, path: &str| any(ty, &[path]);
    let size = |ty: &str| {
        let id = id_of(ty)?;
        types.size_of(id).map(|bytes| bytes as u32).map_err(|e| ProbeError::Btf(format!("{e:?}")))
    };
    Ok(Offsets {
        task_stack: one("task_struct", "stack")?,
        pt_regs_bytes: size("pt_regs")?,
        task_mm: one("task_struct", "mm")?,
        task_files: one("task_struct", "files")?,
        task_fs: one("task_struct", "fs")?,
        task_tgid: one("task_struct", "tgid")?,
        task_pid: one("task_struct", "pid")?,
        task_real_parent: one("task_struct", "real_parent")?,
        task_start_boottime: any("task_struct", &["start_boottime", "real_start_time"])?,
        task_ptrace: one("task_struct", "ptrace")?,
        task_signal: one("task_struct", "signal")?,
        task_comm: one("task_struct", "comm")?,
        task_group_leader: one("task_struct", "group_leader")?,
        // `enum pid_type`: PID, TGID, PGID, SID; each a pointer.
        signal_process_group: one("signal_struct", "pids")? + 8 * 2,
        signal_session: one("signal_struct", "pids")? + 8 * 3,
        signal_live: one("signal_struct", "live")?,
        task_thread_pid: one("task_struct", "thread_pid")?,
        task_exit_code: one("task_struct", "exit_code")?,
        task_cgroups: one("task_struct", "cgroups")?,
        css_set_default: one("css_set", "dfl_cgrp")?,
        css_set_controller: one("css_set", "subsys")? + 8 * controller(types)?,
        css_cgroup: one("cgroup_subsys_state", "cgroup")?,
        cgroup_root: one("cgroup", "root")?,
        cgroup_kn: one("cgroup", "kn")?,
        kn_id: one("kernfs_node", "id")?,
        kn_name: one("kernfs_node", "name")?,
        kn_parent: any("kernfs_node", &["__parent", "parent"])?,
        pid_level: one("pid", "level")?,
        pid_numbers: one("pid", "numbers")?,
        upid_bytes: size("upid")?,
        mm_arg_start: one("mm_struct", "arg_start")?,
        mm_arg_end: one("mm_struct", "arg_end")?,
        mm_env_start: one("mm_struct", "env_start")?,
        mm_env_end: one("mm_struct", "env_end")?,
        mm_start_code: one("mm_struct", "start_code")?,
        mm_end_data: one("mm_struct", "end_data")?,
        bprm_file: one("linux_binprm", "file")?,
        bprm_filename: one("linux_binprm", "filename")?,
        bprm_interp: one("linux_binprm", "interp")?,
        files_fdt: one("files_struct", "fdt")?,
        fdt_fd: one("fdtable", "fd")?,
        fdt_max_fds: one("fdtable", "max_fds")?,
        fs_root_dentry: one("fs_struct", "root.dentry")?,
        fs_root_mnt: one("fs_struct", "root.mnt")?,
        file_dentry: one("file", "f_path.dentry")?,
        file_mnt: one("file", "f_path.mnt")?,
        file_inode: one("file", "f_inode")?,
        file_mode: one("file", "f_mode")?,
        file_pos: one("file", "f_pos")?,
        dentry_parent: one("dentry", "d_parent")?,
        dentry_name: one("dentry", "d_name.name")?,
        mount_mnt: one("mount", "mnt")?,
        mount_parent: one("mount", "mnt_parent")?,
        mount_mountpoint: one("mount", "mnt_mountpoint")?,
        vfsmount_root: one("vfsmount", "mnt_root")?,
        inode_ino: one("inode", "i_ino")?,
        inode_mode: one("inode", "i_mode")?,
        inode_size: one("inode", "i_size")?,
        inode_sb: one("inode", "i_sb")?,
        // A timespec until 6.10, two plain fields since.
        inode_ctime_s: any("inode", &["i_ctime_sec", "__i_ctime.tv_sec", "i_ctime.tv_sec"])?,
        inode_ctime_ns: any("inode", &["i_ctime_nsec", "__i_ctime.tv_nsec", "i_ctime.tv_nsec"])?,
        sb_dev: one("super_block", "s_dev")?,
    })
}

/// Index of a controller that is mounted wherever hierarchies of version 1 are. Which number each has depends on
/// how the kernel was built.
fn controller(types: &TypeInformation) -> Result<u32, ProbeError> {
    let values = types.get().values().find_map(|ty| match ty {
        TypeVariant::Enum(e) if e.name().as_deref() == Some("cgroup_subsys_id") => Some(e.named_value_list()),
        _ => None,
    });
    let values = values.ok_or_else(|| ProbeError::NoField("enum cgroup_subsys_id".to_owned()))?;
    ["pids_cgrp_id", "memory_cgrp_id", "cpu_cgrp_id"]
        .iter()
        .find_map(|name| {
            values.iter().find(|v| v.name == *name).map(|v| match v.value {
                Integer32Value::Signed(n) => n as u32,
                Integer32Value::Unsigned(n) => n,
            })
        })
        .ok_or_else(|| ProbeError::NoField("cgroup_subsys_id.pids_cgrp_id".to_owned()))
}
