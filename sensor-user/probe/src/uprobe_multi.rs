//! Probes as links of their own (`BPF_TRACE_UPROBE_MULTI`, kernel 6.6 and later). The kernel takes any number of them out side by
//! side. Those that aya makes are perf events, which wait for each other, a tenth of a second each.

use std::{
    collections::{HashMap, HashSet},
    ffi::CString,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
};

use aya::{Ebpf, maps::Map, util::KernelVersion};
use aya_obj::{
    Object,
    generated::{bpf_attach_type, bpf_cmd, bpf_insn, bpf_prog_type},
};

/// The part of `union bpf_attr` for `BPF_PROG_LOAD`, as far as it is used (`linux/bpf.h`).
#[repr(C)]
struct LoadAttributes {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

/// `struct link_create` of `linux/bpf.h` with its part for these probes.
#[repr(C)]
struct LinkAttributes {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
    path: u64,
    offsets: u64,
    ref_ctr_offsets: u64,
    cookies: u64,
    cnt: u32,
    multi_flags: u32,
    pid: u32,
    reserved: u32,
}

/// `BPF_F_UPROBE_MULTI_RETURN`.
const AT_RETURN: u32 = 1;

/// The first kernel that has them.
pub(super) const SINCE: KernelVersion = KernelVersion::new(6, 6, 0);

/// Programs for such probes.
pub(super) struct UprobeMulti(HashMap<&'static str, OwnedFd>);

impl UprobeMulti {
    /// Loads the programs of these names beside those of `ebpf`, with its maps, all of which must still be there. aya knows no
    /// such programs; what it reads of the object and puts in place is used. `None` before kernel 6.6.
    pub(super) fn load(
        object: &[u8],
        ebpf: &Ebpf,
        names: [&'static str; 3],
    ) -> Option<Result<Self, aya::EbpfError>> {
        KernelVersion::current()
            .is_ok_and(|version| version >= SINCE)
            .then(|| Self::with_maps_of(object, ebpf, names))
    }

    fn with_maps_of(object: &[u8], ebpf: &Ebpf, names: [&'static str; 3]) -> Result<Self, aya::EbpfError> {
        let mut object = Object::parse(object)?;
        let descriptors: HashMap<&str, RawFd> =
            ebpf.maps().filter_map(|(name, map)| Some((name, descriptor(map)?))).collect();
        let maps: Vec<(String, aya_obj::Map)> = object.maps.drain().collect();
        let placed = maps
            .iter()
            .filter_map(|(name, map)| Some((name.as_str(), *descriptors.get(name.as_str())?, map)));
        let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
        object.relocate_maps(placed, &sections)?;
        object.relocate_calls(&sections)?;
        let mut loaded = HashMap::new();
        for name in names {
            let found = object
                .programs
                .get(name)
                .and_then(|program| Some((program, object.functions.get(&program.function_key())?)));
            let Some((program, function)) = found else { continue };
            let program = load(name, &function.instructions, &program.license)
                .map_err(|error| aya::EbpfError::FileError { path: name.into(), error })?;
            loaded.insert(name, program);
        }
        Ok(Self(loaded))
    }

    /// Attaches a program at an offset of a file, in all processes. The probe is there as long as the descriptor.
    pub(super) fn attach(
        &self,
        name: &str,
        path: &str,
        offset: u64,
        cookie: u64,
        at_return: bool,
    ) -> io::Result<OwnedFd> {
        let program = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
        let path = CString::new(path)?;
        let attributes = LinkAttributes {
            prog_fd: program.as_raw_fd() as u32,
            target_fd: 0,
            attach_type: bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32,
            flags: 0,
            path: path.as_ptr() as u64,
            offsets: (&raw const offset) as u64,
            ref_ctr_offsets: 0,
            cookies: (&raw const cookie) as u64,
            cnt: 1,
            multi_flags: if at_return { AT_RETURN } else { 0 },
            pid: 0,
            reserved: 0,
        };
        // SAFETY: the attributes are those of the command, and what they point to lives until the call returns.
        unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &attributes) }
    }
}

fn load(name: &str, instructions: &[bpf_insn], license: &CString) -> io::Result<OwnedFd> {
    let mut prog_name = [0; 16];
    let length = name.len().min(prog_name.len() - 1);
    prog_name[..length].copy_from_slice(&name.as_bytes()[..length]);
    let attributes = LoadAttributes {
        prog_type: bpf_prog_type::BPF_PROG_TYPE_KPROBE as u32,
        insn_cnt: instructions.len() as u32,
        insns: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name,
        prog_ifindex: 0,
        expected_attach_type: bpf_attach_type::BPF_TRACE_UPROBE_MULTI as u32,
    };
    // SAFETY: as above.
    unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &attributes) }
}

/// A command of `bpf(2)` that returns a descriptor.
///
/// # Safety
/// `attributes` must begin as the command's part of `union bpf_attr`, and what it points to must be there.
unsafe fn bpf<T>(command: bpf_cmd, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the caller says so.
    let descriptor = unsafe {
        libc::syscall(libc::SYS_bpf, command as libc::c_long, std::ptr::from_ref(attributes), size_of::<T>())
    };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) })
}

/// The descriptor of a map of one of the types that the object has.
fn descriptor(map: &Map) -> Option<RawFd> {
    match map {
        Map::Array(data)
        | Map::PerCpuArray(data)
        | Map::HashMap(data)
        | Map::LruHashMap(data)
        | Map::RingBuf(data) => Some(data.fd().as_fd().as_raw_fd()),
        _ => None,
    }
}
