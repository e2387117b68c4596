//! Loads programs of kinds that aya does not know, beside those of aya and with the same maps. What aya reads of the object and puts in
//! place is used.

use std::{
    collections::{HashMap, HashSet},
    ffi::CString,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
};

use aya::{Ebpf, EbpfError, maps::Map};
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
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
}

/// Bytes kept of what the verifier says.
const LOG_BYTES: usize = 64 * 1024;
/// Bytes of it that are told, from its end.
const TOLD_BYTES: usize = 512;

/// What kind of program one is.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) program: bpf_prog_type,
    pub(super) attach: bpf_attach_type,
    /// The kernel's type that it is for, by its number in BTF; 0 for none.
    pub(super) function: u32,
}

/// The object's programs, before they are loaded.
pub(super) struct Loader(Object);

impl Loader {
    /// Reads the object; its maps are those of `ebpf`, all of which must still be there.
    pub(super) fn new(object: &[u8], ebpf: &Ebpf) -> Result<Self, EbpfError> {
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
        Ok(Self(object))
    }

    /// Loads a program, after `edit` has seen its instructions.
    pub(super) fn load(
        &self,
        name: &str,
        kind: Kind,
        edit: impl FnOnce(&mut [bpf_insn]),
    ) -> io::Result<OwnedFd> {
        let program = self.0.programs.get(name);
        let function = program.and_then(|program| self.0.functions.get(&program.function_key()));
        let (Some(program), Some(function)) = (program, function) else {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("program {name} is not in the object"),
            ));
        };
        let mut instructions = function.instructions.clone();
        edit(&mut instructions);
        load(name, &instructions, &program.license, kind, &mut []).or_else(|_| {
            // Once more, to be told why: a log makes it slower.
            let mut log = vec![0; LOG_BYTES];
            load(name, &instructions, &program.license, kind, &mut log).map_err(|e| {
                let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
                let told = String::from_utf8_lossy(&log[end.saturating_sub(TOLD_BYTES)..end]).into_owned();
                io::Error::new(e.kind(), format!("{e} {}", told.trim()))
            })
        })
    }
}

fn load(
    name: &str,
    instructions: &[bpf_insn],
    license: &CString,
    kind: Kind,
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    let mut prog_name = [0; 16];
    let length = name.len().min(prog_name.len() - 1);
    prog_name[..length].copy_from_slice(&name.as_bytes()[..length]);
    let attributes = LoadAttributes {
        prog_type: kind.program as u32,
        insn_cnt: instructions.len() as u32,
        insns: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: log.len() as u32,
        log_buf: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        kern_version: 0,
        prog_flags: 0,
        prog_name,
        prog_ifindex: 0,
        expected_attach_type: kind.attach as u32,
        prog_btf_fd: 0,
        func_info_rec_size: 0,
        func_info: 0,
        func_info_cnt: 0,
        line_info_rec_size: 0,
        line_info: 0,
        line_info_cnt: 0,
        attach_btf_id: kind.function,
    };
    // SAFETY: the attributes are those of the command, and what they point to lives until the call returns.
    unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &attributes) }
}

/// A command of `bpf(2)` that returns a descriptor.
///
/// # Safety
/// `attributes` must begin as the command's part of `union bpf_attr`, and what it points to must be there.
pub(super) unsafe fn bpf<T>(command: bpf_cmd, attributes: &T) -> io::Result<OwnedFd> {
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

/// A command of `bpf(2)` that fills its attributes.
///
/// # Safety
/// As of [`bpf`].
pub(super) unsafe fn bpf_raw<T>(command: bpf_cmd, attributes: &mut T) -> io::Result<()> {
    // SAFETY: the caller says so.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command as libc::c_long, std::ptr::from_mut(attributes), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
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
