//! The spool's file: an SQLite database with a write-ahead log, synced at every commit.
//!
//! SQLite checks the frames of its log and cuts a torn tail; each record has a checksum of its own besides, since pages
//! of the database have none. A file that is no database any more is set aside, and what can be read of it is kept.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proto::ingest::Envelope;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::entry::{Entry, Limits};

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DiskError {
    /// The directory cannot be made.
    #[error("{0}: {1}")]
    Directory(PathBuf, std::io::Error),
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl DiskError {
    /// Does another sensor have it?
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Sqlite(e) if matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)))
    }
}

/// Time is what the sensor ran for, not what the clock says: a clock that jumps must not make findings old.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS finding (
    sequence INTEGER PRIMARY KEY,
    spooled_s INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    message BLOB NOT NULL,
    owner INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), seconds INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO clock VALUES (1, 0);
CREATE TABLE IF NOT EXISTS run (one INTEGER PRIMARY KEY CHECK (one = 1), ended INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO run VALUES (1, 1);
";

/// Bytes of the headers of a frame of the log, and of the log.
const FRAME_HEADER: u64 = 24;
const LOG_HEADER: u64 = 32;

/// What was found in a spool.
pub(super) struct Opened {
    /// Damaged records that were cut off.
    pub(super) damaged: u64,
    /// Findings of an earlier run.
    pub(super) left: u64,
    /// That run did not end as it was asked to.
    pub(super) unclean_end: bool,
}

/// The open file.
pub(super) struct Disk {
    path: PathBuf,
    connection: Connection,
    /// Delivered up to here, but not deleted yet.
    delivered: u64,
    len: u64,
    bytes: u64,
    last: u64,
    newest: u64,
    /// Seconds that sensors ran with this spool, up to when this one opened it.
    clock_s: u64,
    opened: Instant,
}

impl Disk {
    /// Opens the spool in a directory, and waits at most so long for whoever has it open.
    pub(super) fn open(directory: &Path, wait: Duration) -> Result<(Self, Opened), DiskError> {
        fs::create_dir_all(directory).map_err(|e| DiskError::Directory(directory.to_owned(), e))?;
        let path = directory.join("spool.db");
        // A file shorter than its header is an empty database to SQLite.
        let is_stub = fs::metadata(&path).is_ok_and(|file| (1..100).contains(&file.len()));
        let torn = u64::from(has_torn_tail(&path)) + u64::from(is_stub);
        let (disk, damaged) = match Self::open_file(&path, wait) {
            Ok(disk) => (disk, torn),
            Err(e) if is_damage(&e) => {
                let (entries, aside) = (salvage(&path), set_aside(&path));
                tracing::warn!("the spool was damaged ({e}); it is kept as {}", aside.display());
                let mut disk = Self::open_file(&path, wait)?;
                if let Err(e) = disk.append(&entries) {
                    tracing::warn!("what could be read of it cannot be written: {e}");
                }
                (disk, torn + 1)
            }
            Err(e) => return Err(e.into()),
        };
        let ended: bool = disk.connection.query_row("SELECT ended FROM run", [], |row| row.get(0))?;
        let opened = Opened { damaged, left: disk.len, unclean_end: !ended };
        Ok((disk, opened))
    }

    /// Notes that a run is under way. On a disk that is full nothing can be noted.
    pub(super) fn begin_run(&mut self) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE run SET ended = 0", []).map(|_| ())
    }

    /// Notes that the run ends as it was asked to.
    pub(super) fn end(&mut self) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE run SET ended = 1", []).map(|_| ())
    }

    /// Adds to all sequence numbers, so that what is there comes after what has lower ones.
    pub(super) fn move_behind(&mut self, offset: u64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        // By way of negative ones, so that no two are equal in between.
        transaction.execute("UPDATE finding SET sequence = -sequence - ?1", [offset as i64])?;
        transaction.execute("UPDATE finding SET sequence = -sequence", [])?;
        transaction.commit()?;
        self.last += offset;
        self.newest += offset;
        Ok(())
    }

    fn open_file(path: &Path, wait: Duration) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(wait)?;
        // Two sensors over one spool would send everything twice.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", 4 * 1024 * 1024)?;
        // Read once, in order: there is nothing to remember.
        connection.pragma_update(None, "cache_size", -256)?;
        connection.execute_batch(SCHEMA)?;
        // Spools of earlier versions do not say whose a finding is.
        if !connection.column_exists(None, "finding", "owner")? {
            connection.execute_batch("ALTER TABLE finding ADD COLUMN owner INTEGER NOT NULL DEFAULT 0")?;
        }
        connection.execute_batch("CREATE INDEX IF NOT EXISTS finding_owner ON finding (owner)")?;
        let check: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                Some(check),
            ));
        }
        let clock_s: i64 = connection.query_row("SELECT seconds FROM clock", [], |row| row.get(0))?;
        let mut disk = Self {
            path: path.to_owned(),
            connection,
            delivered: 0,
            len: 0,
            bytes: 0,
            last: 0,
            newest: 0,
            clock_s: clock_s as u64,
            opened: Instant::now(),
        };
        disk.count()?;
        Ok(disk)
    }

    fn count(&mut self) -> rusqlite::Result<()> {
        let sql = "SELECT COUNT(*), COALESCE(SUM(LENGTH(message)), 0), COALESCE(MAX(sequence), 0) FROM finding WHERE sequence > ?1";
        let (len, bytes, last): (i64, i64, i64) =
            self.connection
                .query_row(sql, [self.delivered as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        (self.len, self.bytes, self.newest) = (len as u64, bytes as u64, last as u64);
        self.last = self.last.max(self.newest);
        Ok(())
    }

    /// Findings in it.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of their messages.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The highest sequence number that was in it.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The highest sequence number that is in it.
    pub(super) fn newest(&self) -> u64 {
        if self.len == 0 { 0 } else { self.newest }
    }

    fn now_s(&self) -> u64 {
        self.clock_s + self.opened.elapsed().as_secs()
    }

    /// All of them, or none.
    pub(super) fn append(&mut self, entries: &[Entry]) -> rusqlite::Result<()> {
        let now = self.now_s();
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO finding VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
            for Entry { sequence, owner, envelope } in entries {
                let (revision, crc32) = (envelope.revision as i64, i64::from(envelope.crc32));
                insert.execute(params![
                    *sequence as i64,
                    now as i64,
                    revision,
                    crc32,
                    &envelope.finding[..],
                    *owner as i64
                ])?;
            }
            transaction.execute("UPDATE clock SET seconds = ?1", [now as i64])?;
        }
        transaction.commit()?;
        self.len += entries.len() as u64;
        self.bytes += entries.iter().map(Entry::bytes).sum::<u64>();
        self.newest = entries.last().map_or(self.newest, |entry| self.newest.max(entry.sequence));
        self.last = self.last.max(self.newest);
        Ok(())
    }

    /// The oldest after a sequence number, and how many were damaged and dropped.
    pub(super) fn after(
        &mut self,
        sequence: u64,
        count: usize,
        bytes: u64,
    ) -> rusqlite::Result<(Vec<Entry>, u64)> {
        let (mut found, mut damaged, mut sum) = (Vec::new(), Vec::new(), 0);
        {
            let mut statement = self.connection.prepare_cached(
                "SELECT sequence, revision, crc32, message, owner FROM finding WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            )?;
            let from = sequence.max(self.delivered);
            let mut rows = statement.query(params![from as i64, count as i64])?;
            while let Some(row) = rows.next()? {
                let entry = entry_of(row)?;
                if !entry.envelope.is_whole() {
                    damaged.push(entry.sequence);
                    continue;
                }
                if !found.is_empty() && sum + entry.bytes() > bytes {
                    break;
                }
                sum += entry.bytes();
                found.push(entry);
            }
        }
        for sequence in &damaged {
            self.connection.execute("DELETE FROM finding WHERE sequence = ?1", [*sequence as i64])?;
        }
        if !damaged.is_empty() {
            self.count()?;
        }
        Ok((found, damaged.len() as u64))
    }

    /// Everything up to a sequence number is delivered. On a disk that is full even deleting can fail; such findings are
    /// not handed out again, and go with the file when the last of them is delivered.
    pub(super) fn remove_up_to(&mut self, sequence: u64) -> rusqlite::Result<()> {
        let (len, bytes): (i64, i64) = self
            .connection
            .prepare_cached(
                "SELECT COUNT(*), COALESCE(SUM(LENGTH(message)), 0) FROM finding WHERE sequence > ?1 AND sequence <= ?2",
            )?
            .query_row([self.delivered as i64, sequence as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.len = self.len.saturating_sub(len as u64);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
        let deleted = self
            .connection
            .prepare_cached("DELETE FROM finding WHERE sequence <= ?1")?
            .execute([sequence as i64]);
        match deleted {
            Ok(_) => {
                self.delivered = 0;
                Ok(())
            }
            Err(_) if self.len == 0 => self.begin_anew(),
            Err(e) => {
                self.delivered = sequence;
                Err(e)
            }
        }
    }

    /// Makes the file anew, which needs no room on the disk.
    fn begin_anew(&mut self) -> rusqlite::Result<()> {
        // The old connection lets go of its files first.
        self.connection = Connection::open_in_memory()?;
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(log_of(&self.path));
        let mut fresh = Self::open_file(&self.path, Duration::ZERO)?;
        // The disk may be full again.
        let _ = fresh.begin_run();
        self.connection = fresh.connection;
        self.delivered = 0;
        Ok(())
    }

    /// When the oldest was written down.
    fn oldest(&self) -> rusqlite::Result<Option<u64>> {
        let mut statement =
            self.connection.prepare_cached("SELECT spooled_s FROM finding ORDER BY sequence LIMIT 1")?;
        let oldest: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
        Ok(oldest.map(|seconds| seconds as u64))
    }

    /// Drops what is too old or too much; returns of whom how many. Who has the most gives way, and then the oldest.
    pub(super) fn expire(&mut self, limits: Limits) -> rusqlite::Result<Vec<(u64, u64)>> {
        let mut dropped = Vec::new();
        if let Some(before) = self.now_s().checked_sub(limits.age.as_secs())
            && self.oldest()?.is_some_and(|spooled| spooled < before)
        {
            let old = self.connection.execute("DELETE FROM finding WHERE spooled_s < ?1", [before as i64])?;
            dropped.push((0, old as u64));
        }
        if self.bytes > limits.bytes {
            let held = self.bytes_by_owner()?;
            // Somewhat more than is too much, since all are counted for it.
            let level = stage::level(held.iter().map(|(_, bytes)| *bytes), limits.bytes - limits.bytes / 16);
            for (owner, bytes) in held.into_iter().filter(|(_, bytes)| *bytes > level) {
                // The oldest whose sum is what is too much.
                let excess = bytes - level;
                let gone = self.connection.execute(
                    "DELETE FROM finding WHERE owner = ?1 AND sequence > ?3 AND sequence <= (SELECT MIN(sequence) FROM (SELECT sequence, SUM(LENGTH(message)) OVER (ORDER BY sequence) AS up_to FROM finding WHERE owner = ?1 AND sequence > ?3) WHERE up_to >= ?2)",
                    [owner as i64, excess as i64, self.delivered as i64],
                )?;
                dropped.push((owner, gone as u64));
            }
        }
        dropped.retain(|(_, count)| *count > 0);
        if !dropped.is_empty() {
            self.count()?;
        }
        Ok(dropped)
    }

    fn bytes_by_owner(&self) -> rusqlite::Result<Vec<(u64, u64)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT owner, SUM(LENGTH(message)) FROM finding WHERE sequence > ?1 GROUP BY owner",
        )?;
        let rows = statement.query_map([self.delivered as i64], |row| {
            Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64))
        })?;
        rows.collect()
    }
}

fn entry_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    let message: Vec<u8> = row.get(3)?;
    Ok(Entry {
        sequence: row.get::<_, i64>(0)? as u64,
        owner: row.get::<_, i64>(4)? as u64,
        envelope: Envelope {
            finding: message.into(),
            crc32: row.get::<_, i64>(2)? as u32,
            revision: row.get::<_, i64>(1)? as u64,
        },
    })
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// Was a write to the log cut off? Its frames are all of one size.
fn has_torn_tail(path: &Path) -> bool {
    let Ok(log) = fs::metadata(log_of(path)) else { return false };
    let page = 4096;
    log.len() > 0
        && log.len().checked_sub(LOG_HEADER).is_none_or(|frames| frames % (page + FRAME_HEADER) != 0)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
    )
}

/// What can still be read of a damaged file, from both ends.
fn salvage(path: &Path) -> Vec<Entry> {
    let mut found = std::collections::BTreeMap::new();
    // Those of earlier versions do not say whose a finding is.
    for (order, owner) in [("ASC", "owner"), ("DESC", "owner"), ("ASC", "0"), ("DESC", "0")] {
        let read = || -> rusqlite::Result<Vec<Entry>> {
            let connection = Connection::open(path)?;
            let sql = format!(
                "SELECT sequence, revision, crc32, message, {owner} FROM finding ORDER BY sequence {order}"
            );
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            let mut entries = Vec::new();
            // Up to the first page that cannot be read.
            while let Ok(Some(row)) = rows.next() {
                let Ok(entry) = entry_of(row) else { break };
                entries.push(entry);
            }
            Ok(entries)
        };
        for entry in read().unwrap_or_default().into_iter().filter(|entry| entry.envelope.is_whole()) {
            found.entry(entry.sequence).or_insert(entry);
        }
    }
    found.into_values().collect()
}

fn set_aside(path: &Path) -> PathBuf {
    let aside = path.with_extension("db.damaged");
    // The latest damaged one is kept; its log belongs to it and is of no use without.
    let _ = fs::remove_file(&aside);
    let _ = fs::rename(path, &aside);
    let _ = fs::remove_file(log_of(path));
    let _ = fs::remove_file(path.with_extension("db-shm"));
    aside
}
