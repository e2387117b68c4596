//! Findings in an `SQLite` database, one row each, by name.

use std::path::{Path, PathBuf};

use prost::Message;
use proto::scc::Finding;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the store {0} cannot be opened: {1}")]
    Open(PathBuf, rusqlite::Error),
    /// It was written by a newer collector.
    #[error(
        "the store {0} has schema version {1}, newer than this collector's {SCHEMA_VERSION}: upgrade the collector"
    )]
    Newer(PathBuf, i64),
    /// `SQLite` failed.
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row does not hold a finding.
    #[error("a stored finding is damaged: {0}")]
    Damaged(#[from] prost::DecodeError),
}

/// Version of the schema below; kept in `PRAGMA user_version`.
const SCHEMA_VERSION: i64 = 1;

/// Columns beside the message are what listing shows and searches.
const SCHEMA: &str = "
CREATE TABLE finding (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    event_ns INTEGER NOT NULL,
    stored_ns INTEGER NOT NULL,
    node TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    message BLOB NOT NULL
) STRICT;
CREATE INDEX finding_event ON finding (event_ns);
CREATE INDEX finding_sha256 ON finding (sha256);
";

/// A stored finding.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Counts up with every insertion and update; what a follower has seen.
    pub seq: i64,
    /// When it was stored, Unix time in ns.
    pub stored_ns: i64,
    /// Node of the sensor.
    pub node: String,
    /// The finding.
    pub finding: Finding,
}

/// The database. One writer and any number of readers, each with its own connection.
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens the database for writing; makes it when it is not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |e| StoreError::Open(path.to_owned(), e);
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        // An acknowledged finding must survive a power cut, so every commit reaches the disk.
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        match version {
            0 => {
                connection
                    .execute_batch(&format!(
                        "BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                    ))
                    .map_err(failed)?;
            }
            SCHEMA_VERSION => {}
            newer => return Err(StoreError::Newer(path.to_owned(), newer)),
        }
        Ok(Self { connection })
    }

    /// Opens an existing database for reading.
    pub fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|e| StoreError::Open(path.to_owned(), e))?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(Self { connection })
    }

    /// Stores findings in one transaction. A finding of a known name replaces the stored one.
    pub fn put(&mut self, node: &str, stored_ns: i64, findings: &[Finding]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        put_within(&transaction, node, stored_ns, findings)?;
        transaction.commit()?;
        Ok(())
    }

    /// Stores several senders' findings in one transaction.
    pub fn put_all<'a>(
        &mut self,
        stored_ns: i64,
        groups: impl Iterator<Item = (&'a str, &'a [Finding])>,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        for (node, findings) in groups {
            put_within(&transaction, node, stored_ns, findings)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The newest findings, newest first.
    pub fn newest(&self, limit: u32) -> Result<Vec<Stored>, StoreError> {
        self.query(
            "SELECT seq, stored_ns, node, message FROM finding ORDER BY event_ns DESC, seq DESC LIMIT ?1",
            i64::from(limit),
        )
    }

    /// Findings stored or updated after `seq`, oldest first.
    pub fn after(&self, seq: i64) -> Result<Vec<Stored>, StoreError> {
        self.query(
            "SELECT seq, stored_ns, node, message FROM finding WHERE seq > ?1 ORDER BY seq LIMIT 1000",
            seq,
        )
    }

    /// The highest sequence number there is.
    pub fn last_seq(&self) -> Result<i64, StoreError> {
        Ok(self.connection.query_row("SELECT COALESCE(MAX(seq), 0) FROM finding", [], |row| row.get(0))?)
    }

    /// The finding of this name, or whose name ends in this id.
    pub fn find(&self, name_or_id: &str) -> Result<Option<Stored>, StoreError> {
        let row = self
            .connection
            .query_row(
                "SELECT seq, stored_ns, node, message FROM finding WHERE name = ?1 OR substr(name, -length(?2)) = ?2 LIMIT 1",
                params![name_or_id, format!("/{name_or_id}")],
                raw,
            )
            .optional()?;
        row.map(stored).transpose()
    }

    /// How many findings there are.
    pub fn count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT COUNT(*) FROM finding", [], |row| row.get::<_, i64>(0))? as u64)
    }

    fn query(&self, sql: &str, parameter: i64) -> Result<Vec<Stored>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([parameter], raw)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(stored).collect()
    }
}

fn put_within(
    transaction: &rusqlite::Transaction<'_>,
    node: &str,
    stored_ns: i64,
    findings: &[Finding],
) -> Result<(), StoreError> {
    // A replaced row gets a new sequence number, so that followers see the update. The delete and the insert
    // are one statement to readers, since they are in one transaction.
    let mut statement = transaction.prepare_cached(
        "INSERT OR REPLACE INTO finding (name, event_ns, stored_ns, node, sha256, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for finding in findings {
        let at = finding
            .event_time
            .as_ref()
            .map_or(0, |t| t.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(t.nanos)));
        let sha256 =
            finding.processes.first().and_then(|p| p.script.as_ref()).map_or("", |s| s.sha256.as_str());
        statement.execute(params![finding.name, at, stored_ns, node, sha256, finding.encode_to_vec()])?;
    }
    Ok(())
}

type Raw = (i64, i64, String, Vec<u8>);

fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn stored((seq, stored_ns, node, message): Raw) -> Result<Stored, StoreError> {
    Ok(Stored { seq, stored_ns, node, finding: Finding::decode(&message[..])? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(name: &str, description: &str) -> Finding {
        Finding { name: name.to_owned(), description: description.to_owned(), ..Finding::default() }
    }

    #[test]
    fn the_same_finding_twice_is_one_row_and_the_later_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        let mut store = Store::open(&path).unwrap();
        store.put("n", 1, &[finding("a/findings/1", "old"), finding("a/findings/2", "x")]).unwrap();
        let seen = store.last_seq().unwrap();
        store.put("n", 2, &[finding("a/findings/1", "new")]).unwrap();
        assert_eq!(store.count().unwrap(), 2);
        let reader = Store::open_for_reading(&path).unwrap();
        assert_eq!(reader.find("1").unwrap().unwrap().finding.description, "new");
        let news = reader.after(seen).unwrap();
        assert_eq!(news.len(), 1);
        assert_eq!(news[0].finding.name, "a/findings/1");
        assert!(reader.find("' OR 1=1 --").unwrap().is_none());
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        Store::open(&path).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Newer(_, 99))));
    }
}
