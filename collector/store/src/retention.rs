//! How long findings are kept.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::{info, warn};

use metrics::Metrics;

use crate::{error::StoreError, forgetting::AT_ONCE, store::Store, timeline::Timeline};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_mins(1);
/// What a sink has not taken is kept for so many times the limits, and then it is too late.
const GRACE_FACTOR: u32 = 2;

/// What is kept. Without limits, everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// How long a finding is kept after it was stored.
    pub age: Option<Duration>,
    /// Bytes of findings that are kept.
    pub bytes: Option<u64>,
}

impl Limits {
    fn times(self, n: u32) -> Self {
        Self {
            age: self.age.map(|age| age.saturating_mul(n)),
            bytes: self.bytes.map(|bytes| bytes.saturating_mul(n.into())),
        }
    }

    /// Unix time in ns before which findings are too old.
    fn before(self, now: Duration) -> Option<i64> {
        self.age.map(|age| i64::try_from(now.saturating_sub(age).as_nanos()).unwrap_or(i64::MAX))
    }
}

/// Applies limits every now and then.
pub struct Retention {
    limits: Limits,
    /// Names of the sinks that are to have findings before they are forgotten.
    sinks: Vec<String>,
    last: Option<Instant>,
    /// There is more to forget than the last time took.
    is_behind: bool,
    timeline: Option<Timeline>,
}

impl Retention {
    /// Limits, and the sinks that are waited for.
    pub fn new(limits: Limits, sinks: Vec<String>) -> Self {
        Self { limits, sinks, last: None, is_behind: false, timeline: None }
    }

    /// To be called after every write, with the bytes of what was stored, and while there are none.
    pub fn apply_now_and_then(&mut self, store: &mut Store, metrics: &Metrics, stored_bytes: u64) {
        if !self.is_behind && self.last.is_some_and(|last| last.elapsed() < PERIOD) {
            return;
        }
        self.last = Some(Instant::now());
        let mut forgotten_bytes = 0;
        // At least as much goes as came: who sends much cannot outrun it.
        loop {
            self.is_behind = false;
            match self.apply(store, metrics) {
                Ok(bytes) => forgotten_bytes += bytes,
                Err(e) => warn!("retention could not be applied: {e}"),
            }
            if !self.is_behind || forgotten_bytes >= stored_bytes {
                return;
            }
        }
    }

    /// Whether it is to be called again soon.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// A portion; returns how many bytes are gone.
    fn apply(&mut self, store: &mut Store, metrics: &Metrics) -> Result<u64, StoreError> {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let timeline = match &mut self.timeline {
            Some(timeline) => timeline,
            none => none.insert(Timeline::new(wall, Instant::now(), store.newest()?.unwrap_or(wall))),
        };
        let now = timeline.at(wall, Instant::now());
        let sinks = self.sinks.iter().map(|sink| store.place(sink)).collect::<Result<Vec<_>, _>>()?;
        let held = store.bytes()?;
        let forgotten = store.forget(self.limits.before(now), self.limits.bytes, &sinks)?;
        self.is_behind = forgotten >= AT_ONCE as u64;
        if forgotten > 0 {
            info!("{forgotten} findings were past their retention and are gone");
            metrics.deleted.inc_by(forgotten);
        }
        // What sinks have goes first: what is left then is missed.
        if !sinks.is_empty() && !self.is_behind {
            let late = self.limits.times(GRACE_FACTOR);
            let missed = store.forget(late.before(now), late.bytes, &[])?;
            self.is_behind = missed >= AT_ONCE as u64;
            if missed > 0 {
                warn!("{missed} findings were forgotten before every sink had them");
                metrics.deleted.inc_by(missed);
                metrics.missed.inc_by(missed);
            }
        }
        Ok(held.saturating_sub(store.bytes()?))
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;
    use prost::Message;
    use proto::scc::Finding;

    use super::*;
    use crate::{handle::Progress, incoming::Incoming};

    /// An encoded finding of so many bytes, an even number: its state, again and again.
    fn of_size(bytes: usize) -> bytes::Bytes {
        [0x30, 1].repeat(bytes / 2).into()
    }

    #[test]
    fn what_a_sink_has_not_taken_is_kept_for_a_while() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let stored = |hours_ago: u64| now.saturating_sub(Duration::from_hours(hours_ago)).as_nanos() as i64;
        for (id, hours_ago) in [("a", 30), ("b", 15), ("c", 12), ("d", 1)] {
            let finding = Finding { name: format!("x/findings/{id}"), ..Finding::default() };
            let incoming = Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), 1);
            store.put("n", stored(hours_ago), &[incoming]).unwrap();
        }
        let ids = |store: &Store| -> String {
            store
                .after(0)
                .unwrap()
                .iter()
                .map(|s| s.finding.name.rsplit('/').next().unwrap().to_owned())
                .collect()
        };
        let metrics = Metrics::register(&mut Registry::default(), "0");
        let limits = Limits { age: Some(Duration::from_hours(10)), bytes: None };
        let progress = Progress { sink: "s".to_owned(), seq: 2, ahead: vec![], refused: 0 };
        store.note_progress(&progress).unwrap();
        let mut retention = Retention::new(limits, vec!["s".to_owned()]);
        retention.apply_now_and_then(&mut store, &metrics, 0);
        // The sink has a and b; c is too old and waits for it.
        assert_eq!(ids(&store), "cd");
        assert_eq!(metrics.missed.get(), 0);
        // It never comes.
        retention.limits.age = Some(Duration::from_hours(5));
        retention.last = None;
        retention.apply_now_and_then(&mut store, &metrics, 0);
        assert_eq!(ids(&store), "d");
        assert_eq!(metrics.missed.get(), 1);
        // Nobody is waited for. A clock that may have jumped while nobody looked deletes nothing that is not older than the
        // newest.
        let limits = Limits { age: Some(Duration::from_mins(30)), bytes: None };
        Retention::new(limits, vec![]).apply_now_and_then(&mut store, &metrics, 0);
        assert_eq!(ids(&store), "d");
        let newest = Finding { name: "x/findings/e".to_owned(), ..Finding::default() };
        store
            .put("n", stored(0), &[Incoming::new(newest.name.clone(), newest.encode_to_vec().into(), 1)])
            .unwrap();
        Retention::new(limits, vec![]).apply_now_and_then(&mut store, &metrics, 0);
        assert_eq!(ids(&store), "e");
    }

    #[test]
    fn who_fills_its_share_with_small_ones_cannot_outrun_it_with_large_ones() {
        const LIMIT: u64 = 8_000_000;
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let metrics = Metrics::register(&mut Registry::default(), "0");
        let limits = Limits { age: None, bytes: Some(LIMIT) };
        let mut retention = Retention::new(limits, vec![]);
        let mut number = 0;
        let mut put = |store: &mut Store, count: usize, bytes: usize| {
            let all = (0..count).map(|_| {
                number += 1;
                let finding = Finding { name: format!("x/findings/{number}"), ..Finding::default() };
                Incoming::new(finding.name.clone(), of_size(bytes), 1)
            });
            store.put("loud", 1, &all.collect::<Vec<_>>()).unwrap();
            (count * bytes) as u64
        };
        // Twice as many as go at once make a tenth of what comes.
        put(&mut store, 40_000, 200);
        let mut most = 0;
        for _ in 0..6 {
            let bytes = put(&mut store, 20, 200_000);
            retention.last = None;
            retention.apply_now_and_then(&mut store, &metrics, bytes);
            most = most.max(store.bytes().unwrap());
        }
        assert!(most <= LIMIT, "{most}");
        // While nothing comes, a portion at a time.
        retention.limits.bytes = Some(0);
        put(&mut store, 12_000, 2);
        retention.last = None;
        retention.apply_now_and_then(&mut store, &metrics, 0);
        assert!(retention.is_behind() && store.count().unwrap() > 7000);
    }

    #[test]
    fn what_every_sink_has_is_not_missed_however_much_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let metrics = Metrics::register(&mut Registry::default(), "0");
        let all = (0..AT_ONCE + 1000).map(|number| {
            let finding = Finding { name: format!("x/findings/{number}"), ..Finding::default() };
            Incoming::new(finding.name.clone(), of_size(10), 1)
        });
        store.put("n", 1, &all.collect::<Vec<_>>()).unwrap();
        let seq = store.last_seq().unwrap();
        store.note_progress(&Progress { sink: "s".to_owned(), seq, ahead: vec![], refused: 0 }).unwrap();
        let limits = Limits { age: None, bytes: Some(100) };
        let mut retention = Retention::new(limits, vec!["s".to_owned()]);
        retention.apply_now_and_then(&mut store, &metrics, u64::MAX);
        assert_eq!((metrics.deleted.get(), metrics.missed.get()), (seq as u64 - 10, 0));
    }

    #[test]
    fn bytes_are_counted_through_changes_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("f.db")).unwrap();
        let put = |store: &mut Store, id: &str, bytes: usize, revision: u64| {
            let finding = Finding { name: format!("x/findings/{id}"), ..Finding::default() };
            store.put("n", 1, &[Incoming::new(finding.name.clone(), of_size(bytes), revision)]).unwrap();
        };
        for id in ["a", "b", "c", "d"] {
            put(&mut store, id, 1000, 1);
        }
        // It grows, and it is the newest now.
        put(&mut store, "a", 3000, 2);
        assert_eq!(store.forget(None, Some(6000), &[]).unwrap(), 0);
        assert_eq!(store.forget(None, Some(5999), &[]).unwrap(), 1);
        assert_eq!(store.forget(None, Some(3500), &[]).unwrap(), 2);
        assert_eq!((store.count().unwrap(), store.forget(None, Some(0), &[]).unwrap()), (1, 1));
    }
}
