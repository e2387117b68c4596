//! The kernel's side seen from userspace: loads the programs, picks a tier, reads events, and inspects executables.
//!
//! Knows nothing of scripts: its products are events and executables.

mod counters;
mod executables;
mod inspect;
mod offsets;
mod programs;
mod reader;
mod tier;
mod uprobes;

pub use counters::{Counters, KernelCounts};
pub use executables::Executables;
pub use programs::{Probe, ProbeError, Settings};
pub use reader::{Control, Reader, Waker};
pub use tier::Tier;
