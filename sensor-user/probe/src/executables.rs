//! Which executables are shells: each is inspected once, probed when it can be, and told to the kernel half.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::Arc,
};

use ebpf::{
    event::{Exec, Header},
    map::{EXE_UNKNOWN, FileKey},
};
use event::until_nul;
use lru::LruCache;
use shell::Executable;
use tracing::debug;

use crate::{
    inspect::{inspect, usual_shells},
    reader::Control,
};

/// Executables remembered.
const EXECUTABLES: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");
/// Cgroups remembered of a probed shell; one that runs in more keeps its probes until others need the room.
const USERS_MAX: usize = 256;

/// Executables already inspected.
pub struct Executables {
    known: LruCache<FileKey, Arc<Executable>>,
    /// Which cgroups ran a shell that has probes: a probe keeps its file in use, so that of a container that ended
    /// would keep all the container's files on disk.
    users: HashMap<FileKey, HashSet<u64>>,
}

impl Executables {
    /// Inspects the usual shells before any of them is met.
    pub fn of_this_node(control: &mut Control) -> Self {
        let mut known = LruCache::new(EXECUTABLES);
        for (key, inspected) in usual_shells() {
            known.put(key, Arc::new(control.register(key, inspected)));
        }
        Self { known, users: HashMap::new() }
    }

    /// What the executable of an exec event is; tells the kernel half when it is new.
    pub fn classify(&mut self, header: &Header, exec: &Exec, control: &mut Control) -> Arc<Executable> {
        let executable = self.look_up(header, exec, control);
        if control.is_probed(&exec.exe) {
            let users = self.users.entry(exec.exe).or_default();
            if users.len() < USERS_MAX {
                users.insert(exec.cgroup);
            }
        }
        executable
    }

    /// Takes the probes out of shells that ran only in cgroups for which `has_ended` holds: those of one container.
    pub fn container_ended(&mut self, has_ended: impl Fn(u64) -> bool, control: &mut Control) {
        self.users.retain(|key, users| {
            let was_full = users.len() == USERS_MAX;
            let before = users.len();
            users.retain(|cgroup| !has_ended(*cgroup));
            if users.is_empty() && before > 0 && !was_full {
                debug!("probes taken out of inode {}: its container ended", key.ino);
                control.forget(key);
                self.known.pop(key);
            }
            !users.is_empty() && control.is_probed(key)
        });
    }

    fn look_up(&mut self, header: &Header, exec: &Exec, control: &mut Control) -> Arc<Executable> {
        if let Some(known) = self.known.get(&exec.exe) {
            if exec.class == EXE_UNKNOWN {
                control.refresh(exec.exe, known);
            }
            return known.clone();
        }
        let interp = until_nul(&exec.interp);
        match inspect(header.tgid, &exec.exe, Some(interp)) {
            Some(inspected) => {
                let executable = Arc::new(control.register(exec.exe, inspected));
                self.known.put(exec.exe, executable.clone());
                executable
            }
            // Gone before it could be inspected: the next execution will tell.
            None => Arc::new(Executable::not_inspected(interp, exec.exe.size)),
        }
    }
}
