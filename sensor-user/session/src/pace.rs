//! How often sessions are judged: who runs commands without end is not to cost much.

/// Texts judged at once, and a second.
const AT_ONCE: f64 = 16.0;
const A_SECOND: f64 = 5.0;

/// How often texts of a cgroup's sessions are judged.
#[derive(Debug)]
pub(crate) struct Pace {
    turns: f64,
    since_unix_ns: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { turns: AT_ONCE, since_unix_ns: 0 }
    }
}

impl Pace {
    /// Is it its turn?
    pub(crate) fn take(&mut self, now_unix_ns: u64) -> bool {
        let passed = now_unix_ns.saturating_sub(self.since_unix_ns) as f64 / 1e9;
        self.turns = (self.turns + passed * A_SECOND).min(AT_ONCE);
        self.since_unix_ns = now_unix_ns;
        let is_turn = self.turns >= 1.0;
        if is_turn {
            self.turns -= 1.0;
        }
        is_turn
    }
}
