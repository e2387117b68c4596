//! The subcommands that are not the daemon: each reads files and prints.

pub mod features;
pub mod lines;
pub mod replay;
pub mod score;
pub mod status;
