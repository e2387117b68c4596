//! What the sensor could not see or judge, gathered by cause and cgroup: a storm becomes one finding that is sent again in
//! pauses, and none for each event.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use finding::{Impairment, Reason};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Causes and cgroups kept apart; what is beyond is accounted to the node.
const EPISODES: usize = 1024;
/// A first finding waits for what comes at once, and for who the container is.
const FIRST: Duration = Duration::from_secs(2);
/// It is sent again after this long if there is more, and each time after twice as long as before.
const PAUSE: Duration = Duration::from_mins(1);
/// At most after this long.
const PAUSE_MAX: Duration = Duration::from_hours(1);
/// What happens after such a silence is a finding of its own.
const QUIET: Duration = Duration::from_hours(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    reason: &'static str,
}

struct Episode {
    count: u64,
    first_unix_ns: u64,
    last_unix_ns: u64,
    last: Instant,
    /// What was told last.
    told: u64,
    due: Option<Instant>,
    pause: Duration,
}

/// Takes word from all stages. Cheap to clone.
#[derive(Clone)]
pub struct Impairments {
    episodes: Arc<Mutex<HashMap<(Reason, u64), Episode>>>,
    counted: Family<Because, Counter>,
}

impl Impairments {
    /// Nothing went wrong yet; what does is counted in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let counted: Family<Because, Counter> = Family::default();
        // A counter that is not there before it counts has no rise that could be seen.
        for reason in Reason::ALL {
            drop(counted.get_or_create(&Because { reason: reason.name() }));
        }
        registry.register("impairments", "What the sensor could not see or judge", counted.clone());
        Self { episodes: Arc::default(), counted }
    }

    /// Something went wrong `count` times; `cgroup` is 0 for the node itself.
    pub fn report(&self, reason: Reason, cgroup: u64, count: u64) {
        self.report_at(reason, cgroup, count, Instant::now(), clock::now_unix_ns());
    }

    fn report_at(&self, reason: Reason, cgroup: u64, count: u64, now: Instant, unix_ns: u64) {
        self.counted.get_or_create_owned(&Because { reason: reason.name() }).inc_by(count);
        let mut episodes = self.episodes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (reason, cgroup);
        if !episodes.contains_key(&key) && episodes.len() >= EPISODES {
            episodes.retain(|_, episode| episode.due.is_some() || now.duration_since(episode.last) < PAUSE);
            if episodes.len() >= EPISODES {
                key.1 = 0;
            }
        }
        let begun = || Episode {
            count: 0,
            first_unix_ns: unix_ns,
            last_unix_ns: unix_ns,
            last: now,
            told: 0,
            due: None,
            pause: FIRST,
        };
        let episode = episodes.entry(key).or_insert_with(begun);
        if episode.due.is_none() && now.duration_since(episode.last) >= QUIET {
            *episode = begun();
        }
        episode.count += count;
        episode.last_unix_ns = unix_ns;
        episode.last = now;
        // A storm after a drizzle is news.
        let pause = if episode.count >= 2 * episode.told { FIRST } else { episode.pause };
        let due = now + pause;
        episode.due = Some(episode.due.map_or(due, |earlier| earlier.min(due)));
    }

    /// What went wrong within that time, by name, each once.
    pub fn lately(&self, within: Duration) -> Vec<&'static str> {
        let now = Instant::now();
        let episodes = self.episodes.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = episodes.iter().filter(|(_, episode)| now.duration_since(episode.last) < within);
        let mut names: Vec<&'static str> = lately.map(|((reason, _), _)| reason.name()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What is to be sent now.
    pub(crate) fn take_due(&self, now: Instant) -> Vec<Impairment> {
        self.take(|due| due <= now)
    }

    /// All that was not sent.
    pub(crate) fn take_all(&self) -> Vec<Impairment> {
        self.take(|_| true)
    }

    fn take(&self, is_due: impl Fn(Instant) -> bool) -> Vec<Impairment> {
        let mut episodes = self.episodes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        for ((reason, cgroup), episode) in episodes.iter_mut().filter(|(_, e)| e.due.is_some_and(&is_due)) {
            episode.due = None;
            episode.told = episode.count;
            episode.pause = (episode.pause * 2).clamp(PAUSE, PAUSE_MAX);
            taken.push(Impairment {
                reason: *reason,
                cgroup: *cgroup,
                count: episode.count,
                first_unix_ns: episode.first_unix_ns,
                last_unix_ns: episode.last_unix_ns,
            });
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impairments() -> Impairments {
        Impairments::register(&mut Registry::default())
    }

    fn counts(taken: &[Impairment]) -> Vec<(u64, u64)> {
        let mut counts: Vec<_> = taken.iter().map(|i| (i.cgroup, i.count)).collect();
        counts.sort_unstable();
        counts
    }

    #[test]
    fn a_storm_is_one_finding_for_each_cause_and_cgroup_sent_again_in_pauses() {
        let (all, now) = (impairments(), Instant::now());
        for n in 0..1000 {
            all.report_at(Reason::EventsLost, 7 + n % 2, 1, now, n);
        }
        assert_eq!(counts(&all.take_due(now)), [], "more comes at once");
        assert_eq!(counts(&all.take_due(now + FIRST)), [(7, 500), (8, 500)]);
        all.report_at(Reason::EventsLost, 7, 5, now + FIRST, 2000);
        assert_eq!(counts(&all.take_due(now + 2 * FIRST)), []);
        let again = all.take_due(now + FIRST + PAUSE);
        assert_eq!(counts(&again), [(7, 505)]);
        assert_eq!((again[0].first_unix_ns, again[0].last_unix_ns), (0, 2000));
        all.report_at(Reason::EventsLost, 7, 1, now + 2 * QUIET, 3000);
        let other = all.take_due(now + 2 * QUIET + FIRST);
        assert_eq!((other[0].count, other[0].first_unix_ns), (1, 3000), "an episode of its own");
    }

    #[test]
    fn a_storm_after_a_drizzle_is_told_at_once() {
        let (all, mut now) = (impairments(), Instant::now());
        for _ in 0..20 {
            all.report_at(Reason::EventsLost, 7, 1, now, 0);
            now += QUIET / 2;
            all.take_due(now);
        }
        all.report_at(Reason::EventsLost, 7, 1000, now, 0);
        assert_eq!(counts(&all.take_due(now + FIRST)), [(7, 1020)]);
    }

    #[test]
    fn memory_is_bounded_and_nothing_goes_uncounted() {
        let (all, now) = (impairments(), Instant::now());
        for cgroup in 1..=5000 {
            all.report_at(Reason::EventsLost, cgroup, 1, now, 0);
        }
        let taken = all.take_due(now + FIRST);
        assert!(taken.len() <= EPISODES + 1);
        assert_eq!(taken.iter().map(|i| i.count).sum::<u64>(), 5000);
    }
}
