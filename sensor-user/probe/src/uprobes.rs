//! Probes in shells: attached when a shell's binary is first seen, and taken out when too many others came since. Who has
//! most of them loses first: a container that copies shells about loses the probes of its own.

use std::{
    collections::HashMap,
    fs::File,
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aya::{
    Ebpf,
    programs::{
        ProgramError, UProbe,
        uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope},
    },
    util::KernelVersion,
};
use ebpf::map::FileKey;
use nix::sys::resource::{Resource, getrlimit};
use tracing::{debug, warn};

use cause::chain;
use shell::ProbePoints;

use crate::uprobe_multi::UprobeMulti;

/// Binaries that are probed at once, where the limit on open files allows it.
const PROBED_MAX: usize = 1024;
/// A binary's probes take so many descriptors at most, and leave as many to everything else.
const DESCRIPTORS: usize = 8;
/// The kernel takes a tenth of a second to take a probe out, and waits meanwhile: so many threads wait at once. Before 6.6 they
/// wait for each other, too.
const DETACHING_MAX: usize = 16;
const DETACHING_AT_THE_END: usize = 128;

/// Programs and the functions they belong to.
const EVALUATED: &str = "parse_and_execute";
const TYPED: &str = "readline";
const INPUT: &str = "input_string";
/// All of them.
pub(super) const PROGRAMS: [&str; 3] = [EVALUATED, TYPED, INPUT];

/// Does this kernel tell a uprobe which of its attachments fired?
pub(super) fn have_cookies() -> bool {
    KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(5, 15, 0))
}

/// May the return of a function be probed? Kernels 6.11 to 6.13 do it by a system call of their own, and end a process whose
/// seccomp filter does not know that call. There typed lines are made from keystrokes.
fn may_probe_returns(version: KernelVersion) -> bool {
    !(KernelVersion::new(6, 11, 0)..KernelVersion::new(6, 14, 0)).contains(&version)
}

/// The loaded programs, and the probes in shells. Dropping it detaches everything.
pub(super) struct Uprobes {
    ebpf: Ebpf,
    /// Where the kernel has such.
    multi: Option<UprobeMulti>,
    loaded: bool,
    returns: bool,
    attached: HashMap<FileKey, Attached>,
    probed_max: usize,
    last: u32,
    /// Counts uses.
    clock: u64,
    detaching: Arc<AtomicUsize>,
}

/// A probe, attached as long as this lives.
#[expect(dead_code, reason = "held to be dropped")]
enum Link {
    Multi(OwnedFd),
    Perf(UProbeLink),
}

/// The probes of a binary.
struct Attached {
    number: u32,
    links: Vec<Link>,
    /// The cgroup that ran it first.
    owner: u64,
    /// When it was used last, by `clock`.
    used: u64,
}

impl Uprobes {
    /// Loads the programs for probes. Where the kernel refuses them capture goes on without: evaluated strings are
    /// then not seen.
    pub(super) fn new(mut ebpf: Ebpf, multi: Option<UprobeMulti>, wanted: bool) -> Self {
        let with_perf = wanted && multi.is_none();
        let loaded = multi.is_some() || with_perf && PROGRAMS.iter().all(|name| {
            match program(&mut ebpf, name).map(|p| (p.load(), p)) {
                Some((Ok(()), program)) => {
                    let instructions = program.info().ok().and_then(|info| info.verified_instruction_count());
                    debug!(name, instructions, "verified");
                    true
                }
                Some((Err(e), _)) => {
                    warn!(
                        "evaluated strings and typed lines will not be seen: the kernel refused {name}: {e}"
                    );
                    false
                }
                None => false,
            }
        });
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let probed_max =
            usize::try_from(descriptors).map_or(PROBED_MAX, |n| n / DESCRIPTORS).clamp(16, PROBED_MAX);
        Self {
            ebpf,
            multi,
            loaded,
            returns: KernelVersion::current().is_ok_and(may_probe_returns),
            attached: HashMap::new(),
            probed_max,
            last: 0,
            clock: 0,
            detaching: Arc::default(),
        }
    }

    /// The number of the probes in a binary, 0 when it has none.
    pub(super) fn number(&self, key: &FileKey) -> u32 {
        self.attached.get(key).map_or(0, |attached| attached.number)
    }

    /// A binary is in use.
    pub(super) fn used(&mut self, key: &FileKey) {
        self.clock += 1;
        if let Some(attached) = self.attached.get_mut(key) {
            attached.used = self.clock;
        }
    }

    /// Attaches probes to the functions of a binary, once; returns their number, or 0 when it has none, and the binaries
    /// that had to make room.
    pub(super) fn attach(
        &mut self,
        key: &FileKey,
        file: &File,
        points: &ProbePoints,
        owner: u64,
    ) -> (u32, Vec<FileKey>) {
        let there = self.number(key);
        if there != 0 || !self.loaded {
            return (there, Vec::new());
        }
        let number = self.last.wrapping_add(1).max(1);
        // By descriptor: the file that was looked at, whatever its path names by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut links = Vec::new();
        let places =
            [(EVALUATED, points.evaluates), (TYPED, points.reads_lines), (INPUT, points.input_string)];
        for (name, offset) in places {
            let Some(offset) = offset.filter(|_| name != TYPED || self.returns) else { continue };
            match self.attach_one(name, &path, offset, number) {
                Ok(link) => links.push(link),
                Err(e) => debug!("{name} is not probed in inode {}: {}", key.ino, chain(&e)),
            }
        }
        if links.is_empty() {
            return (0, Vec::new());
        }
        let mut evicted = Vec::new();
        while self.attached.len() >= self.probed_max {
            let Some(victim) = self.victim() else { break };
            self.detach(&victim);
            evicted.push(victim);
        }
        self.last = number;
        self.clock += 1;
        self.attached.insert(*key, Attached { number, links, owner, used: self.clock });
        (number, evicted)
    }

    /// Of the cgroup that has most, the one that was used longest ago.
    fn victim(&self) -> Option<FileKey> {
        let mut counts: HashMap<u64, usize> = HashMap::new();
        for attached in self.attached.values() {
            *counts.entry(attached.owner).or_default() += 1;
        }
        let owner = counts.into_iter().max_by_key(|(_, count)| *count)?.0;
        let of_owner = self.attached.iter().filter(|(_, attached)| attached.owner == owner);
        of_owner.min_by_key(|(_, attached)| attached.used).map(|(key, _)| *key)
    }

    /// Takes the probes of a binary out.
    pub(super) fn detach(&mut self, key: &FileKey) {
        let Some(attached) = self.attached.remove(key) else { return };
        if self.detaching.fetch_add(1, Ordering::Relaxed) >= DETACHING_MAX {
            // Who makes so many go waits for them.
            drop(attached);
            self.detaching.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let detaching = self.detaching.clone();
        std::thread::spawn(move || {
            drop(attached);
            detaching.fetch_sub(1, Ordering::Relaxed);
        });
    }

    fn attach_one(&mut self, name: &str, path: &str, at: u64, number: u32) -> Result<Link, ProgramError> {
        if let Some(multi) = &self.multi {
            let link = multi.attach(name, path, at, u64::from(number), name == TYPED);
            return link.map(Link::Multi).map_err(ProgramError::IOError);
        }
        let location = UProbeAttachLocation::AbsoluteOffset(at);
        let cookie = have_cookies().then_some(u64::from(number));
        let program = program(&mut self.ebpf, name).ok_or(ProgramError::NotLoaded)?;
        let id = program.attach(UProbeAttachPoint { location, cookie }, path, UProbeScope::AllProcesses)?;
        program.take_link(id).map(Link::Perf)
    }

    /// Binaries probed now.
    pub(super) fn probed(&self) -> usize {
        self.attached.len()
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Option<&'a mut UProbe> {
    ebpf.program_mut(name)?.try_into().ok()
}

impl Drop for Uprobes {
    fn drop(&mut self) {
        let mut all: Vec<Link> = self.attached.drain().flat_map(|(_, attached)| attached.links).collect();
        let share = all.len().div_ceil(DETACHING_AT_THE_END).max(1);
        std::thread::scope(|scope| {
            while !all.is_empty() {
                let some = all.split_off(all.len().saturating_sub(share));
                scope.spawn(move || drop(some));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_are_not_probed_where_that_can_end_a_process() {
        let may = |minor, patch| may_probe_returns(KernelVersion::new(6, minor, patch));
        assert!(may(10, 255) && may(14, 0) && may(18, 0));
        assert!(!may(11, 0) && !may(12, 30) && !may(13, 99));
    }
}
