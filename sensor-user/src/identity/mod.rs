//! Who ran it: the node, and processes as /proc shows them.
//!
//! Knows nothing of scripts or findings.

mod node;
mod process;

pub use node::{Node, boot_unix_ns, now_boot_ns};
pub use process::ProcessFacts;
