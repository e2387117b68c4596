//! The sensor's state over HTTP, on loopback unless told otherwise: `/status` for `sensor status`, `/healthz` and `/readyz` for
//! probes, `/metrics` in the OpenMetrics format. No script text passes here.
//!
//! Knows nothing of what is counted: every room registers its own metrics.

mod connections;
mod readings;
mod server;
mod status;

pub use readings::{PREFIX, readings};
pub use server::{State, Tells, serve};
pub use status::Status;
