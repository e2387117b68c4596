//! The database's schema, and the steps from one version to the next.

use rusqlite::{Connection, Transaction, params};

use crate::{columns::Columns, error::StoreError};

/// A step to the next version.
type Step = fn(&Transaction<'_>) -> Result<(), StoreError>;

/// `STEPS[n]` leads from version n to n + 1; the version is kept in `PRAGMA user_version`.
const STEPS: [Step; 9] = [first, searchable, sinks, of_nodes, held, sensors, projects, ahead, sources];

/// The last segment of a finding's name. An index on this expression would cost more than all else of a row.
const ID: &str = "substr(name, length(rtrim(name, replace(name, '/', ''))) + 1)";

/// The version that this collector writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// Brings a database up to date, each step in a transaction. Returns the version it had.
pub(crate) fn migrate(connection: &mut Connection) -> Result<i64, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (version, step) in (0..).zip(STEPS).skip(found.max(0) as usize) {
        let transaction = connection.transaction()?;
        step(&transaction)?;
        transaction.pragma_update(None, "user_version", version + 1)?;
        transaction.commit()?;
    }
    Ok(found)
}

fn first(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
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
",
    )?;
    Ok(())
}

/// Columns to search by, and the revision by which an old version of a finding is told from a new one.
fn searchable(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
ALTER TABLE finding ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN pod TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN image TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN techniques TEXT NOT NULL DEFAULT '';
CREATE INDEX finding_pod ON finding (pod, namespace) WHERE pod != '';
CREATE INDEX finding_image ON finding (image) WHERE image != '';
DROP INDEX finding_event;
CREATE INDEX finding_newest ON finding (event_ns DESC, seq DESC);
",
    )?;
    let mut select = transaction.prepare("SELECT seq, message FROM finding")?;
    let mut update = transaction
        .prepare("UPDATE finding SET namespace = ?2, pod = ?3, image = ?4, techniques = ?5 WHERE seq = ?1")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, message): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let of = Columns::of(&prost::Message::decode(&message[..])?);
        update.execute(params![seq, of.namespace, of.pod, of.image, of.techniques])?;
    }
    Ok(())
}

/// How far each sink has come.
fn sinks(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "CREATE TABLE sink (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, refused INTEGER NOT NULL DEFAULT 0) STRICT;",
    )?;
    Ok(())
}

/// A name is a node's own: what another node sends under it is another finding. Findings are found by their ids, too.
fn of_nodes(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(&format!(
        "
CREATE TABLE of_nodes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    event_ns INTEGER NOT NULL,
    stored_ns INTEGER NOT NULL,
    node TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    message BLOB NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    namespace TEXT NOT NULL DEFAULT '',
    pod TEXT NOT NULL DEFAULT '',
    image TEXT NOT NULL DEFAULT '',
    techniques TEXT NOT NULL DEFAULT '',
    id TEXT NOT NULL DEFAULT '',
    UNIQUE (name, node)
) STRICT;
INSERT INTO of_nodes (seq, name, event_ns, stored_ns, node, sha256, message, revision, namespace, pod, image, techniques, id)
    SELECT seq, name, event_ns, stored_ns, node, sha256, message, revision, namespace, pod, image, techniques, {ID} FROM finding;
-- Numbers are never used again, not even those of the newest that are gone: sinks have their places by them.
INSERT INTO sqlite_sequence (name, seq) SELECT 'of_nodes', 0
    WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'of_nodes');
UPDATE sqlite_sequence SET seq = MAX(seq, (SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'finding'))
    WHERE name = 'of_nodes';
DROP TABLE finding;
ALTER TABLE of_nodes RENAME TO finding;
CREATE INDEX finding_sha256 ON finding (sha256);
CREATE INDEX finding_pod ON finding (pod, namespace) WHERE pod != '';
CREATE INDEX finding_image ON finding (image) WHERE image != '';
CREATE INDEX finding_newest ON finding (event_ns DESC, seq DESC);
CREATE INDEX finding_id ON finding (id);
"
    ))?;
    Ok(())
}

/// How many findings each node has here, and their bytes, kept by the database itself: to add them up takes seconds when there are
/// millions.
fn held(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
CREATE INDEX finding_node ON finding (node);
CREATE TABLE held (
    node TEXT PRIMARY KEY,
    findings INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    newest_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO held SELECT node, COUNT(*), SUM(LENGTH(message)), MAX(stored_ns) FROM finding GROUP BY node;
CREATE TRIGGER held_insert AFTER INSERT ON finding BEGIN
    INSERT INTO held VALUES (NEW.node, 1, LENGTH(NEW.message), NEW.stored_ns)
        ON CONFLICT (node) DO UPDATE SET findings = findings + 1, bytes = bytes + LENGTH(NEW.message),
            newest_ns = MAX(newest_ns, NEW.stored_ns);
END;
CREATE TRIGGER held_update AFTER UPDATE OF message ON finding BEGIN
    UPDATE held SET bytes = bytes + LENGTH(NEW.message) - LENGTH(OLD.message),
        newest_ns = MAX(newest_ns, NEW.stored_ns) WHERE node = NEW.node;
    -- A number is never used again: sinks have their places by them.
    UPDATE sqlite_sequence SET seq = MAX(seq, NEW.seq) WHERE name = 'finding';
END;
CREATE TRIGGER held_delete AFTER DELETE ON finding BEGIN
    UPDATE held SET findings = findings - 1, bytes = bytes - LENGTH(OLD.message) WHERE node = OLD.node;
    DELETE FROM held WHERE node = OLD.node AND findings <= 0;
END;
",
    )?;
    Ok(())
}

/// In which project each node is, once a finding said so, and what was stored before.
fn projects(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
ALTER TABLE held ADD COLUMN project TEXT NOT NULL DEFAULT '';
DROP TRIGGER held_insert;
CREATE TRIGGER held_insert AFTER INSERT ON finding BEGIN
    INSERT INTO held (node, findings, bytes, newest_ns) VALUES (NEW.node, 1, LENGTH(NEW.message), NEW.stored_ns)
        ON CONFLICT (node) DO UPDATE SET findings = findings + 1, bytes = bytes + LENGTH(NEW.message),
            newest_ns = MAX(newest_ns, NEW.stored_ns);
END;
CREATE INDEX finding_unfiled ON finding (node) WHERE substr(name, 1, 11) = 'projects/-/';
",
    )?;
    Ok(())
}

/// What sinks that are behind were given before its turn. What was stored before this step counts as not urgent: only the order
/// depends on it.
fn ahead(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
ALTER TABLE finding ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
CREATE INDEX finding_urgent ON finding (node, seq) WHERE urgent;
CREATE TABLE sink_ahead (
    sink TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;
",
    )?;
    Ok(())
}

/// Where scripts came from, and who wrote them.
fn sources(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
ALTER TABLE finding ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN provenance TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN written_by TEXT NOT NULL DEFAULT '';
CREATE INDEX finding_provenance ON finding (provenance) WHERE provenance != '';
CREATE INDEX finding_written_by ON finding (written_by) WHERE written_by != '';
",
    )?;
    let mut select = transaction.prepare("SELECT seq, message FROM finding")?;
    let mut update = transaction
        .prepare("UPDATE finding SET origin = ?2, provenance = ?3, written_by = ?4 WHERE seq = ?1")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (seq, message): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        // One that cannot be read is not found by these.
        let Ok(finding) = prost::Message::decode(&message[..]) else { continue };
        let of = Columns::of(&finding);
        update.execute(params![seq, of.origin, of.provenance, of.written_by])?;
    }
    Ok(())
}

/// What was heard of each sensor last.
fn sensors(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "
CREATE TABLE sensor (
    node TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    seen_ns INTEGER NOT NULL,
    speaks INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    oldest_s INTEGER NOT NULL,
    impairments TEXT NOT NULL,
    is_stopping INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sensor_seen ON sensor (seen_ns);
",
    )?;
    Ok(())
}
