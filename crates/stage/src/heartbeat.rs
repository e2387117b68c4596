//! A stage's sign of life.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A stage beats whenever it comes by; who is silent for too long hangs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    beats: Arc<AtomicU64>,
    limit: Duration,
}

impl Heartbeat {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { beats: Arc::default(), limit }
    }

    /// Says that the stage is alive.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a stage that waits has to come by, to be well within its limit.
    pub fn interval(&self) -> Duration {
        self.limit / 4
    }
}

/// Looks after one heartbeat, at regular times. Looks are counted, and not seconds: when the whole process stands still,
/// because it was stopped or its machine was, nobody looks, and nobody is late.
pub(crate) struct Monitor {
    heartbeat: Heartbeat,
    seen: u64,
    silent: Duration,
}

impl Monitor {
    pub(crate) fn new(heartbeat: Heartbeat) -> Self {
        Self { heartbeat, seen: 0, silent: Duration::ZERO }
    }

    /// Looks once, `since` after the last look. For how long the stage was silent, when that is too long.
    pub(crate) fn look(&mut self, since: Duration) -> Option<Duration> {
        let now = self.heartbeat.beats.load(Ordering::Relaxed);
        self.silent = if now == self.seen { self.silent + since } else { Duration::ZERO };
        self.seen = now;
        (self.silent > self.heartbeat.limit).then_some(self.silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_in_looks() {
        let second = Duration::from_secs(1);
        let heartbeat = Heartbeat::new(2 * second);
        let mut monitor = Monitor::new(heartbeat.clone());
        heartbeat.beat();
        assert_eq!(monitor.look(second), None);
        assert_eq!(monitor.look(second), None);
        assert_eq!(monitor.look(second), None);
        heartbeat.beat();
        assert_eq!(monitor.look(second), None);
        assert_eq!([monitor.look(second), monitor.look(second)], [None, None]);
        assert_eq!(monitor.look(second), Some(3 * second));
    }
}
