//! The machine the sensor runs on.

use std::path::PathBuf;

use nix::time::{ClockId, clock_gettime};

/// What names the node and the place where its findings go.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name of the node.
    pub name: String,
    /// Random id of this boot, from the kernel.
    pub boot_id: String,
    /// Google Cloud project, number or id; "-" when there is none.
    pub project: String,
    /// Security Command Center source id.
    pub source: String,
    /// Location of the findings, such as `global`.
    pub location: String,
    /// Full resource name of the cluster or machine, where known.
    pub resource_name: String,
}

/// A file of the kernel could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct NodeError {
    path: PathBuf,
    source: std::io::Error,
}

impl Node {
    /// The node with what the kernel knows of it, and these names for the rest.
    pub fn of_this_machine(
        name: Option<String>,
        project: &str,
        source: &str,
        location: &str,
    ) -> Result<Self, NodeError> {
        let read = |path: &str| {
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|source| NodeError { path: path.into(), source })
        };
        let name = match name {
            Some(name) => name,
            None => read("/proc/sys/kernel/hostname")?,
        };
        Ok(Self {
            resource_name: format!("//scriptwatch/nodes/{name}"),
            name,
            boot_id: read("/proc/sys/kernel/random/boot_id")?,
            project: project.to_owned(),
            source: source.to_owned(),
            location: location.to_owned(),
        })
    }
}

fn now_ns(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |t| t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
}

/// Nanoseconds since boot, sleep included: the kernel half's clock.
pub fn now_boot_ns() -> u64 {
    now_ns(ClockId::CLOCK_BOOTTIME)
}

/// Unix time of the boot in nanoseconds, by the clock as it is now.
pub fn boot_unix_ns() -> u64 {
    now_ns(ClockId::CLOCK_REALTIME).saturating_sub(now_boot_ns())
}
