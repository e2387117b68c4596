//! The collector: its command line, and the wiring of its rooms. Data goes one way: ingest → store → sinks and page.

pub mod address;
mod admin;
pub mod cli;
pub mod command;
mod error;
mod outlets;
mod process;
pub mod server;

pub use error::ServerError;
