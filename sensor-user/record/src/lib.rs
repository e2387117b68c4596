//! Captures as JSON Lines: one object a line, zstd-compressed when the file's name ends in `.zst`.
//!
//! Byte strings are JSON strings when they are UTF-8, and `{"base64": "…"}` when they are not, so that content is kept
//! exactly and a record of ordinary text can be read by eye.

mod lines;
mod recorded;
mod recorder;
mod recording;

pub use lines::{BadLine, LINE_BYTES_MAX, Lines, RecordError};
pub use recorded::Recorded;
pub use recorder::Recorder;
pub use recording::Recording;
