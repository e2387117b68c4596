//! What goes when there is too much or it is too old.

use rusqlite::params;

use crate::{
    error::StoreError,
    store::{Place, Store},
};

/// Findings forgotten in one transaction, while which nothing can be stored (0.2 s).
pub(crate) const AT_ONCE: usize = 5000;

impl Store {
    /// Forgets what was stored before a Unix time (ns), and of what is more than so many bytes the oldest of the nodes that have the
    /// most, but nothing that one of the sinks has not written. Returns how many findings are gone; [`AT_ONCE`] when there may be more
    /// to forget.
    pub fn forget(
        &mut self,
        before_ns: Option<i64>,
        bytes: Option<u64>,
        sinks: &[Place],
    ) -> Result<u64, StoreError> {
        let transaction = self.connection.transaction()?;
        let written = written(&transaction, sinks)?;
        let mut gone = 0;
        if let Some(last) =
            before_ns.map(|before| last_before(&transaction, before, written)).transpose()?.flatten()
        {
            gone += delete(&transaction, "1", None, last, sinks, AT_ONCE)?;
        }
        if let Some(bytes) = bytes {
            let held = held(&transaction)?;
            let level = stage::level(held.iter().map(|(_, own)| *own), bytes);
            let mut looked_at = gone;
            for (whose, own) in held.iter().filter(|(_, own)| *own > level) {
                let room = AT_ONCE.saturating_sub(looked_at);
                if room == 0 {
                    break;
                }
                let (last, looked) = last_of(&transaction, whose, own - level, written, room)?;
                looked_at += looked;
                if let Some(last) = last {
                    gone += delete(&transaction, whose.condition(), Some(whose.value()), last, sinks, room)?;
                }
            }
        }
        transaction.commit()?;
        Ok(gone as u64)
    }

    /// Bytes of all findings.
    pub(crate) fn bytes(&self) -> Result<u64, StoreError> {
        let bytes: i64 =
            self.connection.query_row("SELECT COALESCE(SUM(bytes), 0) FROM held", [], |row| row.get(0))?;
        Ok(bytes.unsigned_abs())
    }
}

/// Deletes findings up to a number, the oldest first, that every sink has written.
fn delete(
    transaction: &rusqlite::Transaction<'_>,
    condition: &str,
    value: Option<&dyn rusqlite::ToSql>,
    last: i64,
    sinks: &[Place],
    room: usize,
) -> Result<usize, StoreError> {
    let mut bound: Vec<&dyn rusqlite::ToSql> = value.into_iter().collect();
    let mut sql =
        format!("DELETE FROM finding WHERE seq IN (SELECT seq FROM finding WHERE {condition} AND seq <= ?");
    bound.push(&last);
    for Place { sink, seq } in sinks {
        sql.push_str(
            " AND (seq <= ? OR EXISTS (SELECT 1 FROM sink_ahead WHERE sink = ? AND sink_ahead.seq = finding.seq))",
        );
        bound.extend([seq as &dyn rusqlite::ToSql, sink]);
    }
    sql.push_str(" ORDER BY seq LIMIT ?)");
    bound.push(&room);
    Ok(transaction.prepare_cached(&sql)?.execute(&bound[..])?)
}

/// Beyond this number no finding was written by every sink.
fn written(transaction: &rusqlite::Transaction<'_>, sinks: &[Place]) -> Result<i64, StoreError> {
    let mut least = i64::MAX;
    let mut ahead =
        transaction.prepare_cached("SELECT COALESCE(MAX(seq), 0) FROM sink_ahead WHERE sink = ?1")?;
    for Place { sink, seq } in sinks {
        least = least.min(ahead.query_row([sink], |row| row.get::<_, i64>(0))?.max(*seq));
    }
    Ok(least)
}

/// The last of the oldest findings that were stored before a time. Numbers grow with time, so the first that is young enough ends it.
fn last_before(
    transaction: &rusqlite::Transaction<'_>,
    before_ns: i64,
    written: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT seq, stored_ns FROM finding WHERE seq <= ?1 ORDER BY seq LIMIT ?2";
    let mut oldest = transaction.prepare_cached(sql)?;
    let mut rows = oldest.query(params![written, AT_ONCE])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= before_ns {
            break;
        }
        last = Some(row.get(0)?);
    }
    Ok(last)
}

fn last_of(
    transaction: &rusqlite::Transaction<'_>,
    whose: &Whose,
    bytes: u64,
    written: i64,
    room: usize,
) -> Result<(Option<i64>, usize), StoreError> {
    let sql = format!(
        "SELECT seq, LENGTH(message) FROM finding WHERE {} AND seq <= ? ORDER BY seq LIMIT ?",
        whose.condition()
    );
    let mut oldest = transaction.prepare_cached(&sql)?;
    let mut rows = oldest.query(params![whose.value(), written, room])?;
    let (mut left, mut last, mut looked) = (bytes, None, 0);
    while left > 0 {
        let Some(row) = rows.next()? else { break };
        last = Some(row.get(0)?);
        left = left.saturating_sub(row.get::<_, i64>(1)?.unsigned_abs());
        looked += 1;
    }
    Ok((last, looked))
}

/// A node that has been silent for so long before the newest finding counts as one with all others that have.
const SILENT_NS: i64 = 7 * 24 * 3600 * 1_000_000_000;

/// Whose findings give way together.
enum Whose {
    /// A node's.
    Node(String),
    /// Those of nodes from which nothing came since this Unix time (ns): most of them are there no more.
    Silent(i64),
}

impl Whose {
    fn condition(&self) -> &'static str {
        match self {
            Self::Node(_) => "node = ?",
            Self::Silent(_) => "node IN (SELECT node FROM held WHERE newest_ns < ?)",
        }
    }

    fn value(&self) -> &dyn rusqlite::ToSql {
        match self {
            Self::Node(node) => node,
            Self::Silent(since_ns) => since_ns,
        }
    }
}

/// Bytes of findings that each has here.
fn held(transaction: &rusqlite::Transaction<'_>) -> Result<Vec<(Whose, u64)>, StoreError> {
    let newest: i64 =
        transaction.query_row("SELECT COALESCE(MAX(newest_ns), 0) FROM held", [], |row| row.get(0))?;
    let since_ns = newest.saturating_sub(SILENT_NS);
    let bytes_of = |bytes: i64| u64::try_from(bytes).unwrap_or_default();
    let silent: i64 = transaction.query_row(
        "SELECT COALESCE(SUM(bytes), 0) FROM held WHERE newest_ns < ?1",
        [since_ns],
        |row| row.get(0),
    )?;
    let mut statement = transaction.prepare_cached("SELECT node, bytes FROM held WHERE newest_ns >= ?1")?;
    let rows = statement
        .query_map([since_ns], |row| Ok((Whose::Node(row.get(0)?), bytes_of(row.get::<_, i64>(1)?))))?;
    let mut all: Vec<(Whose, u64)> = rows.collect::<Result<_, _>>()?;
    all.push((Whose::Silent(since_ns), bytes_of(silent)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handle::Progress,
        search::Search,
        store::tests::{at, ids},
    };

    #[test]
    fn retention_forgets_the_oldest() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        for id in 0..10 {
            store
                .put("n", i64::from(id), &[at(id, i64::from(id), |f| f.description = "x".repeat(100))])
                .unwrap();
        }
        assert_eq!(store.forget(Some(3), None, &[]).unwrap(), 3);
        assert_eq!(store.forget(None, Some(400), &[]).unwrap(), 4);
        assert_eq!(ids(&store, &Search::default()), ["9", "8", "7"]);
        assert_eq!(store.forget(None, None, &[]).unwrap(), 0);
    }

    #[test]
    fn what_a_sink_was_given_before_its_turn_is_not_kept_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        for id in 0..4 {
            store.put("n", i64::from(id), &[at(id, i64::from(id), |_| {})]).unwrap();
        }
        let progress = Progress { sink: "s".to_owned(), seq: 1, ahead: vec![3], refused: 0 };
        store.note_progress(&progress).unwrap();
        let sinks = [store.place("s").unwrap(), Place { sink: "t".to_owned(), seq: 3 }];
        assert_eq!(store.forget(Some(10), None, &sinks).unwrap(), 2);
        assert_eq!(ids(&store, &Search::default()), ["3", "1"]);
    }

    #[test]
    fn much_is_forgotten_in_portions() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let most = u32::try_from(AT_ONCE).unwrap();
        let all: Vec<_> = (0..2 * most + 3).map(|id| at(id, i64::from(id), |_| {})).collect();
        store.put("n", 1, &all).unwrap();
        let mut forget = |before, bytes| store.forget(before, bytes, &[]).unwrap();
        assert_eq!(forget(Some(2), Some(0)), AT_ONCE as u64);
        assert_eq!(forget(None, Some(0)), AT_ONCE as u64);
        assert_eq!(forget(Some(2), None), 3);
        assert_eq!(store.count().unwrap(), 0);
    }

    #[test]
    fn a_node_that_sends_much_pushes_out_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let large = |id: u32, bytes: usize| at(id, i64::from(id), |f| f.description = "x".repeat(bytes));
        store.put("quiet", 1, &[large(1, 1000), large(2, 1000)]).unwrap();
        for id in 10..30 {
            store.put("loud", i64::from(id), &[large(id, 1000)]).unwrap();
        }
        // A version that replaces another counts once.
        store.put("loud", 30, &[large(29, 10)]).unwrap();
        assert_eq!(store.forget(None, Some(10_000), &[]).unwrap(), 12);
        let left = ids(&store, &Search::default());
        assert!(left.ends_with(&["2".to_owned(), "1".to_owned()]), "{left:?}");
        assert!(left.starts_with(&["29".to_owned(), "28".to_owned()]), "{left:?}");
        let sums = "SELECT node, COUNT(*), SUM(LENGTH(message)) FROM finding GROUP BY node ORDER BY node";
        let all = |sql: &str| -> Vec<(String, i64, i64)> {
            let mut statement = store.connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(all(sums), all("SELECT node, findings, bytes FROM held ORDER BY node"));
    }

    #[test]
    fn nodes_that_are_there_no_more_give_way_together() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let large = |id: u32| at(id, i64::from(id), |f| f.description = "x".repeat(1000));
        for id in 0..50 {
            store.put(&format!("gone-{id}"), i64::from(id), &[large(id)]).unwrap();
        }
        for id in 100..105 {
            store.put("here", SILENT_NS + 1000, &[large(id)]).unwrap();
        }
        store.forget(None, Some(11_000), &[]).unwrap();
        let left = ids(&store, &Search::default());
        assert!(left.starts_with(&["104", "103", "102", "101", "100", "49"].map(str::to_owned)), "{left:?}");
        assert!((9..=11).contains(&left.len()), "{left:?}");
    }
}
