//! Shells that the kernel half stopped until their text is judged.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
};

use aya::maps::{Array, HashMap, Map, MapData, MapError};
use aya_obj::generated::bpf_cmd;
use ebpf::{
    limit::HOLDS_MAX,
    map::{DataSource, HOLD_ALWAYS, HOLD_NEVER, Held, Holding},
};
use tracing::debug;

use crate::{Latch, loader::bpf_raw};

/// The part of `union bpf_attr` for `BPF_MAP_LOOKUP_AND_DELETE_ELEM`.
#[repr(C)]
struct ElementAttributes {
    map_fd: u32,
    reserved: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The table of stopped processes.
pub struct Holds {
    map: HashMap<MapData, u32, Held>,
    fd: OwnedFd,
}

impl Holds {
    pub(crate) fn new(map: Map) -> Result<Self, MapError> {
        let Map::HashMap(data) = &map else { return Err(MapError::InvalidMapType { map_type: 0 }) };
        let fd = data.fd().as_fd().try_clone_to_owned().map_err(MapError::IoError)?;
        Ok(Self { map: HashMap::try_from(map)?, fd })
    }

    /// The table that this descriptor is of.
    pub fn from_fd(fd: OwnedFd) -> Result<Self, MapError> {
        Self::new(Map::from_map_data(MapData::from_fd(fd)?)?)
    }

    /// The table that was pinned here.
    pub fn from_pin(path: &Path) -> Result<Self, MapError> {
        Self::new(Map::from_map_data(MapData::from_pin(path)?)?)
    }

    /// Keeps the table beyond the end of the sensor, under this path of a BPF file system.
    pub fn pin(&self, path: &Path) -> Result<(), String> {
        let data = self.fd.try_clone().map_err(|e| e.to_string())?;
        MapData::from_fd(data).map_err(|e| e.to_string())?.pin(path).map_err(|e| e.to_string())
    }

    /// A descriptor of it.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.fd
    }

    /// What stands there of a process.
    pub fn get(&self, pid: u32) -> Option<Held> {
        self.map.get(&pid, 0).ok()
    }

    /// All of them.
    pub fn all(&self) -> Vec<(u32, Held)> {
        // Entries that come and go meanwhile may be met twice: no more than there can be are taken.
        self.map.iter().filter_map(Result::ok).take(HOLDS_MAX as usize).collect()
    }

    /// Notes of a process that stands there that it goes on, at whatever time somebody looks; false when it does not stand there.
    pub fn let_go(&mut self, pid: u32, held: Held) -> bool {
        const BPF_EXIST: u64 = 2;
        self.map.insert(pid, Held { since_ns: 0, ..held }, BPF_EXIST).is_ok()
    }

    /// Takes out a process that was let go, unless it is held anew.
    pub fn take(&mut self, pid: u32) {
        const BPF_NOEXIST: u64 = 1;
        if self.get(pid).is_none_or(|held| held.since_ns != 0) {
            return;
        }
        match self.look_up_and_delete(pid) {
            // It was held in between.
            Ok(held) if held.since_ns != 0 => {
                if let Err(e) = self.map.insert(pid, held, BPF_NOEXIST) {
                    debug!("map HOLDS: {e}");
                }
            }
            Ok(_) => (),
            Err(e) => debug!("map HOLDS: {e}"),
        }
    }

    /// As the kernel does it in one step, from 5.14 on; before, in two.
    fn look_up_and_delete(&mut self, pid: u32) -> io::Result<Held> {
        let mut held = Held::default();
        let mut attributes = ElementAttributes {
            map_fd: self.fd.as_raw_fd() as u32,
            reserved: 0,
            key: std::ptr::from_ref(&pid) as u64,
            value: std::ptr::from_mut(&mut held) as u64,
            flags: 0,
        };
        // SAFETY: the attributes are those of the command; key and value are of the map's types and outlive the call.
        match unsafe { bpf_raw(bpf_cmd::BPF_MAP_LOOKUP_AND_DELETE_ELEM, &mut attributes) } {
            Ok(()) => Ok(held),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(e),
            Err(_) => {
                let held = self.map.get(&pid, 0).map_err(io::Error::other)?;
                self.map.remove(&pid).map_err(io::Error::other)?;
                Ok(held)
            }
        }
    }
}

/// Which shells the kernel half stops.
pub struct HoldControl {
    holding: Array<MapData, Holding>,
    cgroups: HashMap<MapData, u64, u8>,
    data: HashMap<MapData, u32, DataSource>,
    meddled: HashMap<MapData, u32, u64>,
    latch: Latch,
}

impl HoldControl {
    pub(crate) fn new(
        holding: Array<MapData, Holding>,
        cgroups: HashMap<MapData, u64, u8>,
        data: HashMap<MapData, u32, DataSource>,
        meddled: HashMap<MapData, u32, u64>,
        latch: Latch,
    ) -> Self {
        Self { holding, cgroups, data, meddled, latch }
    }

    /// Says that somebody is there to continue what is stopped; `in_node`: also shells outside of containers are to be stopped.
    pub fn beat(&mut self, now_boot_ns: u64, in_node: bool) {
        self.latch.close();
        self.set(Holding { beat_ns: now_boot_ns, node: u32::from(in_node), reserved: 0 });
    }

    /// Nobody is to be stopped from here on.
    pub fn stop(&mut self) {
        self.set(Holding::default());
    }

    fn set(&mut self, holding: Holding) {
        // The kernel half stops nobody when it does not hear of the sensor.
        if let Err(e) = self.holding.set(0, holding, 0) {
            debug!("map HOLDING: {e}");
        }
    }

    /// Are shells to be stopped no more, and is nobody stopped? Then signals cost what they did before.
    pub fn rest(&mut self) {
        self.latch.open();
    }

    /// Was a process continued by somebody else since then (boot time, ns)? The stop that follows may come after its release.
    pub fn was_meddled_with(&self, pid: u32, since_ns: u64) -> bool {
        self.meddled.get(&pid, 0).is_ok_and(|at_ns| at_ns >= since_ns)
    }

    /// Whether shells of a cgroup are to be stopped.
    pub fn decide(&mut self, cgroup: u64, hold: bool) {
        if let Err(e) = self.cgroups.insert(cgroup, if hold { HOLD_ALWAYS } else { HOLD_NEVER }, 0) {
            debug!("map HOLD_CGROUPS: {e}");
        }
    }

    /// Forgets what was said of cgroups.
    pub fn undecide_all(&mut self) {
        let known: Vec<u64> = self.cgroups.keys().filter_map(Result::ok).take(1 << 16).collect();
        for cgroup in known {
            let _ = self.cgroups.remove(&cgroup);
        }
    }

    /// A process reads data from here: it is not stopped for it.
    pub fn is_data(&mut self, pid: u32, source: DataSource) {
        if let Err(e) = self.data.insert(pid, source, 0) {
            debug!("map HOLD_DATA: {e}");
        }
    }
}
