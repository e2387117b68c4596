//! Findings in an SQLite database, one row each, by name.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use prost::Message;
use proto::scc::Finding;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension,
    backup::{Backup, StepResult},
    params,
};

use crate::{
    backlog::Backlog,
    error::StoreError,
    filing::{self, Budget},
    handle::Progress,
    incoming::Incoming,
    schema::{self, VERSION},
    search::Search,
    stored::Stored,
};

/// What an element of a finding takes in memory, at most and without its text.
const ELEMENT_BYTES: usize = 320;
/// Bytes of findings, in memory, that are read at once.
const READ_BYTES: usize = 16 << 20;
/// How long a backup waits for others that lock the database, or its copy.
const BACKUP: Duration = Duration::from_mins(1);
/// Bytes that the write-ahead log keeps on disk when it is empty again.
const LOG_BYTES: i64 = 16 << 20;

/// What a sink was not given before its turn. The sink's name is the second parameter.
const NOT_GIVEN: &str = "NOT EXISTS (SELECT 1 FROM sink_ahead WHERE sink = ?2 AND seq = finding.seq)";
/// Of how many of its newest findings a node's next is chosen: what was given of them is passed over each time.
const LOOKED_AT: usize = 200;

/// Up to where a sink has written everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sink's name.
    pub sink: String,
    /// A sequence number.
    pub seq: i64,
}

/// The database. One writer and any number of readers, each with its own connection.
pub struct Store {
    pub(crate) connection: Connection,
}

impl Store {
    /// Opens the database for writing; makes it when it is not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |e| StoreError::Open(path.to_owned(), e);
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        // A log that grew while a reader held it back gives the disk's room back afterwards.
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(failed)?;
        // An acknowledged finding must survive a power cut, so every commit reaches the disk.
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        // Names and hashes are spread all over their indexes; with these pages at hand they need no disk.
        connection.pragma_update(None, "cache_size", -32 * 1024).map_err(failed)?;
        // The log is brought in by `checkpoint`, beside the writer; should it lag, the writer helps at 128 MiB.
        connection.pragma_update(None, "wal_autocheckpoint", 32_000).map_err(failed)?;
        let version = schema::migrate(&mut connection)?;
        if version > VERSION {
            return Err(StoreError::Newer(path.to_owned(), version, VERSION));
        }
        Ok(Self { connection })
    }

    /// Opens an existing database for reading.
    pub fn open_for_reading(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|e| StoreError::Open(path.to_owned(), e))?;
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(Self { connection })
    }

    /// Stores findings in one transaction. A finding of a known name replaces the stored one.
    pub fn put(&mut self, node: &str, stored_ns: i64, findings: &[Incoming]) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        filing::put(&transaction, node, stored_ns, findings, &mut Budget::default())?;
        transaction.commit()?;
        Ok(())
    }

    /// Stores several senders' findings in one transaction.
    pub fn put_all<'a>(
        &mut self,
        stored_ns: i64,
        groups: impl Iterator<Item = (&'a str, &'a [Incoming])>,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        let mut budget = Budget::default();
        for (node, findings) in groups {
            filing::put(&transaction, node, stored_ns, findings, &mut budget)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Findings that fit, newest first.
    pub fn search(&self, search: &Search, limit: u32) -> Result<Vec<Stored>, StoreError> {
        Ok(self.found(search, limit, usize::MAX)?.0)
    }

    /// As above, as many as a server has memory for, and whether there may be more.
    pub fn page(&self, search: &Search, limit: u32) -> Result<(Vec<Stored>, bool), StoreError> {
        let (found, is_cut) = self.found(search, limit, READ_BYTES)?;
        let more = is_cut || found.len() == limit as usize;
        Ok((found, more))
    }

    fn found(&self, search: &Search, limit: u32, bytes: usize) -> Result<(Vec<Stored>, bool), StoreError> {
        let (condition, bound) = search.condition();
        let sql = format!(
            "SELECT seq, stored_ns, node, message FROM finding WHERE {condition} ORDER BY event_ns DESC, seq DESC LIMIT {limit}"
        );
        self.query(&sql, rusqlite::params_from_iter(bound), bytes)
    }

    /// When the newest finding was stored, since the epoch.
    pub(crate) fn newest(&self) -> Result<Option<Duration>, StoreError> {
        let newest: Option<i64> = self
            .connection
            .query_row("SELECT stored_ns FROM finding ORDER BY seq DESC LIMIT 1", [], |r| r.get(0))
            .optional()?;
        Ok(newest.map(|ns| Duration::from_nanos(ns.try_into().unwrap_or_default())))
    }

    /// Writes something that changes nothing.
    pub(crate) fn try_out(&mut self) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
        Ok(())
    }

    /// Copies the database to a file while others read and write it, with everything that was taken in before.
    pub fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        if let Some(path) = self.connection.path() {
            Backlog::wait(Path::new(path), BACKUP)?;
        }
        let mut copy = Connection::open(to).map_err(|e| StoreError::Open(to.to_owned(), e))?;
        let backup = Backup::new(&self.connection, &mut copy)?;
        // In one step: between two steps a write would make it begin anew, and there is always one. Writers go on meanwhile; what they
        // write stays in the log until this is done.
        let begun = Instant::now();
        loop {
            match backup.step(-1)? {
                StepResult::Done => return Ok(()),
                _ if begun.elapsed() > BACKUP => return Err(StoreError::Backup(to.to_owned())),
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Findings stored or updated after `seq`, oldest first.
    pub fn after(&self, seq: i64) -> Result<Vec<Stored>, StoreError> {
        let sql = "SELECT seq, stored_ns, node, message FROM finding WHERE seq > ?1 ORDER BY seq LIMIT 1000";
        Ok(self.query(sql, [seq], READ_BYTES)?.0)
    }

    /// All that this reader reads from here on is as it is now.
    pub fn freeze(&self) -> Result<(), StoreError> {
        // Ends with the connection.
        Ok(self.connection.execute_batch("BEGIN")?)
    }

    /// Findings that a sink has not written yet: those behind its place, oldest first, but for what it was given before.
    pub fn waiting(&self, sink: &str, place: i64) -> Result<Vec<Stored>, StoreError> {
        let sql = format!(
            "SELECT seq, stored_ns, node, message FROM finding WHERE seq > ?1 AND {NOT_GIVEN} ORDER BY seq LIMIT 1000"
        );
        Ok(self.query(&sql, params![place, sink], READ_BYTES)?.0)
    }

    /// Of these some that are to go first: the newest urgent ones, of all nodes in turn, so that none stands before others by sending
    /// much, and the newest of the rest.
    ///
    /// `served` says when a node was in turn last.
    pub fn waiting_first(
        &self,
        sink: &str,
        place: i64,
        limit: usize,
        served: impl Fn(&str) -> u64,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut nodes = self.connection.prepare_cached("SELECT node FROM held")?;
        let mut of_node = self.connection.prepare_cached(&format!(
            "SELECT seq FROM (SELECT seq FROM finding WHERE node = ?3 AND urgent AND seq > ?1 ORDER BY seq DESC LIMIT {LOOKED_AT})
             AS finding WHERE {NOT_GIVEN} LIMIT ?4"
        ))?;
        let mut first: Vec<(usize, u64, i64)> = Vec::new();
        let mut all = nodes.query([])?;
        while let Some(node) = all.next()? {
            let node: String = node.get(0)?;
            let seqs = of_node.query_map(params![place, sink, node, limit], |row| row.get(0))?;
            for (turn, seq) in seqs.enumerate() {
                first.push((turn, served(&node), seq?));
            }
        }
        first.sort_unstable_by_key(|(turn, served, seq)| (*turn, *served, std::cmp::Reverse(*seq)));
        let mut seqs: Vec<i64> = first.into_iter().map(|(_, _, seq)| seq).take(limit).collect();
        let mut newest = self.connection.prepare_cached(&format!(
            "SELECT seq FROM (SELECT seq, urgent FROM finding WHERE seq > ?1 ORDER BY seq DESC LIMIT {LOOKED_AT})
             AS finding WHERE NOT urgent AND {NOT_GIVEN} LIMIT ?3"
        ))?;
        let rest = newest.query_map(params![place, sink, limit - seqs.len()], |row| row.get(0))?;
        seqs.extend(rest.collect::<Result<Vec<i64>, _>>()?);
        let mut found = Vec::new();
        let sql = "SELECT seq, stored_ns, node, message FROM finding WHERE seq = ?1";
        for seq in seqs {
            found.extend(self.query(sql, [seq], READ_BYTES)?.0);
        }
        Ok(found)
    }

    /// How many findings a sink was given that are beyond its place.
    pub fn ahead_of(&self, sink: &str) -> Result<i64, StoreError> {
        let sql = "SELECT COUNT(*) FROM sink_ahead WHERE sink = ?1";
        Ok(self.connection.query_row(sql, [sink], |row| row.get(0))?)
    }

    /// Where a sink is.
    pub(crate) fn place(&self, sink: &str) -> Result<Place, StoreError> {
        Ok(Place { sink: sink.to_owned(), seq: self.place_of(sink)? })
    }

    /// The sequence number up to which a sink has written.
    pub fn place_of(&self, sink: &str) -> Result<i64, StoreError> {
        let place = self
            .connection
            .query_row("SELECT seq FROM sink WHERE name = ?1", [sink], |row| row.get(0))
            .optional()?;
        Ok(place.unwrap_or(0))
    }

    /// Notes how far a sink has come.
    pub fn note_progress(&mut self, progress: &Progress) -> Result<(), StoreError> {
        let Progress { sink, seq, ahead, refused } = progress;
        let transaction = self.connection.transaction()?;
        for seq in ahead {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO sink_ahead (sink, seq) VALUES (?1, ?2)")?
                .execute(params![sink, seq])?;
        }
        transaction.execute("DELETE FROM sink_ahead WHERE sink = ?1 AND seq <= ?2", params![sink, seq])?;
        transaction.execute(
            "INSERT INTO sink (name, seq, refused) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, refused = refused + excluded.refused",
            params![sink, seq, i64::try_from(*refused).unwrap_or(i64::MAX)],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The highest sequence number there is.
    pub fn last_seq(&self) -> Result<i64, StoreError> {
        Ok(self.connection.query_row("SELECT COALESCE(MAX(seq), 0) FROM finding", [], |row| row.get(0))?)
    }

    /// The finding of this name, or whose name ends in this id; without a node, of several the one that was stored last.
    pub fn find(&self, name_or_id: &str, node: Option<&str>) -> Result<Option<Stored>, StoreError> {
        let column = if name_or_id.contains('/') { "name" } else { "id" };
        let sql = format!(
            "SELECT seq, stored_ns, node, message FROM finding WHERE {column} = ?1 AND node = COALESCE(?2, node) ORDER BY seq DESC LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_row(params![name_or_id, node], raw).optional()?.map(stored).transpose()
    }

    /// How many findings there are.
    pub fn count(&self) -> Result<u64, StoreError> {
        Ok(self.connection.query_row("SELECT COUNT(*) FROM finding", [], |row| row.get::<_, i64>(0))? as u64)
    }

    /// The rows of a question until they have so many bytes, at least one, and whether that cut them off.
    fn query(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        most: usize,
    ) -> Result<(Vec<Stored>, bool), StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let (mut rows, mut found, mut bytes) = (statement.query(parameters)?, Vec::new(), 0usize);
        while let Some(row) = rows.next()? {
            let row = raw(row)?;
            // Whatever was stored before the collector counted elements was a sensor's.
            let elements = proto::elements::of_finding(&row.3, usize::MAX).unwrap_or_default();
            bytes = bytes.saturating_add(row.3.len() + elements * ELEMENT_BYTES);
            found.push(stored(row)?);
            if bytes >= most {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }
}

type Raw = (i64, i64, String, Vec<u8>);

fn raw(row: &rusqlite::Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn stored((seq, stored_ns, node, message): Raw) -> Result<Stored, StoreError> {
    Ok(Stored { seq, stored_ns, node, finding: Finding::decode(&message[..])? })
}

#[cfg(test)]
pub(crate) mod tests {
    use proto::well_known::{ListValue, Value, value::Kind};

    use super::*;
    use crate::search::Cursor;

    fn finding(name: &str, description: &str) -> Incoming {
        incoming(&Finding {
            name: name.to_owned(),
            description: description.to_owned(),
            ..Finding::default()
        })
    }

    fn incoming(finding: &Finding) -> Incoming {
        Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), 1)
    }

    #[test]
    fn the_same_finding_twice_is_one_row_and_the_later_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        let mut store = Store::open(&path).unwrap();
        store.put("n", 1, &[finding("a/findings/1", "old"), finding("a/findings/2", "x")]).unwrap();
        let seen = store.last_seq().unwrap();
        store.put("n", 2, &[Incoming { revision: 2, ..finding("a/findings/1", "new") }]).unwrap();
        // Late, over a connection thought dead.
        store.put("n", 3, &[finding("a/findings/1", "old")]).unwrap();
        // Under the name of another node's it is another finding, before or after.
        store.put("m", 4, &[Incoming { revision: 9, ..finding("a/findings/1", "forged") }]).unwrap();
        assert_eq!(store.count().unwrap(), 3);
        let reader = Store::open_for_reading(&path).unwrap();
        let found = |name, node| reader.find(name, node).unwrap().unwrap().finding.description;
        assert_eq!([found("1", None), found("1", Some("n"))], ["forged", "new"]);
        assert_eq!(found("a/findings/1", Some("m")), "forged");
        let news = reader.after(seen).unwrap();
        assert_eq!(news.len(), 2);
        let told = |at: usize| (news[at].node.as_str(), news[at].finding.description.as_str());
        assert_eq!([told(0), told(1)], [("n", "new"), ("m", "forged")]);
        assert!(reader.find("' OR 1=1 --", None).unwrap().is_none());
    }

    #[test]
    fn what_goes_first_is_of_all_nodes_in_turn_and_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let of = |id: u32, level: &str| at(id, i64::from(id), |f| property(f, "Triage_Level", level));
        store.put("quiet", 1, &[of(1, "urgent"), of(2, "usual")]).unwrap();
        store.put("loud", 2, &(10..40).map(|id| of(id, "urgent")).collect::<Vec<_>>()).unwrap();
        let ids = |found: &[Stored]| -> Vec<String> {
            found.iter().map(|s| s.finding.name.rsplit('/').next().unwrap().to_owned()).collect()
        };
        let first = store.waiting_first("s", 0, 4, |_| 0).unwrap();
        assert_eq!(ids(&first), ["39", "1", "38", "37"]);
        let served = |node: &str| u64::from(node == "loud");
        assert_eq!(ids(&store.waiting_first("s", 0, 2, served).unwrap()), ["1", "39"]);
        let ahead = first.iter().map(|stored| stored.seq).collect();
        store.note_progress(&Progress { sink: "s".to_owned(), seq: 0, ahead, refused: 0 }).unwrap();
        assert_eq!(ids(&store.waiting_first("s", 0, 2, |_| 0).unwrap()), ["36", "35"]);
        assert_eq!(ids(&store.waiting("s", 0).unwrap())[..2], ["2", "10"]);
        assert_eq!(store.waiting("another", 0).unwrap().len(), 32);
        // When the urgent ones are gone, the newest of the rest.
        let ahead = (4..=32).collect();
        store.note_progress(&Progress { sink: "s".to_owned(), seq: 0, ahead, refused: 0 }).unwrap();
        assert_eq!(ids(&store.waiting_first("s", 0, 2, |_| 0).unwrap()), ["10", "2"]);
        store.note_progress(&Progress { sink: "s".to_owned(), seq: 32, ahead: vec![], refused: 0 }).unwrap();
        assert_eq!((store.ahead_of("s").unwrap(), store.waiting("s", 32).unwrap().len()), (0, 0));
    }

    #[test]
    fn a_backup_ends_though_findings_come() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        let mut store = Store::open(&path).unwrap();
        let many: Vec<Incoming> =
            (0..2000).map(|n| finding(&format!("a/findings/{n}"), &"x".repeat(4000))).collect();
        store.put("n", 1, &many).unwrap();
        let is_done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let backing_up = scope.spawn(|| {
                let copied = Store::open_for_reading(&path).unwrap().back_up(&dir.path().join("copy.db"));
                is_done.store(true, std::sync::atomic::Ordering::Relaxed);
                copied
            });
            let begun = Instant::now();
            for n in 2000.. {
                store.put("n", 1, &[finding(&format!("a/findings/{n}"), "y")]).unwrap();
                if is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(10), "it does not end");
            }
            backing_up.join().unwrap().unwrap();
        });
        let copy = Store::open_for_reading(&dir.path().join("copy.db")).unwrap();
        assert!(copy.count().unwrap() >= 2000);
    }

    #[test]
    fn large_findings_are_read_in_portions() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let large: Vec<Incoming> =
            (0..4).map(|n| finding(&format!("a/findings/{n}"), &"x".repeat(READ_BYTES / 3 + 1))).collect();
        store.put("n", 1, &large).unwrap();
        let first = store.after(0).unwrap();
        assert_eq!(first.len(), 3);
        assert_eq!(store.after(first[2].seq).unwrap().len(), 1);
        let (page, more) = store.page(&Search::default(), 100).unwrap();
        assert_eq!((page.len(), more), (3, true));
        let after = page.last().map(Stored::cursor);
        let (page, more) = store.page(&Search { after, ..Search::default() }, 100).unwrap();
        assert_eq!((page.len(), more), (1, false));
    }

    pub(crate) fn at(id: u32, seconds: i64, change: impl FnOnce(&mut Finding)) -> Incoming {
        let mut finding = Finding { name: format!("a/findings/{id}"), ..Finding::default() };
        finding.event_time = Some(proto::well_known::Timestamp { seconds, nanos: 0 });
        change(&mut finding);
        incoming(&finding)
    }

    fn property(finding: &mut Finding, key: &str, value: &str) {
        let value = Value { kind: Some(Kind::StringValue(value.to_owned())) };
        finding.source_properties.insert(key.to_owned(), value);
    }

    pub(crate) fn ids(store: &Store, search: &Search) -> Vec<String> {
        let found = store.search(search, 100).unwrap();
        found.iter().map(|s| s.finding.name.rsplit('/').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_is_searched_by_is_found_and_hostile_words_find_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let all = [
            at(1, 100, |f| {
                property(f, "Pod_Name", "web-0");
                property(f, "Pod_Namespace", "shop");
                property(f, "Container_Image_Uri", "registry.example/web:1");
                property(f, "Script_Origin", "stdin");
                property(f, "Script_Written_By", "curl");
            }),
            at(2, 200, |f| {
                property(f, "Pod_Name", "web-0");
                property(f, "Pod_Namespace", "other");
                property(f, "Script_Origin", "file");
                property(f, "Script_Provenance", "written");
            }),
            at(3, 300, |f| {
                let id = Value { kind: Some(Kind::StringValue("T1053.003".to_owned())) };
                let list = Value { kind: Some(Kind::ListValue(ListValue { values: vec![id] })) };
                f.source_properties.insert("Verdict_Techniques".to_owned(), list);
            }),
        ];
        store.put("n", 1, &all).unwrap();
        let search = |change: fn(&mut Search)| {
            let mut search = Search::default();
            change(&mut search);
            ids(&store, &search)
        };
        assert_eq!(search(|_| {}), ["3", "2", "1"]);
        assert_eq!(search(|s| s.pod = Some("web-0".to_owned())), ["2", "1"]);
        assert_eq!(search(|s| s.pod = Some("shop/web-0".to_owned())), ["1"]);
        assert_eq!(search(|s| s.image = Some("registry.example/".to_owned())), ["1"]);
        assert_eq!(search(|s| s.origin = Some("stdin".to_owned())), ["1"]);
        assert_eq!(search(|s| s.provenance = Some("written".to_owned())), ["2"]);
        assert_eq!(search(|s| s.written_by = Some("curl".to_owned())), ["1"]);
        assert_eq!(search(|s| s.written_by = Some("' OR 1".to_owned())), Vec::<String>::new());
        assert_eq!(search(|s| s.technique = Some("T1053".to_owned())), ["3"]);
        assert_eq!(search(|s| s.technique = Some("T105".to_owned())), Vec::<String>::new());
        assert_eq!(search(|s| s.since_ns = Some(200_000_000_000)), ["3", "2"]);
        assert_eq!(search(|s| s.until_ns = Some(200_000_000_000)), ["1"]);
        assert_eq!(search(|s| s.node = Some("n' OR '1'='1".to_owned())), Vec::<String>::new());
        assert_eq!(search(|s| s.pod = Some("%".to_owned())), Vec::<String>::new());
    }

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        // Some happened at the same time.
        let all: Vec<Incoming> = (0..25).map(|id| at(id, i64::from(id / 3), |_| {})).collect();
        store.put("n", 1, &all).unwrap();
        let (mut seen, mut search) = (Vec::new(), Search::default());
        loop {
            let page = store.search(&search, 4).unwrap();
            let Some(last) = page.last() else { break };
            search.after = Some(last.cursor().to_string().parse().unwrap());
            seen.extend(page.iter().map(|s| s.seq));
        }
        assert_eq!(seen.len(), 25);
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
        assert!("x".parse::<Cursor>().is_err());
    }

    #[test]
    fn a_number_is_never_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let numbers = |store: &Store| -> Vec<i64> {
            let mut statement = store.connection.prepare("SELECT seq FROM finding ORDER BY seq").unwrap();
            let rows = statement.query_map([], |r| r.get(0)).unwrap();
            rows.collect::<Result<_, _>>().unwrap()
        };
        let revised = |id: u32, revision: u64| {
            let finding = at(id, 1, |_| {});
            Incoming { revision, ..finding }
        };
        store.put("a", 1, &[revised(1, 1)]).unwrap();
        store.put("b", 1, &[revised(2, 1)]).unwrap();
        store.put("b", 1, &[revised(2, 2)]).unwrap();
        assert_eq!(numbers(&store), [1, 3]);
        store.connection.execute("DELETE FROM finding WHERE seq = 3", []).unwrap();
        store.put("a", 1, &[revised(1, 2)]).unwrap();
        assert_eq!(numbers(&store), [4]);
    }

    #[test]
    fn a_backup_is_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        store.put("n", 1, &[finding("a/findings/1", "x")]).unwrap();
        let copy = dir.path().join("copy.db");
        Store::open_for_reading(&dir.path().join("f.db")).unwrap().back_up(&copy).unwrap();
        assert_eq!(Store::open(&copy).unwrap().count().unwrap(), 1);
    }

    #[test]
    fn a_database_of_the_first_version_is_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE finding (seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
             event_ns INTEGER NOT NULL, stored_ns INTEGER NOT NULL, node TEXT NOT NULL, sha256 TEXT NOT NULL,
             message BLOB NOT NULL) STRICT;
             CREATE INDEX finding_event ON finding (event_ns); CREATE INDEX finding_sha256 ON finding (sha256);
             PRAGMA user_version = 1;",
        )
        .unwrap();
        let message = at(7, 70, |f| property(f, "Pod_Name", "web-0")).message.to_vec();
        old.execute("INSERT INTO finding VALUES (1, 'a/findings/7', 70000000000, 1, 'n', '', ?1)", [message])
            .unwrap();
        drop(old);
        let mut store = Store::open(&path).unwrap();
        let search = Search { pod: Some("web-0".to_owned()), ..Search::default() };
        assert_eq!(ids(&store, &search), ["7"]);
        store.put("n", 1, &[at(8, 80, |_| {})]).unwrap();
        assert_eq!(store.count().unwrap(), 2);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.db");
        Store::open(&path).unwrap().connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::Newer(_, 99, _))));
    }
}
