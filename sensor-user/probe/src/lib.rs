//! The kernel's side seen from userspace: loads the programs, picks a tier, reads events, and inspects executables.
//!
//! Knows nothing of scripts: its products are events and executables.

mod control;
mod counters;
mod executables;
mod holds;
mod inspect;
mod inspector;
mod kernel_types;
mod latch;
mod lineage;
mod loader;
mod losses;
mod programs;
mod reader;
mod self_test;
mod skips;
mod tier;
mod uprobe_multi;
mod uprobes;

pub use control::Control;
pub use counters::{Counters, KernelCounts};
pub use executables::{Executables, Lookup};
pub use holds::{HoldControl, Holds};
pub use inspector::{Inspector, Ticket};
pub use latch::Latch;
pub use lineage::{Lineage, Process};
pub use losses::Losses;
pub use programs::{Parts, Probe, ProbeError, Settings};
pub use reader::{Reader, Waker};
pub use self_test::SelfTest;
pub use skips::Skips;
pub use tier::Tier;
