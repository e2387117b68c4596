//! Loading and attaching the BPF programs.

use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader, VerifierLogLevel,
    maps::{Array, HashMap, MapData, PerCpuArray, RingBuf},
    programs::{FEntry, FExit, KProbe, Program, ProgramError, RawTracePoint, TracePoint},
    util::KernelVersion,
};
use ebpf::map::{Exe, FileKey};
use nix::{
    mount::{MsFlags, mount},
    sys::resource::{RLIM_INFINITY, Resource, setrlimit},
};
use tracing::{debug, info, warn};

use cause::chain;

use super::{
    Counters, HoldControl, Holds, Latch, Lineage, Losses, Reader, SelfTest, Skips, Tier,
    control::Control,
    kernel_types::{self, COMPAT_ENTRY, COMPAT_READ, Functions},
    loader::Loader,
    uprobe_multi::{self, UprobeMulti},
    uprobes::{self, Uprobes, have_cookies},
};

/// Why the programs cannot run. Each message is one sentence that names what is missing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// A capability is missing.
    #[error("the sensor needs the capabilities {0}: run it as root, or grant them to its container")]
    Capabilities(String),
    /// The capability for uprobes is missing.
    #[error(
        "the sensor needs the capabilities CAP_SYS_ADMIN: kernels before 6.6 ask for it to put probes into shells; grant it (chart: sensor.olderKernels=true), or do without evaluated strings and typed lines by --shell-probes off"
    )]
    ShellProbes,
    /// Process ids would mean others than the kernel's.
    #[error(
        "the sensor is in a PID namespace of its own and cannot look at the node's processes: give its pod `hostPID: true` (Docker: --pid=host)"
    )]
    PidNamespace,
    /// No program may read the kernel's memory.
    #[error(
        "the kernel is locked down (lockdown=confidentiality), so that no BPF program may read its memory: boot the node with lockdown=integrity, or without lockdown"
    )]
    Lockdown,
    /// The kernel does not publish its types.
    #[error(
        "this kernel publishes no BTF (/sys/kernel/btf/vmlinux is missing): use one built with CONFIG_DEBUG_INFO_BTF=y"
    )]
    NoBtf,
    /// BTF could not be understood.
    #[error("the kernel's BTF cannot be read: {0}")]
    Btf(String),
    /// A structure field is not there.
    #[error("this kernel has no field {0}: it is not supported (5.10 to 6.18 are)")]
    NoField(String),
    /// The object file with the programs is missing.
    #[error(
        "the BPF object {0} cannot be read ({1}): build it with `cargo xtask build-ebpf`, or point --bpf-object at it"
    )]
    Object(PathBuf, io::Error),
    /// The kernel refused.
    #[error("the kernel refused the BPF {what}: {why}")]
    Refused {
        /// Program, map or attachment.
        what: String,
        /// What it said.
        why: String,
    },
    /// No tier could be attached.
    #[error("no capture tier can be attached: {0}")]
    NoTier(String),
    /// A file could not be used.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

/// How to run the probe.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The BPF object file.
    pub object: PathBuf,
    /// Only this tier, instead of the best that works.
    pub tier: Option<Tier>,
    /// Size of the ring buffer, bytes; a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Shell processes followed at once.
    pub max_shells: u32,
    /// Put probes into shells, to see what they evaluate.
    pub shell_probes: bool,
}

/// The loaded programs. Dropping it detaches them.
pub struct Probe {
    ebpf: Ebpf,
    multi: Option<UprobeMulti>,
    latch: Latch,
    tier: Tier,
    shell_probes: bool,
    counters: Counters,
    self_test: SelfTest,
}

/// What a running probe consists of; each part keeps the programs attached.
pub struct Parts {
    /// Where events come out.
    pub reader: Reader,
    /// The way back to the kernel half.
    pub control: Control,
    /// Whose events were lost.
    pub losses: Losses,
    /// Whether the programs still run.
    pub self_test: SelfTest,
    /// Shells that were stopped until their text is judged.
    pub holds: Holds,
    /// Which shells are.
    pub hold_control: HoldControl,
    /// Who descends from whom.
    pub lineage: Lineage,
}

impl Probe {
    /// Loads the programs and attaches them, with the best tier that this kernel accepts.
    pub fn start(settings: &Settings) -> Result<Self, ProbeError> {
        check_capabilities(settings.shell_probes)?;
        check_pid_namespace()?;
        check_lockdown()?;
        // Kernels before 5.11 charge maps against this limit.
        let charged = KernelVersion::current().is_ok_and(|version| version < KernelVersion::new(5, 11, 0));
        if charged && setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).is_err() {
            return Err(ProbeError::Capabilities("CAP_SYS_RESOURCE".to_owned()));
        }
        let (offsets, functions) = kernel_types::of_running_kernel()?;
        let object =
            std::fs::read(&settings.object).map_err(|e| ProbeError::Object(settings.object.clone(), e))?;
        let cookies = u32::from(have_cookies());
        let twice = u32::from(may_skip_tracepoints());
        let mut ebpf = EbpfLoader::new()
            // No relocations by the kernel's types are in the object; parsing them takes a tenth of a second.
            .btf(None)
            .override_global("OFFSETS", bytemuck::bytes_of(&offsets), true)
            .override_global("COOKIES", &cookies, true)
            .override_global("TWICE", &twice, true)
            .override_global("MAX_SHELLS", &settings.max_shells, true)
            .map_max_entries("EVENTS", settings.ring_bytes)
            .map_max_entries("SHELLS", settings.max_shells)
            .verifier_log_level(VerifierLogLevel::STATS)
            .load(&object)
            .map_err(|e| refused("object", &e))?;
        let loader = Loader::new(&object, &ebpf)?;
        let multi = settings.shell_probes.then(|| UprobeMulti::load(&loader, uprobes::PROGRAMS)).flatten();
        let multi = multi.and_then(|loaded| {
            loaded
                .inspect_err(|e| {
                    warn!("probes in shells are perf events, for which the kernel wants CAP_SYS_ADMIN: {e}");
                })
                .ok()
        });
        let counters = Counters::new(
            PerCpuArray::try_from(take(&mut ebpf, "COUNTERS")?).map_err(|e| refused("map COUNTERS", &e))?,
        );
        let latch = Latch::load(&loader, &functions, counters.clone());
        let mut self_test =
            SelfTest::new(counters.clone()).map_err(|e| ProbeError::Io(PathBuf::from("/dev/zero"), e))?;
        SelfTest::prepare(&mut ebpf)?;
        let tier = attach_reads(&mut ebpf, settings.tier, &functions, &mut self_test)?;
        // Exec last: from here on shells are followed, and their reads are seen already.
        for name in ["sched_process_exit", "sched_process_fork", "sched_process_exec"] {
            attach_raw(&mut ebpf, name, name)?;
            if twice != 0 {
                attach_raw(&mut ebpf, &format!("{name}_skipped"), name)?;
            }
        }
        // The kernel's types, parsed here and in aya, took a hundred megabytes for a moment.
        // SAFETY: malloc_trim has no preconditions.
        unsafe { libc::malloc_trim(0) };
        log_size(&ebpf);
        info!(%tier, "capture attached");
        Ok(Self { ebpf, multi, latch, tier, shell_probes: settings.shell_probes, counters, self_test })
    }

    /// The tier in use.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// Becomes its parts.
    pub fn into_parts(mut self) -> Result<Parts, ProbeError> {
        let lost: HashMap<MapData, u64, u64> =
            HashMap::try_from(take(&mut self.ebpf, "LOST")?).map_err(|e| refused("map LOST", &e))?;
        let ring =
            RingBuf::try_from(take(&mut self.ebpf, "EVENTS")?).map_err(|e| refused("map EVENTS", &e))?;
        let classes: HashMap<MapData, FileKey, Exe> =
            HashMap::try_from(take(&mut self.ebpf, "EXES")?).map_err(|e| refused("map EXES", &e))?;
        let awake: Array<MapData, u32> =
            Array::try_from(take(&mut self.ebpf, "AWAKE")?).map_err(|e| refused("map AWAKE", &e))?;
        let holds = Holds::new(take(&mut self.ebpf, "HOLDS")?).map_err(|e| refused("map HOLDS", &e))?;
        let hold_control = HoldControl::new(
            Array::try_from(take(&mut self.ebpf, "HOLDING")?).map_err(|e| refused("map HOLDING", &e))?,
            HashMap::try_from(take(&mut self.ebpf, "HOLD_CGROUPS")?)
                .map_err(|e| refused("map HOLD_CGROUPS", &e))?,
            HashMap::try_from(take(&mut self.ebpf, "HOLD_DATA")?)
                .map_err(|e| refused("map HOLD_DATA", &e))?,
            HashMap::try_from(take(&mut self.ebpf, "MEDDLED")?).map_err(|e| refused("map MEDDLED", &e))?,
            HashMap::try_from(take(&mut self.ebpf, "SHELLS")?).map_err(|e| refused("map SHELLS", &e))?,
            self.latch,
        );
        let lineage = Lineage::new(&take(&mut self.ebpf, "DESCENDANTS")?)
            .map_err(|e| refused("map DESCENDANTS", &e))?;
        let reader = Reader::new(ring, awake).map_err(|e| refused("event descriptor", &e))?;
        let control = Control::new(classes, Uprobes::new(self.ebpf, self.multi, self.shell_probes));
        Ok(Parts {
            reader,
            control,
            losses: Losses::new(lost),
            self_test: self.self_test,
            holds,
            hold_control,
            lineage,
        })
    }

    /// Runs of programs that the kernel skipped.
    pub fn skips(&self) -> Skips {
        Skips::of(&self.ebpf)
    }

    /// The kernel's counters.
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }

    /// The programs' own log, for aya-log; `None` when they were built without.
    pub fn logger(&mut self) -> Option<aya_log::EbpfLogger<&'static dyn log::Log>> {
        match aya_log::EbpfLogger::init(&mut self.ebpf) {
            Ok(logger) => Some(logger),
            Err(e) => {
                warn!("the BPF programs' log is not available: {e}");
                None
            }
        }
    }
}

fn take(ebpf: &mut Ebpf, name: &str) -> Result<aya::maps::Map, ProbeError> {
    ebpf.take_map(name).ok_or_else(|| ProbeError::Refused {
        what: format!("map {name}"),
        why: "it is not in the object, or was taken already".to_owned(),
    })
}

fn refused(what: &str, error: &dyn std::error::Error) -> ProbeError {
    ProbeError::Refused { what: what.to_owned(), why: chain(error) }
}

fn attach_reads(
    ebpf: &mut Ebpf,
    only: Option<Tier>,
    functions: &Functions,
    self_test: &mut SelfTest,
) -> Result<Tier, ProbeError> {
    let mut failures = Vec::new();
    for tier in Tier::ALL.into_iter().filter(|tier| only.is_none_or(|o| o == *tier)) {
        let attached = match tier {
            Tier::Fexit => attach_fexit(ebpf, functions),
            Tier::Tracepoint => attach_tracepoint(ebpf, functions),
        };
        match attached {
            Ok(()) if self_test.passes() => return Ok(tier),
            Ok(()) => {
                detach_reads(ebpf, tier);
                warn!("tier {tier} is attached and does not run (is kernel.ftrace_enabled 0?)");
                failures
                    .push(format!("{tier}: it is attached and does not run: set kernel.ftrace_enabled to 1"));
            }
            Err(e) => {
                info!("tier {tier} is not available: {e}");
                failures.push(format!("{tier}: {e}"));
            }
        }
    }
    Err(ProbeError::NoTier(failures.join("; ")))
}

/// Takes a tier's programs out again.
fn detach_reads(ebpf: &mut Ebpf, tier: Tier) {
    let names: &[&str] = match tier {
        Tier::Fexit => &["sys_read_fexit", "compat_read_fexit", "file_opened"],
        Tier::Tracepoint => &["sys_exit_read", "sys_exit_open", "compat_read_return", "compat_read_exit"],
    };
    for name in names {
        // One that was not loaded cannot be unloaded, which is as well.
        let unloaded = match ebpf.program_mut(name) {
            Some(Program::FExit(program)) => program.unload(),
            Some(Program::FEntry(program)) => program.unload(),
            Some(Program::TracePoint(program)) => program.unload(),
            Some(Program::KProbe(program)) => program.unload(),
            Some(Program::RawTracePoint(program)) => program.unload(),
            _ => continue,
        };
        if let Err(e) = unloaded {
            debug!("{name}: {e}");
        }
    }
}

fn program<'a, P>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut P, ProbeError>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    ebpf.program_mut(name)
        .ok_or_else(|| ProbeError::Refused {
            what: format!("program {name}"),
            why: "it is not in the object: rebuild it".to_owned(),
        })?
        .try_into()
        .map_err(|e: ProgramError| refused(name, &e))
}

fn attach_fexit(ebpf: &mut Ebpf, functions: &Functions) -> Result<(), ProbeError> {
    let function = if cfg!(target_arch = "x86_64") { "__x64_sys_read" } else { "__arm64_sys_read" };
    let btf = Btf::from_sys_fs().map_err(|e| ProbeError::Btf(e.to_string()))?;
    let fexit: &mut FExit = program(ebpf, "sys_read_fexit")?;
    fexit.load(function, &btf).map_err(|e| refused("program sys_read_fexit", &e))?;
    fexit.attach().map_err(|e| refused("attachment to the return of read", &e))?;
    let entry: &mut FEntry = program(ebpf, "file_opened")?;
    writers_seen(entry.load("security_file_open", &btf).and_then(|()| entry.attach()).map(drop));
    if let Some(function) = compat_read(functions) {
        let fexit: &mut FExit = program(ebpf, "compat_read_fexit")?;
        fexit.load(function, &btf).map_err(|e| refused("program compat_read_fexit", &e))?;
        fexit.attach().map_err(|e| refused("attachment to the return of 32-bit read", &e))?;
    }
    Ok(())
}

/// Without it captures lack who wrote a file, and nothing else.
fn writers_seen(attached: Result<(), ProgramError>) {
    if let Err(e) = attached {
        info!("who writes files is not seen: {e}");
    }
}

/// The kernel's function for `read(2)` of 32-bit programs; `None` where it has none for them alone.
fn compat_read(functions: &Functions) -> Option<&'static str> {
    let has_one = || functions.compat_read.is_some() || has_symbol(COMPAT_READ);
    (cfg!(target_arch = "x86_64") && has_one()).then_some(COMPAT_READ)
}

/// Can the processor run 32-bit programs, too? On arm64 the kernel refuses their personality where it cannot.
fn runs_32_bit() -> bool {
    const PER_LINUX32: libc::c_ulong = 8;
    const ASK: libc::c_ulong = 0xffff_ffff;
    // SAFETY: it changes what this thread's `uname` says, and changes it back.
    unsafe {
        let own = libc::personality(ASK);
        let runs = libc::personality(PER_LINUX32) != -1;
        libc::personality(libc::c_ulong::from(own.cast_unsigned()));
        runs
    }
}

/// Has the kernel this symbol? It takes a tenth of a second to list them all.
fn has_symbol(name: &str) -> bool {
    let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    symbols.lines().any(|line| line.split_whitespace().nth(2) == Some(name))
}

fn attach_tracepoint(ebpf: &mut Ebpf, functions: &Functions) -> Result<(), ProbeError> {
    mount_tracefs()?;
    let tracepoint: &mut TracePoint = program(ebpf, "sys_exit_read")?;
    tracepoint.load().map_err(|e| refused("program sys_exit_read", &e))?;
    tracepoint
        .attach("syscalls", "sys_exit_read")
        .map_err(|e| refused("attachment to syscalls/sys_exit_read", &e))?;
    let opened: &mut TracePoint = program(ebpf, "sys_exit_open")?;
    writers_seen(opened.load());
    // arm64 has no `open(2)`.
    for name in ["sys_exit_openat", "sys_exit_open"] {
        if cfg!(target_arch = "x86_64") || name.ends_with("at") {
            writers_seen(opened.attach("syscalls", name).map(drop));
        }
    }
    // The tracepoint does not fire for 32-bit programs.
    let by_every_call = match compat_read(functions) {
        Some(function) => match attach_compat_kprobe(ebpf, function) {
            Ok(()) => false,
            Err(e) => {
                info!("no kprobe on {function} ({e}): a tracepoint of all system calls in its place");
                true
            }
        },
        // Where all programs share one, a probe on it would cost every read of the machine.
        None => cfg!(target_arch = "aarch64") && runs_32_bit() && has_symbol(COMPAT_ENTRY),
    };
    if by_every_call {
        let raw: &mut RawTracePoint = program(ebpf, "compat_read_exit")?;
        raw.load().map_err(|e| refused("program compat_read_exit", &e))?;
        raw.attach("sys_exit").map_err(|e| refused("attachment to sys_exit", &e))?;
    }
    Ok(())
}

fn attach_compat_kprobe(ebpf: &mut Ebpf, function: &str) -> Result<(), ProbeError> {
    // Asked before the program is loaded, which takes the verifier a while.
    let path = Path::new("/sys/bus/event_source/devices/kprobe/type");
    std::fs::metadata(path).map_err(|e| ProbeError::Io(path.to_owned(), e))?;
    let probe: &mut KProbe = program(ebpf, "compat_read_return")?;
    probe.load().map_err(|e| refused("program compat_read_return", &e))?;
    probe.attach(function, 0).map_err(|e| refused("attachment to the return of 32-bit read", &e))?;
    Ok(())
}

/// Programs on tracepoints can be preempted, and are skipped where they run already, from 7.0 on: until then the kernel kept others
/// off the processor.
fn may_skip_tracepoints() -> bool {
    KernelVersion::current().map_or(true, |version| version >= KernelVersion::new(6, 19, 0))
}

fn attach_raw(ebpf: &mut Ebpf, name: &str, tracepoint: &str) -> Result<(), ProbeError> {
    let raw: &mut RawTracePoint = program(ebpf, name)?;
    raw.load().map_err(|e| refused(&format!("program {name}"), &e))?;
    raw.attach(tracepoint).map_err(|e| refused(&format!("attachment to {tracepoint}"), &e))?;
    Ok(())
}

/// How much work the verifier had: it gives up at a million instructions.
fn log_size(ebpf: &Ebpf) {
    for (name, program) in ebpf.programs() {
        let instructions = program.info().ok().and_then(|info| info.verified_instruction_count());
        if let Some(instructions) = instructions {
            debug!(name, instructions, "verified");
        }
    }
}

/// A tracepoint is attached by its number, which is read from tracefs.
fn mount_tracefs() -> Result<(), ProbeError> {
    let at = Path::new("/sys/kernel/tracing");
    let there = |dir: &str| Path::new(dir).join("events/syscalls").exists();
    if there("/sys/kernel/tracing") || there("/sys/kernel/debug/tracing") {
        return Ok(());
    }
    mount(Some("tracefs"), at, Some("tracefs"), MsFlags::empty(), None::<&str>).map_err(|e| {
        ProbeError::Refused { what: "mount of tracefs on /sys/kernel/tracing".to_owned(), why: e.to_string() }
    })
}

/// Capability numbers of `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_SYS_PTRACE: u32 = 19;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Says which capabilities are missing before the kernel answers with a bare EPERM.
fn check_capabilities(shell_probes: bool) -> Result<(), ProbeError> {
    let path = PathBuf::from("/proc/self/status");
    let status = std::fs::read_to_string(&path).map_err(|e| ProbeError::Io(path, e))?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(u64::MAX);
    // A version that cannot be read is taken for an old one.
    let version = KernelVersion::current().unwrap_or(KernelVersion::new(0, 0, 0));
    suffices(effective, shell_probes, version)
}

/// Are these capabilities enough? Probes as perf events, before kernel 6.6, need `CAP_SYS_ADMIN`, which includes two others.
fn suffices(effective: u64, shell_probes: bool, version: KernelVersion) -> Result<(), ProbeError> {
    let has = |cap: u32| effective >> cap & 1 == 1;
    let mut missing = Vec::new();
    if !has(CAP_SYS_ADMIN) {
        missing.extend([(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]);
    }
    missing.extend([(CAP_SYS_PTRACE, "CAP_SYS_PTRACE"), (CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH")]);
    missing.retain(|(cap, _)| !has(*cap));
    let missing: Vec<&str> = missing.iter().map(|(_, name)| *name).collect();
    if missing.is_empty() && shell_probes && !has(CAP_SYS_ADMIN) && version < uprobe_multi::SINCE {
        return Err(ProbeError::ShellProbes);
    }
    if missing.is_empty() { Ok(()) } else { Err(ProbeError::Capabilities(missing.join(", "))) }
}

/// Inode of the first PID namespace (`PROC_PID_INIT_INO` of the kernel).
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The kernel says so in a file that a container need not have; what it was booted with everybody can read.
fn check_lockdown() -> Result<(), ProbeError> {
    let says = |text: &str, wanted: &str| text.split_whitespace().any(|word| word == wanted);
    let is_locked = std::fs::read_to_string("/sys/kernel/security/lockdown").map_or_else(
        |_| {
            let booted = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
            says(&booted, "lockdown=confidentiality")
        },
        |state| says(&state, "[confidentiality]"),
    );
    if is_locked { Err(ProbeError::Lockdown) } else { Ok(()) }
}

/// The kernel half tells process ids of the first namespace.
fn check_pid_namespace() -> Result<(), ProbeError> {
    let path = PathBuf::from("/proc/self/ns/pid");
    let metadata = std::fs::metadata(&path).map_err(|e| ProbeError::Io(path, e))?;
    if metadata.ino() == FIRST_PID_NAMESPACE { Ok(()) } else { Err(ProbeError::PidNamespace) }
}

impl From<EbpfError> for ProbeError {
    fn from(e: EbpfError) -> Self {
        refused("object", &e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_6_6_probes_in_shells_need_more() {
        let (old, new) = (KernelVersion::new(6, 5, 13), KernelVersion::new(6, 6, 0));
        let bits = |caps: &[u32]| caps.iter().fold(0, |bits, cap| bits | 1 << cap);
        let least = bits(&[CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH]);
        assert!(suffices(least, true, new).is_ok() && suffices(least, false, old).is_ok());
        assert!(matches!(suffices(least, true, old), Err(ProbeError::ShellProbes)));
        let admin = bits(&[CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH]);
        assert!(suffices(admin, true, old).is_ok() && suffices(admin, true, new).is_ok());
        let without = suffices(least & !bits(&[CAP_BPF]), true, new).expect_err("a refusal").to_string();
        assert!(without.contains("CAP_BPF:"), "{without}");
    }
}
