//! Times of a finding.

use jiff::Timestamp as Instant;
use proto::well_known::Timestamp;

/// Nanoseconds of Unix time as Protobuf has them.
pub(crate) fn timestamp(unix_ns: u64) -> Timestamp {
    Timestamp { seconds: (unix_ns / 1_000_000_000) as i64, nanos: (unix_ns % 1_000_000_000) as i32 }
}

/// Nanoseconds of Unix time as RFC 3339 has them, in UTC with `Z`; empty for a time that no calendar holds.
pub(crate) fn rfc3339(unix_ns: u64) -> String {
    Instant::from_nanosecond(i128::from(unix_ns)).map(|at| at.to_string()).unwrap_or_default()
}
