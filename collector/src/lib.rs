//! The collector as a library: ingest, store, and what the command line shows.

pub mod command;
pub mod ingest;
pub mod retention;
mod schema;
pub mod search;
mod searchable;
pub mod server;
pub mod sink;
pub mod store;
pub mod tls;
mod writer;
