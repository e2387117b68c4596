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

    const HOUR: Duration = Duration::from_hours(1);
    const YEAR: Duration = Duration::from_hours(24 * 365);

    #[test]
    fn a_jump_counts_only_when_it_has_lasted() {
        let begun = Instant::now();
        let base = 50 * YEAR;
        let mut line = Timeline::new(base, begun, base - 2 * HOUR);
        // The newest finding is two hours old: that is what it is until the clock has settled.
        assert_eq!(line.at(base + HOUR, begun + HOUR), base - HOUR);
        assert_eq!(line.at(base + 25 * HOUR, begun + 25 * HOUR), base + 25 * HOUR);
        // A year ahead, and back again.
        assert_eq!(line.at(base + YEAR + 26 * HOUR, begun + 26 * HOUR), base + 26 * HOUR);
        assert_eq!(line.at(base + YEAR + 27 * HOUR, begun + 27 * HOUR), base + 27 * HOUR);
        assert_eq!(line.at(base + 28 * HOUR, begun + 28 * HOUR), base + 28 * HOUR);
        // A year back, for good: it had been wrong before.
        assert_eq!(line.at(base + 60 * HOUR - YEAR, begun + 60 * HOUR), base + 60 * HOUR);
        assert_eq!(line.at(base + 90 * HOUR - YEAR, begun + 90 * HOUR), base + 90 * HOUR - YEAR);
    }

    #[test]
    fn small_corrections_are_followed() {
        let begun = Instant::now();
        let mut line = Timeline::new(YEAR, begun, YEAR);
        let second = Duration::from_secs(1);
        assert_eq!(line.at(YEAR + 30 * HOUR + second, begun + 30 * HOUR), YEAR + 30 * HOUR + second);
    }

    #[test]
    fn a_clock_that_jumped_while_nobody_looked_deletes_nothing_at_a_start() {
        let begun = Instant::now();
        let mut line = Timeline::new(52 * YEAR, begun, 50 * YEAR);
        assert_eq!(line.at(52 * YEAR + HOUR, begun + HOUR), 50 * YEAR + HOUR);
    }
}
