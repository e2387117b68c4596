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
    map::{DataSource, HOLD_ALWAYS, HOLD_NEVER, Held, Holding, LetGo},
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

/// The table of stopped processes, and which of those stops have been ended.
pub struct Holds {
    map: HashMap<MapData, u32, Held>,
    fd: OwnedFd,
    /// Not of a sensor that is gone: its programs stop nobody any more.
    let_go: Option<(HashMap<MapData, LetGo, u8>, OwnedFd)>,
}

/// How a process left the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// As it was let go.
    Out,
    /// It did not: it is held anew.
    HeldAnew,
    /// Nobody can say that it was not held anew in between: kernels before 5.14 look up and delete in two steps.
    Unsure,
}

fn duplicate(map: &MapData) -> Result<OwnedFd, MapError> {
    map.fd().as_fd().try_clone_to_owned().map_err(MapError::IoError)
}

impl Holds {
    pub(crate) fn new(map: Map, let_go: Map) -> Result<Self, MapError> {
        let Map::LruHashMap(data) = &let_go else { return Err(MapError::InvalidMapType { map_type: 0 }) };
        let let_go = (duplicate(data)?, HashMap::try_from(let_go)?);
        Ok(Self { let_go: Some((let_go.1, let_go.0)), ..Self::without(map)? })
    }

    fn without(map: Map) -> Result<Self, MapError> {
        let Map::HashMap(data) = &map else { return Err(MapError::InvalidMapType { map_type: 0 }) };
        let fd = duplicate(data)?;
        Ok(Self { map: HashMap::try_from(map)?, fd, let_go: None })
    }

    /// The tables that these descriptors are of.
    pub fn from_fds(table: OwnedFd, let_go: OwnedFd) -> Result<Self, MapError> {
        let map = |fd| Map::from_map_data(MapData::from_fd(fd)?);
        Self::new(map(table)?, map(let_go)?)
    }

    /// The table that was pinned here.
    pub fn from_pin(path: &Path) -> Result<Self, MapError> {
        Self::without(Map::from_map_data(MapData::from_pin(path)?)?)
    }

    /// Keeps the table beyond the end of the sensor, under this path of a BPF file system.
    pub fn pin(&self, path: &Path) -> Result<(), String> {
        let data = self.fd.try_clone().map_err(|e| e.to_string())?;
        MapData::from_fd(data).map_err(|e| e.to_string())?.pin(path).map_err(|e| e.to_string())
    }

    /// The descriptors for [`Self::from_fds`].
    pub fn descriptors(&self) -> [&OwnedFd; 2] {
        [&self.fd, self.let_go.as_ref().map_or(&self.fd, |(_, fd)| fd)]
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

    /// Notes that a stop has ended: whoever continues the process from here on does no harm.
    pub fn let_go(&mut self, pid: u32, held: &Held) -> Result<(), MapError> {
        let stop = LetGo { since_ns: held.since_ns, tgid: pid, reserved: 0 };
        self.let_go.as_mut().map_or(Ok(()), |(map, _)| map.insert(stop, 1, 0))
    }

    /// Was it noted that this stop has ended?
    pub fn is_let_go(&self, pid: u32, held: &Held) -> bool {
        let stop = LetGo { since_ns: held.since_ns, tgid: pid, reserved: 0 };
        self.let_go.as_ref().is_some_and(|(map, _)| map.get(&stop, 0).is_ok())
    }

    /// Takes out a process whose stop has ended, unless it is held anew.
    pub fn take(&mut self, pid: u32, held: &Held) -> Taken {
        const BPF_NOEXIST: u64 = 1;
        if self.get(pid).is_none_or(|now| now.since_ns != held.since_ns) {
            return Taken::HeldAnew;
        }
        match self.look_up_and_delete(pid) {
            Ok(Some(now)) if now.since_ns != held.since_ns => {
                // If that fails it is held once more since.
                if let Err(e) = self.map.insert(pid, now, BPF_NOEXIST) {
                    debug!("map HOLDS: {e}");
                }
                Taken::HeldAnew
            }
            Ok(Some(_)) => Taken::Out,
            Ok(None) => Taken::Unsure,
            Err(e) => {
                debug!("map HOLDS: {e}");
                Taken::Unsure
            }
        }
    }

    /// As the kernel does it in one step, from 5.14 on; before, it only deletes, and what was there is not known.
    fn look_up_and_delete(&mut self, pid: u32) -> io::Result<Option<Held>> {
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
            Ok(()) => Ok(Some(held)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(e),
            Err(_) => self.map.remove(&pid).map(|()| None).map_err(io::Error::other),
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
