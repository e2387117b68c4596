//! The subcommands that are not the daemon: each reads files and prints.

pub mod eval;
pub mod features;
pub mod filter;
pub mod lines;
mod pool;
pub mod replay;
mod report;
pub mod score;
mod source_text;
pub mod status;
