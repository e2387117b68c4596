//! Who ran it: the node, and processes as /proc shows them.
//!
//! Knows nothing of scripts or findings.

mod node;
mod process;

pub use node::{boot_unix_ns, now_boot_ns, Node};
pub use process::ProcessFacts;
