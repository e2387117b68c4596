//! What time it is, for whoever deletes by age: one jump of the wall clock must not delete everything.

use std::time::{Duration, Instant};

/// A difference that clocks have without a jump, between two looks.
const DRIFT: Duration = Duration::from_hours(1);
/// A wall clock that did not jump for so long is right.
const SETTLED: Duration = Duration::from_hours(24);

/// Time since the epoch that goes on evenly. After a start, and after a jump of the wall clock in either direction, it goes on from
/// where it was, for a day; then the wall clock is right.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// The wall clock when it was looked at last after a start or a jump, and that moment.
    wall: Duration,
    since: Instant,
    /// What this line said at that moment.
    said: Duration,
}

impl Timeline {
    /// From what the wall clock says at this moment, and when the newest finding was stored: that is not later.
    pub(crate) fn new(wall: Duration, now: Instant, newest: Duration) -> Self {
        Self { wall, since: now, said: wall.min(newest) }
    }

    /// What time it is, by what the wall clock says at this moment.
    pub(crate) fn at(&mut self, wall: Duration, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.since);
        let said = if passed < SETTLED { self.said + passed } else { self.wall + passed };
        if wall.abs_diff(self.wall + passed) > DRIFT {
            *self = Self { wall, since: now, said };
            return said;
        }
        if passed < SETTLED { said } else { wall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: u64 = 24 * 365;

    fn hours(n: u64) -> Duration {
        Duration::from_hours(n)
    }

    #[test]
    fn a_jump_counts_only_when_it_has_lasted() {
        let begun = Instant::now();
        let base = 50 * YEAR;
        let mut line = Timeline::new(hours(base), begun, hours(base - 2));
        let mut at = |wall: u64, passed: u64| line.at(hours(wall), begun + hours(passed));
        // The newest finding is two hours old: that is what it is until the clock has settled.
        assert_eq!(at(base + 1, 1), hours(base - 1));
        assert_eq!(at(base + 25, 25), hours(base + 25));
        // A year ahead, and back again.
        assert_eq!(at(base + YEAR + 26, 26), hours(base + 26));
        assert_eq!(at(base + YEAR + 27, 27), hours(base + 27));
        assert_eq!(at(base + 28, 28), hours(base + 28));
        // A year back, for good: it had been wrong before.
        assert_eq!(at(base + 60 - YEAR, 60), hours(base + 60));
        assert_eq!(at(base + 90 - YEAR, 90), hours(base + 90 - YEAR));
    }

    #[test]
    fn small_corrections_are_followed() {
        let begun = Instant::now();
        let mut line = Timeline::new(hours(YEAR), begun, hours(YEAR));
        let wall = hours(YEAR + 30) + Duration::from_secs(1);
        assert_eq!(line.at(wall, begun + hours(30)), wall);
    }

    #[test]
    fn a_clock_that_jumped_while_nobody_looked_deletes_nothing_at_a_start() {
        let begun = Instant::now();
        let mut line = Timeline::new(hours(52 * YEAR), begun, hours(50 * YEAR));
        assert_eq!(line.at(hours(52 * YEAR + 1), begun + hours(1)), hours(50 * YEAR + 1));
    }
}
