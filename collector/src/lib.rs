//! The collector as a library: ingest, store, and what the command line shows.

pub mod command;
pub mod ingest;
pub mod server;
pub mod store;
mod writer;
