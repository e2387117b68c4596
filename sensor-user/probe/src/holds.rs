//! Shells that the kernel half stopped until their text is judged.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use aya::maps::{Array, HashMap, Map, MapData, MapError};
use ebpf::{
    limit::HOLDS_MAX,
    map::{DataSource, HOLD_ALWAYS, HOLD_NEVER, Held, Holding, Shell, Stop},
};
use tracing::debug;

use crate::Latch;

/// The table of stops that have not ended.
pub struct Holds {
    map: HashMap<MapData, Stop, Held>,
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

    /// What stands there of a stop.
    pub fn get(&self, stop: Stop) -> Option<Held> {
        self.map.get(&stop, 0).ok()
    }

    /// All of them.
    pub fn all(&self) -> Vec<(Stop, Held)> {
        // Entries that come and go meanwhile may be met twice: no more than there can be are taken.
        self.map.iter().filter_map(Result::ok).take(HOLDS_MAX as usize).collect()
    }

    /// Notes that a stop ends: whoever continues the process from here on does no harm. False when it does not stand there any more.
    pub fn let_go(&mut self, stop: Stop, held: Held) -> bool {
        const BPF_EXIST: u64 = 2;
        self.map.insert(stop, Held { is_let_go: 1, ..held }, BPF_EXIST).is_ok()
    }

    /// Takes a stop out.
    pub fn remove(&mut self, stop: Stop) {
        // Somebody else may have done so.
        let _ = self.map.remove(&stop);
    }
}

/// Which shells the kernel half stops.
pub struct HoldControl {
    holding: Array<MapData, Holding>,
    cgroups: HashMap<MapData, u64, u8>,
    data: HashMap<MapData, u32, DataSource>,
    meddled: HashMap<MapData, u32, u64>,
    shells: HashMap<MapData, u32, Shell>,
    latch: Latch,
}

impl HoldControl {
    pub(crate) fn new(
        holding: Array<MapData, Holding>,
        cgroups: HashMap<MapData, u64, u8>,
        data: HashMap<MapData, u32, DataSource>,
        meddled: HashMap<MapData, u32, u64>,
        shells: HashMap<MapData, u32, Shell>,
        latch: Latch,
    ) -> Self {
        Self { holding, cgroups, data, meddled, shells, latch }
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

    /// The last stop of a process.
    pub fn last_stop(&self, pid: u32) -> Option<Stop> {
        let since_ns = self.shells.get(&pid, 0).ok()?.held_ns;
        (since_ns != 0).then_some(Stop { since_ns, tgid: pid, reserved: 0 })
    }

    /// Was a process continued by somebody else during this stop? The stop that follows may come after its release.
    pub fn was_meddled_with(&self, stop: Stop) -> bool {
        self.meddled.get(&stop.tgid, 0).is_ok_and(|at_ns| at_ns >= stop.since_ns)
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
