//! Brings what was committed from the write-ahead log into the database, beside the writer, so that no batch waits for it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use metrics::Metrics;
use rusqlite::Connection;
use stage::Supervisor;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;

/// How often.
const PERIOD: Duration = Duration::from_millis(500);

/// Starts it; it ends within a period when `stop` is cancelled. How large the files are is told as metrics.
pub fn start(
    path: &Path,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    supervisor: &Supervisor,
) -> Result<(), StoreError> {
    let failed = |e| StoreError::Open(path.to_owned(), e);
    let connection = Connection::open(path).map_err(failed)?;
    // As the writer has it: a checkpoint syncs the log before it writes the database, and the database after.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let (database, log) = (path.to_owned(), log_of(path));
    let checkpoints = move || {
        while !stop.is_cancelled() {
            // It does as much as readers let it, and never makes the writer wait. A failure, a full disk mostly, is the
            // writer's to tell.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            metrics.store_size.set(size_of(&database));
            metrics.store_log_size.set(size_of(&log));
            thread::sleep(PERIOD);
        }
    };
    // Without a thread the writer does it, late.
    let _ = supervisor.thread("checkpoint", checkpoints);
    Ok(())
}

/// The write-ahead log of a database.
fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Bytes of a file; 0 when it is not there.
fn size_of(path: &Path) -> i64 {
    std::fs::metadata(path).map_or(0, |file| i64::try_from(file.len()).unwrap_or(i64::MAX))
}
