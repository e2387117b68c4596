//! Batches that were taken in and are not in the database yet, in a file of their own.
//!
//! It is only appended to and read, so a finding costs a tenth of what it does in the database with its indexes. SQLite keeps it whole
//! across a kill and a power cut.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use prost::Message;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::{
    error::StoreError,
    handle::{Batch, Part},
    incoming::Incoming,
    turns::{Row, Turns},
};

/// How long others that read the file may hold up its writer.
const BUSY: Duration = Duration::from_secs(10);
/// Bytes of a page, and of the file and its log when they are empty.
const PAGE_BYTES: u32 = 32 * 1024;
const EMPTY_BYTES: u32 = 16 * 1024 * 1024;
const EMPTY_PAGES: u32 = EMPTY_BYTES / PAGE_BYTES;
/// Pages that its write-ahead log may have before what is in it is brought into the file.
const LOG_PAGES: u32 = 256 * 1024 * 1024 / PAGE_BYTES;
/// Bytes of the findings in a row, about: few rows, and none so large that it is out of the processor's cache before it is written.
const ROW_BYTES: u64 = 64 * 1024;
/// A node has rows of its own that sends so many bytes at once, or has so many waiting.
const MUCH_AT_ONCE: u64 = 16 * 1024;
const MUCH: u64 = 256 * 1024;
/// A row that could not be read so often is left where it is.
const UNREADABLE: u32 = 5;
/// What a finding takes in the file besides its bytes and its name.
const OVERHEAD: usize = 16;
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

/// Some of what waits.
#[derive(Default)]
pub(crate) struct Portion {
    pub(crate) rows: Vec<Row>,
    pub(crate) parts: Vec<Part>,
}

/// The file. One process writes it.
pub struct Backlog {
    connection: Connection,
    turns: Turns,
    /// Rows that are in the database, and still in the file.
    done: Vec<i64>,
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
        let turns = rows_of(&connection).map_err(failed)?;
        Ok(Self { connection, turns, done: Vec::new(), buffer: Vec::new() })
    }

    /// Is there one of this database, with anything in it?
    pub fn is_left(database: &Path) -> Result<bool, StoreError> {
        let path = of(database);
        if !path.try_exists().map_err(|e| StoreError::Look(path.clone(), e))? {
            return Ok(false);
        }
        Ok(!Self::open(database)?.turns.is_empty())
    }

    /// Gives back the disk's room that an empty file and its log take, if nobody reads it.
    pub(crate) fn shrink(&self) -> Result<(), StoreError> {
        let pages: u32 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        // Whoever reads it is not waited for: then it is done the next time.
        self.connection.busy_timeout(Duration::ZERO)?;
        let log = "PRAGMA wal_checkpoint(TRUNCATE)";
        let shrunk = self.connection.query_row(log, [], |row| row.get::<_, i64>(0)).and_then(|is_busy| {
            if is_busy == 0 && pages > EMPTY_PAGES { self.connection.execute_batch("VACUUM") } else { Ok(()) }
        });
        self.connection.busy_timeout(BUSY)?;
        Ok(shrunk?)
    }

    /// Bytes that are not in the database, of all nodes.
    pub(crate) fn bytes(&self) -> u64 {
        self.turns.bytes()
    }

    /// And of one.
    pub(crate) fn bytes_of(&self, node: &str) -> u64 {
        self.turns.of(node)
    }

    /// Has nobody anything to wait for?
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Is something in the file that the database has?
    pub(crate) fn is_untidy(&self) -> bool {
        !self.done.is_empty()
    }

    /// Writes something that changes nothing, to see whether it can be.
    pub(crate) fn try_out(&mut self) -> Result<(), StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.pragma_update(None, "user_version", 0)?;
        transaction.commit()?;
        Ok(())
    }

    /// Appends batches, and removes what is in the database; returns when that is on the disk.
    pub(crate) fn append(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let mut added = Vec::new();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for number in &self.done {
            transaction.prepare_cached("DELETE FROM taken WHERE number = ?1")?.execute([number])?;
        }
        for (owner, parts) in rows(batches, &self.turns) {
            let of = parts.iter().map(|part| (part.node.clone(), size_of_part(part))).collect();
            let findings = parts.iter().map(|part| part.findings.len()).sum();
            let mut row = Row { owner, of, findings, ..Row::default() };
            self.buffer.clear();
            // It grows as it must.
            let _ = Kept { parts: parts.into_iter().map(kept).collect() }.encode(&mut self.buffer);
            transaction
                .prepare_cached("INSERT INTO taken (owner, count, findings) VALUES (?1, ?2, ?3)")?
                .execute(params![row.owner, row.findings as i64, self.buffer])?;
            row.number = transaction.last_insert_rowid();
            added.push(row);
        }
        transaction.commit()?;
        self.done.clear();
        for row in added {
            self.turns.add(row);
        }
        Ok(())
    }

    /// What is to go into the database next: so many findings or so many bytes, or a little more.
    pub(crate) fn take(&mut self, findings: usize, bytes: usize) -> Result<Portion, StoreError> {
        let mut portion = Portion::default();
        let (mut count, mut size) = (0, 0);
        while count < findings
            && size < bytes
            && let Some(row) = self.turns.take()
        {
            match read(&self.connection, row.number) {
                Ok((parts, length)) => {
                    count += row.findings;
                    size += length;
                    portion.rows.push(row);
                    portion.parts.extend(parts);
                }
                // It stays in the file.
                Err(e) if row.failures >= UNREADABLE => {
                    let Row { number, owner, .. } = &row;
                    tracing::error!(
                        "row {number} of the backlog, of node {owner:?}, cannot be read and is left: {e}"
                    );
                    self.turns.done(&row);
                }
                Err(e) => {
                    // What may pass is no failure of the row.
                    let failures = row.failures + u32::from(e.is_damage());
                    self.put_back(vec![Row { failures, ..row }]);
                    self.put_back(portion.rows);
                    return Err(e);
                }
            }
        }
        Ok(portion)
    }

    /// What was taken is to be taken again.
    pub(crate) fn put_back(&mut self, rows: Vec<Row>) {
        for row in rows.into_iter().rev() {
            self.turns.put_back(row);
        }
    }

    /// What was taken is in the database.
    pub(crate) fn done(&mut self, rows: &[Row]) {
        for row in rows {
            self.turns.done(row);
            self.done.push(row.number);
        }
    }

    /// Waits until what waits now is in the database. An error when that takes longer than `limit`: then nobody brings it there.
    pub fn wait(database: &Path, limit: Duration) -> Result<(), StoreError> {
        let path = of(database);
        if !path.try_exists().map_err(|e| StoreError::Look(path.clone(), e))? {
            return Ok(());
        }
        let failed = |e| StoreError::Open(path.clone(), e);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        let last: i64 = connection
            .query_row("SELECT COALESCE(MAX(number), 0) FROM taken", [], |row| row.get(0))
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            let is_left: bool = connection
                .query_row("SELECT EXISTS (SELECT 1 FROM taken WHERE number <= ?1)", [last], |row| row.get(0))
                .map_err(failed)?;
            if !is_left {
                return Ok(());
            }
            if begun.elapsed() > limit {
                return Err(StoreError::Backlog(path));
            }
            thread::sleep(POLL);
        }
    }
}

/// The rows of a file, which is made ready first.
fn rows_of(connection: &Connection) -> rusqlite::Result<Turns> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS taken (
             number INTEGER PRIMARY KEY AUTOINCREMENT,
             owner TEXT NOT NULL,
             count INTEGER NOT NULL,
             findings BLOB NOT NULL
         ) STRICT",
    )?;
    let mut turns = Turns::default();
    let mut statement =
        connection.prepare("SELECT number, owner, count, LENGTH(findings) FROM taken ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let owner: String = row.get(1)?;
        let (findings, bytes): (i64, i64) = (row.get(2)?, row.get(3)?);
        turns.add(Row {
            number: row.get(0)?,
            of: vec![(owner.clone(), bytes.unsigned_abs())],
            owner,
            findings: usize::try_from(findings).unwrap_or_default(),
            failures: 0,
        });
    }
    Ok(turns)
}

/// What is in a row, and how many bytes it has.
fn read(connection: &Connection, number: i64) -> Result<(Vec<Part>, usize), StoreError> {
    let kept: Vec<u8> = connection
        .prepare_cached("SELECT findings FROM taken WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    let size = kept.len();
    let parts = Kept::decode(Bytes::from(kept))?.parts.into_iter().map(|KeptPart { node, findings }| Part {
        node,
        findings: findings
            .into_iter()
            .map(|KeptFinding { name, message, revision }| Incoming { name, message, revision })
            .collect(),
    });
    Ok((parts.collect(), size))
}

/// Batches as rows: those of nodes that send or have much are theirs, all others share theirs.
fn rows<'a>(batches: &'a [Batch], turns: &Turns) -> Vec<(String, Vec<&'a Part>)> {
    let parts = || batches.iter().flat_map(|batch| &batch.parts).filter(|part| !part.findings.is_empty());
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for part in parts() {
        *sums.entry(&part.node).or_default() += size_of_part(part);
    }
    // Of each owner the row that is not full yet.
    let mut open: BTreeMap<&str, (u64, Vec<&Part>)> = BTreeMap::new();
    let mut rows = Vec::new();
    for part in parts() {
        let sum = sums.get(part.node.as_str()).copied().unwrap_or_default();
        let has_much = sum >= MUCH_AT_ONCE || turns.of(&part.node) + sum >= MUCH;
        let owner = if has_much { part.node.as_str() } else { "" };
        let (size, of_row) = open.entry(owner).or_default();
        *size += size_of_part(part);
        of_row.push(part);
        if *size >= ROW_BYTES {
            *size = 0;
            rows.push((owner.to_owned(), std::mem::take(of_row)));
        }
    }
    let rest = open.into_iter().filter(|(_, (_, parts))| !parts.is_empty());
    rows.extend(rest.map(|(owner, (_, parts))| (owner.to_owned(), parts)));
    rows
}

/// Bytes that a part takes in the file, about.
fn size_of_part(part: &Part) -> u64 {
    let findings = part.findings.iter().map(|one| one.name.len() + one.message.len() + OVERHEAD);
    findings.sum::<usize>() as u64
}

fn kept(part: &Part) -> KeptPart {
    let findings = part.findings.iter().map(|finding| KeptFinding {
        name: finding.name.clone(),
        message: finding.message.clone(),
        revision: finding.revision,
    });
    KeptPart { node: part.node.clone(), findings: findings.collect() }
}

/// The file of a database, however that is called.
pub(crate) fn of(database: &Path) -> PathBuf {
    let mut name = database.canonicalize().unwrap_or_else(|_| database.to_owned()).into_os_string();
    name.push("-backlog");
    name.into()
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn what_cannot_be_read_for_a_moment_is_there_afterwards_and_what_is_damaged_holds_up_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f.db");
        let mut backlog = Backlog::open(&path).expect("a backlog");
        for id in ["a", "b"] {
            let finding = Incoming::new(id.to_owned(), Bytes::from_static(b""), 1);
            let (done, _) = oneshot::channel();
            let part = Part { node: "n".to_owned(), findings: vec![finding] };
            backlog.append(&[Batch { parts: vec![part], done, room: None }]).expect("appended");
        }
        let other = Connection::open(of(&path)).expect("a connection");
        let tries = 4 * UNREADABLE;
        other.execute_batch("ALTER TABLE taken RENAME TO elsewhere").expect("another name");
        for _ in 0..tries {
            assert!(backlog.take(1, 1).is_err());
        }
        other.execute_batch("ALTER TABLE elsewhere RENAME TO taken").expect("its name");
        let spoilt = "UPDATE taken SET findings = x'ffffff' WHERE number = 1";
        assert_eq!(other.execute(spoilt, []).expect("an update"), 1);
        let names = (0..tries).find_map(|_| {
            let portion = backlog.take(1, 1).ok().filter(|portion| !portion.parts.is_empty())?;
            Some(portion.parts[0].findings[0].name().to_owned())
        });
        assert_eq!(names.as_deref(), Some("b"), "the other one follows");
        assert!(backlog.is_empty());
    }
}
