//! How often sessions are judged: who runs commands without end is not to cost much.

/// Turns at once, and a second.
#[derive(Debug)]
pub(crate) struct Pace {
    turns: f64,
    at_once: f64,
    a_second: f64,
    since_unix_ns: u64,
}

impl Pace {
    /// That of a container, or of a cgroup outside of containers.
    pub(crate) fn of_one() -> Self {
        Self::new(16.0, 5.0)
    }

    /// That of all together.
    pub(crate) fn of_node() -> Self {
        Self::new(64.0, 20.0)
    }

    fn new(at_once: f64, a_second: f64) -> Self {
        Self { turns: at_once, at_once, a_second, since_unix_ns: 0 }
    }

    /// Is there a turn now?
    pub(crate) fn has_turn(&mut self, now_unix_ns: u64) -> bool {
        let passed = now_unix_ns.saturating_sub(self.since_unix_ns) as f64 / 1e9;
        self.turns = (self.turns + passed * self.a_second).min(self.at_once);
        self.since_unix_ns = now_unix_ns;
        self.turns >= 1.0
    }

    /// Takes it.
    pub(crate) fn spend(&mut self) {
        self.turns -= 1.0;
    }
}
