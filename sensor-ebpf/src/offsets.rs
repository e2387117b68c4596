//! Where the kernel structures' fields are. Filled by userspace from the running kernel's BTF at start.

use bytemuck::{Pod, Zeroable};

/// Byte offsets from the start of each structure.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Offsets {
    /// `task_struct.stack`
    pub task_stack: u32,
    /// size of `struct pt_regs`
    pub pt_regs_bytes: u32,
    /// `task_struct.mm`
    pub task_mm: u32,
    /// `task_struct.files`
    pub task_files: u32,
    /// `task_struct.fs`
    pub task_fs: u32,
    /// `task_struct.tgid`
    pub task_tgid: u32,
    /// `task_struct.pid`
    pub task_pid: u32,
    /// `task_struct.real_parent`
    pub task_real_parent: u32,
    /// `task_struct.start_boottime` (`real_start_time` before 5.5)
    pub task_start_boottime: u32,
    /// `task_struct.ptrace`
    pub task_ptrace: u32,
    /// `task_struct.signal`
    pub task_signal: u32,
    /// `task_struct.comm`
    pub task_comm: u32,
    /// `task_struct.group_leader`
    pub task_group_leader: u32,
    /// `signal_struct.pids`, at the element of the process group
    pub signal_process_group: u32,
    /// `signal_struct.pids`, at the element of the session
    pub signal_session: u32,
    /// `signal_struct.live`
    pub signal_live: u32,
    /// `task_struct.thread_pid`
    pub task_thread_pid: u32,
    /// `task_struct.exit_code`
    pub task_exit_code: u32,
    /// `task_struct.cgroups`
    pub task_cgroups: u32,
    /// `css_set.dfl_cgrp`
    pub css_set_default: u32,
    /// `css_set.subsys`, at the element of the controller that tells whether hierarchies of version 1 are in use
    pub css_set_controller: u32,
    /// `cgroup_subsys_state.cgroup`
    pub css_cgroup: u32,
    /// `cgroup.root`
    pub cgroup_root: u32,
    /// `cgroup.kn`
    pub cgroup_kn: u32,
    /// `kernfs_node.id`
    pub kn_id: u32,
    /// `kernfs_node.name`
    pub kn_name: u32,
    /// `kernfs_node.__parent` (`parent` before 6.15)
    pub kn_parent: u32,
    /// `pid.level`
    pub pid_level: u32,
    /// `pid.numbers`
    pub pid_numbers: u32,
    /// size of `struct upid`
    pub upid_bytes: u32,
    /// `mm_struct.arg_start`
    pub mm_arg_start: u32,
    /// `mm_struct.arg_end`
    pub mm_arg_end: u32,
    /// `mm_struct.env_start`
    pub mm_env_start: u32,
    /// `mm_struct.env_end`
    pub mm_env_end: u32,
    /// `mm_struct.start_code`
    pub mm_start_code: u32,
    /// `mm_struct.end_data`
    pub mm_end_data: u32,
    /// `linux_binprm.file`
    pub bprm_file: u32,
    /// `linux_binprm.filename`
    pub bprm_filename: u32,
    /// `linux_binprm.interp`
    pub bprm_interp: u32,
    /// `files_struct.fdt`
    pub files_fdt: u32,
    /// `fdtable.fd`
    pub fdt_fd: u32,
    /// `fdtable.max_fds`
    pub fdt_max_fds: u32,
    /// `fs_struct.root.dentry`
    pub fs_root_dentry: u32,
    /// `fs_struct.root.mnt`
    pub fs_root_mnt: u32,
    /// `file.f_path.dentry`
    pub file_dentry: u32,
    /// `file.f_path.mnt`
    pub file_mnt: u32,
    /// `file.f_inode`
    pub file_inode: u32,
    /// `file.f_mode`
    pub file_mode: u32,
    /// `file.f_pos`
    pub file_pos: u32,
    /// `dentry.d_parent`
    pub dentry_parent: u32,
    /// `dentry.d_name.name`
    pub dentry_name: u32,
    /// `mount.mnt`
    pub mount_mnt: u32,
    /// `mount.mnt_parent`
    pub mount_parent: u32,
    /// `mount.mnt_mountpoint`
    pub mount_mountpoint: u32,
    /// `vfsmount.mnt_root`
    pub vfsmount_root: u32,
    /// `inode.i_ino`
    pub inode_ino: u32,
    /// `inode.i_mode`
    pub inode_mode: u32,
    /// `inode.i_size`
    pub inode_size: u32,
    /// `inode.i_sb`
    pub inode_sb: u32,
    /// seconds of the inode's change time, wherever this kernel keeps it
    pub inode_ctime_s: u32,
    /// nanoseconds of the inode's change time
    pub inode_ctime_ns: u32,
    /// `super_block.s_dev`
    pub sb_dev: u32,
}
