//! Where a file lies, as its process sees it: walked from the dentry up to the process's root, across mounts.

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel_str};
use ebpf::{
    event::{Header, Path, PathRecord},
    limit::{NAME_BYTES, PATH_BYTES, PATH_STEPS},
    map::Shell,
};

use crate::{
    emit::{lose, wakeup},
    kernel::{device, field, offset},
    maps::EVENTS,
};

/// Sends the path of an open file: components from the leaf to the root, each ended by NUL.
#[inline(always)]
pub(crate) fn send(shell: &mut Shell, header: Header, purpose: u32, file: u64) {
    let Some(mut entry) = EVENTS.reserve::<PathRecord>(0) else {
        lose(shell, &header);
        return;
    };
    let record = entry.as_mut_ptr();
    let inode: u64 = field(file, offset!(file_inode));
    let body = Path { ino: field(inode, offset!(inode_ino)), dev: device(inode), purpose };
    let fs: u64 = field(unsafe { bpf_get_current_task() } as u64, offset!(task_fs));
    let root_dentry: u64 = field(fs, offset!(fs_root_dentry));
    let root_mnt: u64 = field(fs, offset!(fs_root_mnt));

    let mut dentry: u64 = field(file, offset!(file_dentry));
    let mut vfsmount: u64 = field(file, offset!(file_mnt));
    // How far the buffer is filled is kept in the record, not in a variable: the verifier does not follow values
    // in that memory, so every turn of the loop looks alike to it and is checked once, not once for each past.
    let filled = unsafe { &raw mut (*record).header.len };
    unsafe {
        (&raw mut (*record).header).write(header);
        (&raw mut (*record).body).write(body);
        filled.write_volatile(0);
    }
    for _ in 0..PATH_STEPS {
        if dentry == root_dentry && vfsmount == root_mnt {
            break;
        }
        let mount = vfsmount - u64::from(offset!(mount_mnt));
        let mount_root: u64 = field(vfsmount, offset!(vfsmount_root));
        if dentry == mount_root {
            let parent: u64 = field(mount, offset!(mount_parent));
            if parent == mount || parent == 0 {
                break;
            }
            dentry = field(mount, offset!(mount_mountpoint));
            vfsmount = parent + u64::from(offset!(mount_mnt));
            continue;
        }
        let name: u64 = field(dentry, offset!(dentry_name));
        let at = unsafe { filled.read_volatile() };
        if at >= PATH_BYTES as u32 {
            break;
        }
        let n = unsafe {
            let to = (&raw mut (*record).payload).cast::<u8>().add(at as usize);
            bpf_probe_read_kernel_str(to.cast(), NAME_BYTES as u32, name as *const _)
        };
        if n <= 0 {
            break;
        }
        unsafe { filled.write_volatile(at + n as u32) };
        let parent: u64 = field(dentry, offset!(dentry_parent));
        if parent == dentry {
            // A file without a place in a tree, such as a memfd.
            break;
        }
        dentry = parent;
    }
    entry.submit(wakeup());
}
