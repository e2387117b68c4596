//! Brings what was committed from the write-ahead log into the database, beside the writer, so that no batch waits for it.

use std::{path::Path, thread, time::Duration};

use rusqlite::Connection;
use stage::Supervisor;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;

/// How often.
const PERIOD: Duration = Duration::from_millis(500);

/// Starts it; it ends within a period when `stop` is cancelled.
pub fn start(path: &Path, stop: CancellationToken, supervisor: &Supervisor) -> Result<(), StoreError> {
    let failed = |e| StoreError::Open(path.to_owned(), e);
    let connection = Connection::open(path).map_err(failed)?;
    // As the writer has it: a checkpoint syncs the log before it writes the database, and the database after.
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let checkpoints = move || {
        while !stop.is_cancelled() {
            // It does as much as readers let it, and never makes the writer wait. A failure, a full disk mostly, is the
            // writer's to tell.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            thread::sleep(PERIOD);
        }
    };
    // Without a thread the writer does it, late.
    let _ = supervisor.thread("checkpoint", checkpoints);
    Ok(())
}
