//! Batches that were taken in and are not in the database yet, in a file of their own.
//!
//! It is only appended to and read in that order, so a finding costs a tenth of what it does in the database with its indexes.
//! SQLite keeps it whole across a kill and a power cut.

use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use prost::Message;
use rusqlite::{Connection, OpenFlags, params};

use crate::{
    error::StoreError,
    handle::{Batch, Part},
    incoming::Incoming,
};

/// How long others that read the file may hold up its writer.
const BUSY: Duration = Duration::from_secs(10);
/// Bytes of a page, and pages that the file keeps when it is empty.
const PAGE_BYTES: u32 = 32 * 1024;
const EMPTY_BYTES: u32 = 16 * 1024 * 1024;
const EMPTY_PAGES: u32 = EMPTY_BYTES / PAGE_BYTES;
/// Pages that its write-ahead log may have before what is in it is brought into the file.
const LOG_PAGES: u32 = 256 * 1024 * 1024 / PAGE_BYTES;
/// Bytes of the findings in a row, about.
const ROW_BYTES: usize = 64 * 1024;
/// How often a reader looks whether it was emptied.
const POLL: Duration = Duration::from_millis(50);

/// A row of the file.
#[derive(Clone, PartialEq, Message)]
struct Kept {
    #[prost(message, repeated, tag = "1")]
    parts: Vec<KeptPart>,
}

#[derive(Clone, PartialEq, Message)]
struct KeptPart {
    #[prost(string, tag = "1")]
    node: String,
    #[prost(message, repeated, tag = "2")]
    findings: Vec<KeptFinding>,
}

#[derive(Clone, PartialEq, Message)]
struct KeptFinding {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bytes = "bytes", tag = "2")]
    message: Bytes,
    #[prost(uint64, tag = "3")]
    revision: u64,
}

/// Some of what waits, in its order.
#[derive(Default)]
pub(crate) struct Portion {
    /// The number of the last of it; the next ones are higher.
    pub(crate) last: i64,
    pub(crate) parts: Vec<Part>,
}

/// The file. One process writes it.
pub struct Backlog {
    connection: Connection,
    /// Bytes of what waits.
    bytes: u64,
    /// The highest number given.
    last: i64,
    /// For what is encoded.
    buffer: Vec<u8>,
}

impl Backlog {
    /// Opens that of a database; makes it when it is not there.
    pub fn open(database: &Path) -> Result<Self, StoreError> {
        let path = of(database);
        let failed = |e| StoreError::Open(path.clone(), e);
        let connection = Connection::open(&path).map_err(failed)?;
        connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(failed)?;
        // One sync for what is appended. The log is brought in when it is long, or while nothing comes.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(failed)?;
        connection.pragma_update(None, "journal_size_limit", EMPTY_BYTES).map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS taken (
                     number INTEGER PRIMARY KEY AUTOINCREMENT,
                     bytes INTEGER NOT NULL,
                     findings BLOB NOT NULL
                 ) STRICT",
            )
            .map_err(failed)?;
        let (bytes, last): (i64, i64) = connection
            .query_row(
                "SELECT COALESCE(SUM(bytes), 0), COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'taken'), 0) FROM taken",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .map_err(failed)?;
        Ok(Self { connection, bytes: bytes.unsigned_abs(), last, buffer: Vec::new() })
    }

    /// Gives back the disk's room that an empty file and its log take.
    pub(crate) fn shrink(&self) -> Result<(), StoreError> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        let pages: u32 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        if pages > EMPTY_PAGES {
            self.connection.execute_batch("VACUUM")?;
        }
        Ok(())
    }

    /// Bytes of the findings that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The highest number that was given.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    /// Appends batches and removes those up to a number; returns when that is on the disk.
    pub(crate) fn append(&mut self, batches: &[Batch], done: i64) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        let gone: i64 = transaction
            .prepare_cached("SELECT COALESCE(SUM(bytes), 0) FROM taken WHERE number <= ?1")?
            .query_row([done], |row| row.get(0))?;
        transaction.prepare_cached("DELETE FROM taken WHERE number <= ?1")?.execute([done])?;
        let (mut bytes, mut last) = (self.bytes.saturating_sub(gone.unsigned_abs()), self.last);
        for group in rows(batches) {
            let size: usize = group.iter().map(Batch::bytes).sum();
            let parts = group.iter().flat_map(|batch| &batch.parts).map(kept);
            self.buffer.clear();
            // It grows as it must.
            let _ = Kept { parts: parts.collect() }.encode(&mut self.buffer);
            transaction
                .prepare_cached("INSERT INTO taken (bytes, findings) VALUES (?1, ?2)")?
                .execute(params![size as i64, self.buffer])?;
            last = transaction.last_insert_rowid();
            bytes += size as u64;
        }
        transaction.commit()?;
        (self.bytes, self.last) = (bytes, last);
        Ok(())
    }

    /// What waits behind a number: so many findings or so many bytes, or a little more.
    pub(crate) fn after(&self, number: i64, findings: usize, bytes: usize) -> Result<Portion, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT number, findings FROM taken WHERE number > ?1 ORDER BY number")?;
        let mut rows = statement.query([number])?;
        let mut portion = Portion { last: number, parts: Vec::new() };
        let (mut count, mut size) = (0, 0);
        while count < findings
            && size < bytes
            && let Some(row) = rows.next()?
        {
            portion.last = row.get(0)?;
            let kept: Vec<u8> = row.get(1)?;
            size += kept.len();
            let kept = Kept::decode(Bytes::from(kept)).unwrap_or_else(|e| {
                let number = portion.last;
                tracing::error!("row {number} of the backlog was damaged on the disk, and is lost: {e}");
                Kept::default()
            });
            for KeptPart { node, findings } in kept.parts {
                count += findings.len();
                let findings = findings.into_iter().map(|KeptFinding { name, message, revision }| Incoming {
                    name,
                    message,
                    revision,
                });
                portion.parts.push(Part { node, findings: findings.collect() });
            }
        }
        Ok(portion)
    }

    /// Waits until what waits now is in the database. An error when that takes longer than `limit`: then nobody brings it there.
    pub fn wait(database: &Path, limit: Duration) -> Result<(), StoreError> {
        let path = of(database);
        if !path.exists() {
            return Ok(());
        }
        let failed = |e| StoreError::Open(path.clone(), e);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
        let last = number("SELECT COALESCE(MAX(number), 0) FROM taken")?;
        let begun = Instant::now();
        while number("SELECT COALESCE(MIN(number), 9223372036854775807) FROM taken")? <= last {
            if begun.elapsed() > limit {
                return Err(StoreError::Backlog(path));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// Batches that make a row each: few rows, and none so large that it is out of the processor's cache before it is written.
fn rows(batches: &[Batch]) -> impl Iterator<Item = &[Batch]> {
    let mut bytes = 0;
    batches.chunk_by(move |batch, _| {
        bytes += batch.bytes();
        let is_more = bytes < ROW_BYTES;
        if !is_more {
            bytes = 0;
        }
        is_more
    })
}

fn kept(part: &Part) -> KeptPart {
    let findings = part.findings.iter().map(|finding| KeptFinding {
        name: finding.name.clone(),
        message: finding.message.clone(),
        revision: finding.revision,
    });
    KeptPart { node: part.node.clone(), findings: findings.collect() }
}

/// The file of a database.
pub(crate) fn of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-backlog");
    name.into()
}
