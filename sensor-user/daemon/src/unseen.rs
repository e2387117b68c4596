//! Containers of whose shells not everything is seen.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use script::{Capture, Unseen};

/// Containers remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// A container counts for so long after such a shell.
const WHILE: Duration = Duration::from_mins(10);
/// How often they are counted.
const SHOW: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// Counts them.
pub(crate) struct UnseenContainers {
    last: LruCache<(u64, Unseen), Instant>,
    gauge: Family<Why, Gauge>,
    shown: Option<Instant>,
}

impl UnseenContainers {
    /// The gauge is shown in this registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let gauge: Family<Why, Gauge> = Family::default();
        registry.register(
            "cgroups_unseen",
            "Cgroups in which a shell ran in the last ten minutes that is not seen as a whole, by why: it could not be classed, not be read, or has no probes",
            gauge.clone(),
        );
        let all = Self { last: LruCache::new(REMEMBERED), gauge, shown: None };
        all.show();
        all
    }

    /// A script was captured.
    pub(crate) fn captured(&mut self, capture: &Capture, now: Instant) {
        if let Some(unseen) = capture.unseen() {
            self.last.put((capture.cgroup, unseen), now);
        }
    }

    /// Forgets those that were quiet, and shows the others.
    pub(crate) fn set(&mut self, now: Instant) {
        if self.shown.is_some_and(|shown| now.saturating_duration_since(shown) < SHOW) {
            return;
        }
        self.shown = Some(now);
        while let Some((_, at)) = self.last.peek_lru()
            && now.saturating_duration_since(*at) > WHILE
        {
            self.last.pop_lru();
        }
        self.show();
    }

    fn show(&self) {
        for unseen in [Unseen::NotClassed, Unseen::NotReadable, Unseen::NotProbed] {
            let count = self.last.iter().filter(|((_, reason), _)| *reason == unseen).count();
            self.gauge.get_or_create_owned(&Why { reason: unseen.name() }).set(count as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_counts_once_and_for_a_while() {
        let mut unseen = UnseenContainers::register(&mut Registry::default());
        let of = |unseen: &UnseenContainers, reason| unseen.gauge.get_or_create_owned(&Why { reason }).get();
        let mut capture = script::sample(7, b"x");
        let now = Instant::now();
        unseen.captured(&capture, now);
        capture.flags.not_probed = true;
        for cgroup in [1, 1, 2] {
            capture.cgroup = cgroup;
            unseen.captured(&capture, now);
        }
        capture.interpreter.sha256 = Some(String::new());
        unseen.captured(&capture, now + WHILE);
        unseen.set(now);
        assert_eq!((of(&unseen, "not_readable"), of(&unseen, "not_probed")), (2, 1));
        unseen.set(now + WHILE + Duration::from_secs(1));
        assert_eq!((of(&unseen, "not_readable"), of(&unseen, "not_probed")), (0, 1));
    }
}
