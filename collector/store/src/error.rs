//! Why the store cannot be used.

use std::path::PathBuf;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the store {0} cannot be opened: {1}")]
    Open(PathBuf, rusqlite::Error),
    /// It was written by a newer collector.
    #[error("the store {0} has schema version {1}, newer than this collector's {2}: upgrade the collector")]
    Newer(PathBuf, i64, i64),
    /// A copy could not be begun.
    #[error("the store is not copied to {0}: something else locks one of them: end it, and try again")]
    Backup(PathBuf),
    /// Something was taken in that does not come into the database.
    #[error(
        "findings that were taken in are in {0} and not in the database yet, and it takes too long: does the collector run? It brings them there"
    )]
    Backlog(PathBuf),
    /// It cannot be seen whether a file is there.
    #[error("{0} cannot be looked at: {1}")]
    Look(PathBuf, std::io::Error),
    /// SQLite failed.
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row does not hold a finding.
    #[error("a stored finding is damaged: {0}")]
    Damaged(#[from] prost::DecodeError),
}

impl StoreError {
    /// Is it something on the disk that no other attempt makes whole?
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(e) => e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt),
            _ => false,
        }
    }
}
