//! The kernel's side seen from userspace: loading the programs, picking a tier, reading typed events.
//!
//! Knows nothing of scripts: it hands over events and classes executables.

pub mod classify;
mod counters;
pub mod event;
pub mod functions;
mod offsets;
mod programs;
mod reader;
mod tier;
mod uprobes;

pub use counters::{Counters, KernelCounts};
pub use programs::{Probe, ProbeError, Settings};
pub use reader::{Alarm, Control, Reader};
pub use tier::Tier;
