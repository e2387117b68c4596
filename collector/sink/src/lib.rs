//! Where stored findings go on to: each sink follows the store from a place of its own.
//!
//! Knows nothing of how findings came in.

mod filter;
mod follow;
mod format;
mod json_lines;
mod ocsf;
mod scc;
#[allow(clippy::module_inception, reason = "the crate is the room, the file its noun")]
mod sink;
mod webhook;

pub use filter::{Filter, MinSeverity};
pub use follow::{Source, follow};
pub use format::Format;
pub use json_lines::JsonLines;
pub use scc::{ENDPOINT as SCC_ENDPOINT, Options as SccOptions, SecurityCommandCenter};
pub use sink::{Sink, SinkError};
pub use webhook::{Options as WebhookOptions, Webhook};
