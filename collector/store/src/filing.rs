//! Under which name a finding is stored. A sensor that does not know its project yet files findings below `projects/-`; when it
//! is known, they belong below that.

use prost::Message;
use proto::scc::Finding;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::{columns::Columns, error::StoreError, incoming::Incoming};

/// What names of findings begin with whose sensor knew no project.
const UNKNOWN: &str = "projects/-/";
/// What is filed anew in one transaction at most: rows and bytes, so that others' findings do not wait for it, and it fits into
/// memory. The rest follows with the next ones.
const ROWS: u32 = 100;
const BYTES: usize = 8 << 20;

/// How much may still be filed anew in a transaction.
pub(crate) struct Budget {
    rows: u32,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { rows: ROWS, bytes: BYTES }
    }
}

/// Stores findings of a node. A finding of a known name replaces the stored one.
pub(crate) fn put(
    transaction: &Transaction<'_>,
    node: &str,
    stored_ns: i64,
    findings: &[Incoming],
    budget: &mut Budget,
) -> Result<(), StoreError> {
    // Of a node that is in one project, as all are, it is looked once for all of them.
    let mut filed_below = None;
    for finding in findings {
        match project_of(&finding.name) {
            None => {
                let project = known_project(transaction, node)?;
                let filed = project.and_then(|project| below(&project, &finding.message, finding.revision));
                insert(transaction, node, stored_ns, filed.as_ref().unwrap_or(finding))?;
            }
            Some(project) => {
                insert(transaction, node, stored_ns, finding)?;
                if filed_below != Some(project) {
                    file_anew(transaction, node, project, stored_ns, budget)?;
                    filed_below = Some(project);
                }
            }
        }
    }
    Ok(())
}

/// The project that a name is below of; `None` when its sensor did not know it.
fn project_of(name: &str) -> Option<&str> {
    let project = name.strip_prefix("projects/")?.split('/').next()?;
    (!matches!(project, "-" | "")).then_some(project)
}

/// The project that the node's latest finding below one is filed under.
fn known_project(transaction: &Transaction<'_>, node: &str) -> Result<Option<String>, StoreError> {
    let mut statement =
        transaction.prepare_cached("SELECT project FROM held WHERE node = ?1 AND project != ''")?;
    Ok(statement.query_row([node], |row| row.get(0)).optional()?)
}

/// Remembers the node's project, and files its findings under it that were stored before it was known.
fn file_anew(
    transaction: &Transaction<'_>,
    node: &str,
    project: &str,
    stored_ns: i64,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE held SET project = ?2 WHERE node = ?1 AND project != ?2")?
        .execute([node, project])?;
    let mut next = transaction.prepare_cached(
        "SELECT seq, message, revision FROM finding
         WHERE node = ?1 AND substr(name, 1, 11) = 'projects/-/' AND seq > ?2 ORDER BY seq LIMIT 1",
    )?;
    let mut last = 0_i64;
    while budget.rows > 0 && budget.bytes > 0 {
        let row = next.query_row(params![node, last], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let Some((seq, message, revision)): Option<(i64, Vec<u8>, i64)> = row.optional()? else { break };
        last = seq;
        budget.rows -= 1;
        budget.bytes = budget.bytes.saturating_sub(message.len());
        // What cannot be read stays as it is.
        let Some(filed) = below(project, &message, revision.unsigned_abs()) else { continue };
        transaction.prepare_cached("DELETE FROM finding WHERE seq = ?1")?.execute([seq])?;
        // A later version may be there already: then that one stays. Followers see what is stored here as news.
        insert(transaction, node, stored_ns, &filed)?;
    }
    Ok(())
}

/// A finding of a sensor that knew no project, below this one; `None` if it cannot be read.
fn below(project: &str, message: &[u8], revision: u64) -> Option<Incoming> {
    let mut finding = Finding::decode(message).ok()?;
    for name in [&mut finding.name, &mut finding.parent] {
        if let Some(rest) = name.strip_prefix(UNKNOWN) {
            *name = format!("projects/{project}/{rest}");
        }
    }
    let message = finding.encode_to_vec();
    Some(Incoming::new(finding.name.clone(), message.into(), revision))
}

fn insert(
    transaction: &Transaction<'_>,
    node: &str,
    stored_ns: i64,
    finding: &Incoming,
) -> Result<(), StoreError> {
    let Incoming { name, message, revision } = finding;
    // It was whole when it came.
    let Ok(decoded) = Finding::decode(message.clone()) else {
        tracing::error!("finding {name} of node {node} was damaged on the way to the database, and is lost");
        return Ok(());
    };
    let of = Columns::of(&decoded);
    // An updated row gets a new sequence number, so that followers see the update. An old version of a finding that
    // comes late, over a connection thought dead, replaces nothing, and what is stored already is no news. A name is a node's own.
    let mut statement = transaction.prepare_cached(
        "INSERT INTO finding (name, event_ns, stored_ns, node, sha256, message, revision, namespace, pod, image, techniques, id, urgent,
             origin, provenance, written_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (name, node) DO UPDATE SET seq = (SELECT MAX(seq) + 1 FROM (SELECT MAX(seq) AS seq FROM finding UNION ALL SELECT seq FROM sqlite_sequence WHERE name = 'finding')), event_ns = excluded.event_ns,
             stored_ns = excluded.stored_ns, sha256 = excluded.sha256, message = excluded.message,
             revision = excluded.revision, namespace = excluded.namespace, pod = excluded.pod, image = excluded.image,
             techniques = excluded.techniques, urgent = excluded.urgent, origin = excluded.origin,
             provenance = excluded.provenance, written_by = excluded.written_by
         WHERE excluded.revision > finding.revision
             OR (excluded.revision = finding.revision AND excluded.message != finding.message)",
    )?;
    statement.execute(params![
        name,
        of.event_ns,
        stored_ns,
        node,
        of.sha256,
        &message[..],
        i64::try_from(*revision).unwrap_or(i64::MAX),
        of.namespace,
        of.pod,
        of.image,
        of.techniques,
        name.rsplit('/').next().unwrap_or_default(),
        of.is_urgent,
        of.origin,
        of.provenance,
        of.written_by
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn finding(name: &str, revision: u64) -> Incoming {
        let parent = name.split_once("/findings/").expect("a parent").0.to_owned();
        let finding = Finding {
            name: name.to_owned(),
            parent,
            description: format!("version {revision}"),
            ..Finding::default()
        };
        let message = finding.encode_to_vec();
        Incoming::new(finding.name.clone(), message.into(), revision)
    }

    #[test]
    fn findings_made_before_the_project_was_known_are_filed_under_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = Store::open(&dir.path().join("f.db")).expect("a store");
        let unfiled = |id: &str, revision| finding(&format!("projects/-/sources/1/findings/{id}"), revision);
        let filed = |id: &str, revision| finding(&format!("projects/p/sources/1/findings/{id}"), revision);
        let all = |store: &Store| -> Vec<(String, String, String)> {
            let found = store.after(0).expect("findings");
            for stored in &found {
                assert!(stored.finding.name.starts_with(&format!("{}/findings/", stored.finding.parent)));
            }
            let told = found.into_iter().map(|it| (it.node, it.finding.name, it.finding.description));
            let mut all: Vec<_> = told.collect();
            all.sort();
            all
        };
        let row = |node: &str, project: &str, id: &str, revision: u64| {
            let name = format!("projects/{project}/sources/1/findings/{id}");
            (node.to_owned(), name, format!("version {revision}"))
        };
        store.put("n", 1, &[unfiled("a", 1), unfiled("b", 5), unfiled("c", 1)]).expect("stored");
        store.put("m", 1, &[unfiled("x", 1)]).expect("stored");
        let seen = store.last_seq().expect("a number");
        // Of `a` a later version names the project; of `b` an earlier one comes late.
        store.put("n", 2, &[filed("a", 2), filed("b", 4)]).expect("stored");
        let expected =
            [row("m", "-", "x", 1), row("n", "p", "a", 2), row("n", "p", "b", 5), row("n", "p", "c", 1)];
        assert_eq!(all(&store), expected);
        assert_eq!(store.after(seen).expect("news").len(), 3, "followers see what was filed anew");
        // What comes late is filed at once, and replaces nothing that is newer.
        store.put("n", 3, &[unfiled("a", 1), unfiled("d", 1)]).expect("stored");
        let expected = [&expected[..], &[row("n", "p", "d", 1)]].concat();
        assert_eq!(all(&store), expected);
        assert_eq!(store.count().expect("a count"), 5);
        // More than are filed anew at once, however many findings name the project, and one that cannot be read.
        let many: Vec<Incoming> = (0..250).map(|n| unfiled(&format!("m{n}"), 1)).collect();
        store.put("m", 4, &many).expect("stored");
        let spoilt = "UPDATE finding SET message = x'ff' WHERE id = 'm7'";
        assert_eq!(store.connection.execute(spoilt, []).expect("an update"), 1);
        let left = |store: &Store, node: &str| -> i64 {
            let sql = "SELECT COUNT(*) FROM finding WHERE node = ?1 AND name LIKE 'projects/-/%'";
            store.connection.query_row(sql, [node], |row| row.get(0)).expect("a count")
        };
        store.put("m", 5, &[filed("y", 1), filed("y", 2)]).expect("stored");
        assert_eq!(left(&store, "m"), 251 - i64::from(ROWS) + 1);
        for revision in 3..6 {
            store.put("m", 5, &[filed("y", revision)]).expect("stored");
        }
        assert_eq!(left(&store, "m"), 1);
        assert_eq!(store.count().expect("a count"), 4 + 1 + 250 + 1);
        // Large ones go one by one.
        let large = |id: &str| {
            let name = format!("projects/-/sources/1/findings/{id}");
            let finding = Finding { name, description: "x".repeat(BYTES), ..Finding::default() };
            Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), 1)
        };
        store.put("g", 6, &[large("l1"), large("l2")]).expect("stored");
        store.put("g", 7, &[filed("z", 1)]).expect("stored");
        assert_eq!(left(&store, "g"), 1);
        // A name without a project is none.
        store.put("k", 8, &[unfiled("q", 1), finding("projects//sources/1/findings/r", 1)]).expect("stored");
        assert_eq!(store.find("q", Some("k")).ok().flatten().map(|it| it.finding.name.len()), Some(31));
    }
}
