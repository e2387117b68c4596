//! The collector as a library: ingest, store, and what the command line shows.

pub mod address;
mod checkpoint;
pub mod cli;
pub mod clients;
pub mod command;
pub mod ingest;
pub mod jetstream;
mod keeper;
pub mod metrics;
pub mod outlets;
pub mod retention;
mod schema;
pub mod search;
mod searchable;
pub mod server;
pub mod sink;
mod status;
pub mod store;
pub mod tls;
pub mod web;
mod writer;
