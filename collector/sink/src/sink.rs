//! What a sink is.

use std::future::Future;

use store::Stored;

/// What a sink says of a finding that it did not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It may take it later.
    #[error("{0}")]
    Later(String),
    /// It will never take it.
    #[error("{0}")]
    Never(String),
}

/// Takes findings, one after the other.
pub trait Sink: Send {
    /// Its name, under which its place in the store is noted.
    fn name(&self) -> String;

    /// When more findings than this wait for it, it is given the urgent ones first, and the newest of them: it takes so few that
    /// the others would be late. `None`: always in the order in which they were stored.
    fn behind_beyond(&self) -> Option<i64> {
        None
    }

    /// Writes a finding; when this returns it is written.
    fn write(&mut self, stored: &Stored) -> impl Future<Output = Result<(), SinkError>> + Send;
}
