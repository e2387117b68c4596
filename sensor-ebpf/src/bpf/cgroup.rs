//! Which cgroup a process is in. Taken while it executes, so that a container that is gone a moment later is known.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use ebpf::{
    event::{CGROUP_V1, Cgroup, CgroupRecord, FLAG_CUT, Header},
    limit::{CGROUP_BYTES, CGROUP_STEPS, NAME_BYTES},
    map::Shell,
};

use crate::{
    emit::{lose, wakeup},
    kernel::{field, offset},
    maps::{CGROUPS, EVENTS},
};

/// A process's place in the hierarchy that tells containers apart.
pub(crate) struct Place {
    node: u64,
    id: u64,
}

impl Place {
    /// In a pure version 2 system the one hierarchy; otherwise a controller's, since there the unified hierarchy
    /// may know only the service that started the container.
    #[inline(always)]
    pub(crate) fn of(task: u64) -> Self {
        let set: u64 = field(task, offset!(task_cgroups));
        let unified: u64 = field(set, offset!(css_set_default));
        let state: u64 = field(set, offset!(css_set_controller));
        let controlled: u64 = field(state, offset!(css_cgroup));
        let unified_root: u64 = field(unified, offset!(cgroup_root));
        let controlled_root: u64 = field(controlled, offset!(cgroup_root));
        let is_v1 = controlled_root != unified_root && controlled_root != 0;
        let cgroup = if is_v1 { controlled } else { unified };
        let node: u64 = field(cgroup, offset!(cgroup_kn));
        let id: u64 = field(node, offset!(kn_id));
        Self { node, id: if is_v1 { id | CGROUP_V1 } else { id } }
    }

    /// Names it until the next boot.
    #[inline(always)]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Does userspace know it already?
    #[inline(always)]
    pub(crate) fn is_announced(&self) -> bool {
        unsafe { CGROUPS.get(self.id) }.is_some()
    }

    /// Sends the names on the way to the root.
    #[inline(always)]
    pub(crate) fn send(&self, shell: &mut Shell, header: Header) {
        let Some(mut entry) = EVENTS.reserve::<CgroupRecord>(0) else {
            lose(shell, &header);
            return;
        };
        let record = entry.as_mut_ptr();
        // In the record and not in a variable, as in `path`.
        let filled = unsafe { &raw mut (*record).header.len };
        unsafe {
            (&raw mut (*record).header).write(header);
            (&raw mut (*record).body).write(Cgroup { id: self.id });
            (&raw mut (*record).header.flags).write(FLAG_CUT);
            filled.write_volatile(0);
        }
        let mut node = self.node;
        for _ in 0..CGROUP_STEPS {
            let parent: u64 = field(node, offset!(kn_parent));
            if parent == 0 {
                unsafe { (&raw mut (*record).header.flags).write(0) };
                break;
            }
            let at = unsafe { filled.read_volatile() };
            if at >= CGROUP_BYTES as u32 {
                break;
            }
            let name: u64 = field(node, offset!(kn_name));
            let n = unsafe {
                let to = (&raw mut (*record).payload).cast::<u8>().add(at as usize);
                bpf_probe_read_kernel_str(to.cast(), NAME_BYTES as u32, name as *const _)
            };
            if n <= 0 {
                break;
            }
            unsafe { filled.write_volatile(at + n as u32) };
            node = parent;
        }
        entry.submit(wakeup());
        let _ = CGROUPS.insert(self.id, 1, 0);
    }
}
