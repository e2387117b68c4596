//! What the command line shows of the store.

pub mod list;
pub mod show;
pub(crate) mod summary;
pub mod tail;

use jiff::{Span, Timestamp};

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// SCC's JSON, one object a line.
    Json,
}

/// A time, or how long ago; Unix time in ns.
pub fn moment(text: &str) -> Result<i64, String> {
    let at = match text.parse::<Timestamp>() {
        Ok(at) => Some(at),
        Err(_) => text
            .parse::<Span>()
            .ok()
            .and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok())
            .and_then(|ago| Timestamp::now().checked_sub(ago).ok()),
    };
    let at = at.ok_or("a time such as 2027-01-31T10:00Z, or how long ago, such as 1h or 7d, is expected")?;
    i64::try_from(at.as_nanosecond()).map_err(|e| e.to_string())
}
