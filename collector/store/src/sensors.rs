//! The sensors that were heard of: how each is, and since when nothing was heard of it.

use std::time::Duration;

use rusqlite::params;
use semver::Version;

use crate::{error::StoreError, store::Store};

/// A sensor that nothing was heard of for so long is silent: each says once a minute how it is.
const SILENT: Duration = Duration::from_mins(5);
/// A sensor whose oldest finding waits for longer than this is behind.
const BEHIND: Duration = Duration::from_mins(1);
/// A sensor that nothing was heard of for so long is forgotten: its node is gone.
const FORGOTTEN: Duration = Duration::from_hours(3 * 24);
/// Sensors remembered: clients without a certificate may claim any number of names.
pub(crate) const SENSORS_MAX: usize = 32_768;

/// What a sensor said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Findings that wait to be stored.
    pub waiting: u64,
    /// Age of the oldest of them, seconds.
    pub oldest_seconds: u64,
    /// What it could not see or judge lately: reasons, as in its findings.
    pub impairments: Vec<String>,
    /// It stops, as it was asked to.
    pub stopping: bool,
}

/// Word of a sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its node.
    pub node: String,
    /// Its version.
    pub version: String,
    /// When it was heard of, Unix time in ns.
    pub seen_ns: i64,
    /// How it is; `None` when it did not say: then it is as it was. One that never said is of a version that does not.
    pub health: Option<Health>,
}

/// How a sensor is, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing was heard of it for five minutes, and it did not say that it stops.
    Silent,
    /// It could not see or judge something lately.
    Impaired,
    /// Findings wait for more than a minute.
    Behind,
    /// Its version is lower than this collector's.
    Outdated,
    /// It stopped as it was asked to.
    Stopped,
    /// None of that.
    Ok,
}

impl State {
    /// Each of them, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Silent, Self::Impaired, Self::Behind, Self::Outdated, Self::Stopped, Self::Ok];

    /// The name in metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Impaired => "impaired",
            Self::Behind => "behind",
            Self::Outdated => "outdated",
            Self::Stopped => "stopped",
            Self::Ok => "ok",
        }
    }
}

/// A sensor, and what is stored of its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensor {
    /// The last word of it.
    pub word: Word,
    /// Findings stored of its node.
    pub findings: u64,
}

/// Who looks at sensors, and when.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Unix time in ns.
    pub now_ns: i64,
    /// Since when sensors could be heard, Unix time in ns: nothing is silent for what came before.
    pub since_ns: i64,
    /// The collector's version.
    pub version: &'a str,
}

impl View<'static> {
    /// Now, by a program of this version that does not know since when sensors could be heard.
    pub fn now(version: &'static str) -> Self {
        let now_ns = i64::try_from(clock::now_unix_ns()).unwrap_or(i64::MAX);
        Self { now_ns, since_ns: 0, version }
    }
}

impl Sensor {
    /// Is it in this state? It can be impaired, behind and outdated at once; of one that is silent or stopped no more is known.
    pub fn is(&self, state: State, view: View<'_>) -> bool {
        let Some(health) = &self.word.health else { return state == State::Outdated };
        let silent_for =
            view.now_ns.saturating_sub(self.word.seen_ns.max(view.since_ns.min(view.now_ns))).unsigned_abs();
        // A time that is far ahead was noted before the clock was set back.
        let is_silent = !health.stopping && u128::from(silent_for) > SILENT.as_nanos();
        let is_there = !health.stopping && !is_silent;
        match state {
            State::Silent => is_silent,
            State::Stopped => health.stopping,
            State::Impaired => is_there && !health.impairments.is_empty(),
            State::Behind => is_there && health.oldest_seconds > BEHIND.as_secs(),
            State::Outdated => is_there && is_older(&self.word.version, view.version),
            State::Ok => State::ALL.iter().all(|other| *other == State::Ok || !self.is(*other, view)),
        }
    }

    /// The worst of its states.
    pub fn state(&self, view: View<'_>) -> State {
        State::ALL.into_iter().find(|state| self.is(*state, view)).unwrap_or(State::Ok)
    }
}

/// A version that is none is older than every other.
fn is_older(one: &str, than: &str) -> bool {
    Version::parse(one).ok() < Version::parse(than).ok()
}

impl Store {
    /// Notes what was heard of sensors, and forgets those of which nothing was for days.
    pub fn note_sensors(&mut self, words: &[Word], now_ns: i64) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO sensor VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (node) DO UPDATE SET version = excluded.version, seen_ns = excluded.seen_ns,
                     speaks = excluded.speaks, waiting = excluded.waiting, oldest_s = excluded.oldest_s,
                     impairments = excluded.impairments, is_stopping = excluded.is_stopping",
            )?;
            let mut update = transaction.prepare_cached(
                "UPDATE sensor SET version = ?2, seen_ns = ?3, is_stopping = FALSE WHERE node = ?1",
            )?;
            for word in words {
                let is_known = word.health.is_none()
                    && update.execute(params![word.node, word.version, word.seen_ns])? > 0;
                if !is_known {
                    let health = word.health.clone().unwrap_or_default();
                    insert.execute(params![
                        word.node,
                        word.version,
                        word.seen_ns,
                        word.health.is_some(),
                        signed(health.waiting),
                        signed(health.oldest_seconds),
                        health.impairments.join(" "),
                        health.stopping,
                    ])?;
                }
            }
        }
        let forgotten = now_ns.saturating_sub(i64::try_from(FORGOTTEN.as_nanos()).unwrap_or(i64::MAX));
        transaction.execute("DELETE FROM sensor WHERE seen_ns < ?1", [forgotten])?;
        transaction.execute(
            "DELETE FROM sensor WHERE node IN (SELECT node FROM sensor ORDER BY seen_ns DESC LIMIT -1 OFFSET ?1)",
            [SENSORS_MAX as i64],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// All sensors that are remembered, by node.
    pub fn sensors(&self) -> Result<Vec<Sensor>, StoreError> {
        let mut select = self.connection.prepare_cached(
            "SELECT node, version, seen_ns, speaks, waiting, oldest_s, impairments, is_stopping, COALESCE(findings, 0)
             FROM sensor LEFT JOIN held USING (node) ORDER BY node",
        )?;
        let rows = select.query_map([], |row| {
            let health = Health {
                waiting: row.get::<_, i64>(4)?.unsigned_abs(),
                oldest_seconds: row.get::<_, i64>(5)?.unsigned_abs(),
                impairments: row.get::<_, String>(6)?.split_whitespace().map(str::to_owned).collect(),
                stopping: row.get(7)?,
            };
            let health = row.get::<_, bool>(3)?.then_some(health);
            let word = Word { node: row.get(0)?, version: row.get(1)?, seen_ns: row.get(2)?, health };
            Ok(Sensor { word, findings: row.get::<_, i64>(8)?.unsigned_abs() })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn word(node: &str, seen_s: i64, health: Option<Health>) -> Word {
        Word { node: node.to_owned(), version: "1.2.0".to_owned(), seen_ns: seen_s * SECOND, health }
    }

    fn at(now_s: i64) -> View<'static> {
        View { now_ns: now_s * SECOND, since_ns: 0, version: "1.2.0" }
    }

    fn states(store: &Store, now_s: i64) -> Vec<(String, State)> {
        let sensors = store.sensors().unwrap();
        sensors.iter().map(|s| (s.word.node.clone(), s.state(at(now_s)))).collect()
    }

    #[test]
    fn how_each_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let health = |change: fn(&mut Health)| {
            let mut health = Health::default();
            change(&mut health);
            Some(health)
        };
        let words = [
            word("a", 1000, health(|_| {})),
            word("b", 1000, health(|h| h.oldest_seconds = 61)),
            word("c", 1000, health(|h| (h.oldest_seconds, h.impairments) = (61, vec!["x".to_owned()]))),
            word("d", 1000, health(|h| h.stopping = true)),
            word("e", 1000, None),
            Word { version: "1.1.9".to_owned(), ..word("f", 1000, health(|_| {})) },
        ];
        store.note_sensors(&words, 1000 * SECOND).unwrap();
        let named = |states: [State; 6]| -> Vec<(String, State)> {
            ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into_iter().zip(states).collect()
        };
        let [silent, impaired, behind, outdated, stopped, ok] = State::ALL;
        assert_eq!(states(&store, 1300), named([ok, behind, impaired, stopped, outdated, outdated]));
        assert_eq!(states(&store, 1301), named([silent, silent, silent, stopped, outdated, silent]));
        // The clock was set back.
        assert_eq!(states(&store, 699), named([silent, silent, silent, stopped, outdated, silent]));
        let both = &store.sensors().unwrap()[2];
        assert!(both.is(impaired, at(1000)) && both.is(behind, at(1000)) && !both.is(ok, at(1000)));
        assert!(both.is(silent, at(2000)) && !both.is(impaired, at(2000)));
        // A beginning that is ahead was before the clock was set back.
        assert!(!store.sensors().unwrap()[0].is(silent, View { since_ns: 9000 * SECOND, ..at(1000) }));
        // Before it could be heard nobody is silent.
        assert!(!both.is(silent, View { since_ns: 1900 * SECOND, ..at(2000) }));
        // Word without more leaves how they are, but that one runs again.
        let again = ["a", "c", "d", "e"].map(|node| word(node, 1400, None));
        store.note_sensors(&again, 1400 * SECOND).unwrap();
        assert_eq!(states(&store, 1400), named([ok, silent, impaired, ok, outdated, silent]));
        store.note_sensors(&[], (1300 + 3 * 86_400) * SECOND).unwrap();
        assert_eq!(store.sensors().unwrap().len(), 4);
    }

    #[test]
    fn names_without_end_fill_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        for thousand in 0..35 {
            let words: Vec<Word> =
                (0..1000).map(|n| word(&format!("n{n}-{thousand}"), thousand, None)).collect();
            store.note_sensors(&words, thousand * SECOND).unwrap();
        }
        let sensors = store.sensors().unwrap();
        assert_eq!(sensors.len(), SENSORS_MAX);
        assert!(sensors.iter().all(|s| s.word.seen_ns >= 2 * SECOND));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_older("0.9.0", "0.10.0") && is_older("", "0.0.1") && is_older("1.0.0-rc.1", "1.0.0"));
        assert!(!is_older("0.10.0", "0.9.0") && !is_older("1.0.0", "1.0.0") && !is_older("2.0.0", "x"));
    }
}
