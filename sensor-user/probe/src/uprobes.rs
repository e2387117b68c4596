//! Probes in shells: attached when a shell's binary is first seen, and taken out when too many others came since.

use std::{fs::File, num::NonZeroUsize, os::fd::AsRawFd};

use aya::{
    Ebpf,
    programs::{
        ProgramError, UProbe,
        uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope},
    },
    util::KernelVersion,
};
use ebpf::map::FileKey;
use lru::LruCache;
use tracing::{debug, warn};

use cause::chain;
use shell::ProbePoints;

/// Binaries that are probed at once. Whoever copies shells about to fill this only loses the probes of his own.
const PROBED_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// Programs and the functions they belong to.
const EVALUATED: &str = "parse_and_execute";
const TYPED: &str = "readline";

/// Does this kernel tell a uprobe which of its attachments fired?
pub(super) fn have_cookies() -> bool {
    KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(5, 15, 0))
}

/// The loaded programs, and the probes in shells. Dropping it detaches everything.
pub(super) struct Uprobes {
    ebpf: Ebpf,
    loaded: bool,
    attached: LruCache<FileKey, (u32, Vec<UProbeLink>)>,
    last: u32,
}

impl Uprobes {
    /// Loads the programs for probes. Where the kernel refuses them capture goes on without: evaluated strings are
    /// then not seen.
    pub(super) fn new(mut ebpf: Ebpf, wanted: bool) -> Self {
        let loaded = wanted
            && [EVALUATED, TYPED].iter().all(|name| match program(&mut ebpf, name).map(|p| (p.load(), p)) {
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
            });
        Self { ebpf, loaded, attached: LruCache::new(PROBED_MAX), last: 0 }
    }

    /// The number of the probes in a binary, 0 when it has none.
    pub(super) fn number(&mut self, key: &FileKey) -> u32 {
        self.attached.get(key).map_or(0, |(number, _)| *number)
    }

    /// Attaches probes to the functions of a binary, once; returns their number, or 0 when it has none.
    pub(super) fn attach(&mut self, key: &FileKey, file: &File, points: &ProbePoints) -> u32 {
        let there = self.number(key);
        if there != 0 || !self.loaded {
            return there;
        }
        let number = self.last.wrapping_add(1).max(1);
        // By descriptor: the file that was looked at, whatever its path names by now.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let mut links = Vec::new();
        for (name, offset) in [(EVALUATED, points.evaluates), (TYPED, points.reads_lines)] {
            let Some(offset) = offset else { continue };
            match self.attach_one(name, &path, offset, number) {
                Ok(link) => links.push(link),
                Err(e) => debug!("{name} is not probed in inode {}: {}", key.ino, chain(&e)),
            }
        }
        if links.is_empty() {
            return 0;
        }
        self.last = number;
        self.attached.put(*key, (number, links));
        number
    }

    /// Takes the probes of a binary out.
    pub(super) fn detach(&mut self, key: &FileKey) {
        self.attached.pop(key);
    }

    /// Has a binary probes now?
    pub(super) fn is_attached(&self, key: &FileKey) -> bool {
        self.attached.contains(key)
    }

    fn attach_one(
        &mut self,
        name: &str,
        path: &str,
        at: u64,
        number: u32,
    ) -> Result<UProbeLink, ProgramError> {
        let location = UProbeAttachLocation::AbsoluteOffset(at);
        let cookie = have_cookies().then_some(u64::from(number));
        let program = program(&mut self.ebpf, name).ok_or(ProgramError::NotLoaded)?;
        let id = program.attach(UProbeAttachPoint { location, cookie }, path, UProbeScope::AllProcesses)?;
        program.take_link(id)
    }

    /// Binaries probed now.
    pub(super) fn probed(&self) -> usize {
        self.attached.len()
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Option<&'a mut UProbe> {
    ebpf.program_mut(name)?.try_into().ok()
}
