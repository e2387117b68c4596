//! Takes findings in over gRPC: streams of batches, certificates, and how much one client may ask for.
//!
//! Hands batches to whoever writes the store, and knows nothing of what is read from it.

pub mod accept;
mod claim;
mod clients;
mod service;
pub mod tls;

pub use clients::{ClientLimits, Clients};
pub use service::Ingest;
