//! Findings in an SQLite database, one row each: what writes it, what is asked of it, and what it forgets.
//!
//! Knows nothing of how findings came in or where they go on to.

mod backlog;
pub mod checkpoint;
mod columns;
mod error;
mod filing;
mod forgetting;
mod handle;
mod hearing;
mod incoming;
pub mod intake;
mod retention;
mod schema;
mod search;
mod sensors;
#[allow(clippy::module_inception, reason = "the crate is the room, the file its noun")]
mod store;
mod stored;
mod summary;
mod timeline;
mod turns;
mod volume;
pub mod writer;

pub use backlog::Backlog;
pub use columns::Columns;
pub use error::StoreError;
pub use handle::{Batch, Part, Progress, StoreHandle, WAITING, Write, Writing};
pub use hearing::Hearing;
pub use incoming::Incoming;
pub use retention::{Limits, Retention};
pub use search::{Cursor, Search, moment};
pub use sensors::{Health, Sensor, State, View, Word};
pub use store::{Place, Store};
pub use stored::Stored;
pub use summary::Summary;
