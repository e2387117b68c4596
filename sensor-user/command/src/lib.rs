//! The subcommands that are not the daemon: each reads files and prints. They run the same rooms as the daemon, on all cores.
//!
//! Knows nothing of the kernel.

pub mod eval;
pub mod facts;
pub mod features;
pub mod filter;
mod page;
mod pool;
pub mod replay;
mod replayed;
pub mod score;
mod script_line;
mod sessions;
mod source_text;
pub mod status;
