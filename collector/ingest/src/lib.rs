//! Takes findings in over gRPC: streams of batches, certificates and tokens, and how much one client may ask for.
//!
//! Hands batches to whoever writes the store, and knows nothing of what is read from it.

pub mod accept;
mod claim;
mod clients;
mod head;
pub mod keys;
mod peer;
mod service;
mod signature;
pub mod tls;
pub mod token;

pub use clients::{ClientLimits, Clients};
pub use service::Ingest;
