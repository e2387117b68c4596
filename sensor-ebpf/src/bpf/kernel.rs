//! Reading kernel structures at the offsets that userspace found in BTF.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use ebpf::{map::FileKey, offsets::Offsets};

/// Set by userspace before loading; read-only afterwards, so the verifier knows its values.
#[unsafe(no_mangle)]
pub(crate) static OFFSETS: Offsets = unsafe { core::mem::zeroed() };

/// One offset, by the name of its field.
macro_rules! offset {
    ($field:ident) => {
        // Volatile, or the compiler would fold the zeros that stand here at build time.
        unsafe { core::ptr::read_volatile(&raw const $crate::kernel::OFFSETS.$field) }
    };
}
pub(crate) use offset;

/// A value of type `T` at `base + offset`; zeros when it cannot be read.
#[inline(always)]
pub(crate) fn field<T: Copy + Default>(base: u64, offset: u32) -> T {
    let mut value = T::default();
    // The helper fills with zeros what it cannot read. Its result is not looked at, because each branch on it
    // would double the paths that the verifier walks.
    unsafe {
        bpf_probe_read_kernel(
            (&raw mut value).cast(),
            size_of::<T>() as u32,
            (base + u64::from(offset)) as *const core::ffi::c_void,
        );
    }
    value
}

/// The inode's numbers that name this version of the file.
#[inline(always)]
pub(crate) fn file_key(file: u64) -> FileKey {
    let inode: u64 = field(file, offset!(file_inode));
    FileKey {
        ino: field(inode, offset!(inode_ino)),
        size: field(inode, offset!(inode_size)),
        ctime_s: field(inode, offset!(inode_ctime_s)),
        // Since 6.13 the highest bit says that somebody has asked for the time.
        ctime_ns: field::<u32>(inode, offset!(inode_ctime_ns)) & 0x7fff_ffff,
        dev: device(inode),
    }
}

/// A task's process id in the innermost PID namespace.
#[inline(always)]
pub(crate) fn pid_in_namespace(task: u64) -> u32 {
    let pid: u64 = field(task, offset!(task_thread_pid));
    let level: u32 = field(pid, offset!(pid_level));
    field(pid + u64::from(offset!(pid_numbers)) + u64::from(level) * u64::from(offset!(upid_bytes)), 0)
}

/// The inode's device number.
#[inline(always)]
pub(crate) fn device(inode: u64) -> u32 {
    let sb: u64 = field(inode, offset!(inode_sb));
    field(sb, offset!(sb_dev))
}

/// The open file behind a descriptor of the current task; 0 when there is none.
#[inline(always)]
pub(crate) fn file_of_fd(fd: u32) -> u64 {
    let task = unsafe { aya_ebpf::helpers::bpf_get_current_task() };
    let files: u64 = field(task, offset!(task_files));
    let table: u64 = field(files, offset!(files_fdt));
    let max: u32 = field(table, offset!(fdt_max_fds));
    if fd >= max {
        return 0;
    }
    let array: u64 = field(table, offset!(fdt_fd));
    field(array + u64::from(fd) * 8, 0)
}
