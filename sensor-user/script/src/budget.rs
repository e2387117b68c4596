//! Who keeps how many bytes. A cgroup may keep as much as it leaves free, so there is always room for another: one alone has half of
//! all, two a third each. (These are the dynamic thresholds of Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998.)

use std::collections::HashMap;

/// Bytes kept, by cgroup.
#[derive(Debug)]
pub(crate) struct Budget {
    total: usize,
    used: usize,
    of: HashMap<u64, usize>,
}

impl Budget {
    /// Nothing is kept of at most so much.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, used: 0, of: HashMap::new() }
    }

    /// How much is kept.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// How much more may be kept of a cgroup.
    pub(crate) fn room(&self, cgroup: u64) -> usize {
        let free = self.total.saturating_sub(self.used);
        let own = self.of.get(&cgroup).copied().unwrap_or(0);
        // Each byte that it takes is one that it does not leave free.
        free.saturating_sub(own).div_ceil(2)
    }

    /// So much is kept of a cgroup where it was so much `before`.
    pub(crate) fn account(&mut self, cgroup: u64, before: usize, now: usize) {
        if before == now {
            return;
        }
        self.used = (self.used + now).saturating_sub(before);
        let own = self.of.entry(cgroup).or_default();
        *own = (*own + now).saturating_sub(before);
        if *own == 0 {
            self.of.remove(&cgroup);
        }
    }
}

/// What a cgroup may have done in a second, and at once.
const PACE_BYTES: usize = 16 * 1024 * 1024;
/// Cgroups whose pace is known; those that rested for a second need not be.
const PACES: usize = 1024;
const SECOND_NS: u64 = 1_000_000_000;

/// How much work each cgroup makes: a bucket of bytes that fills again within a second.
#[derive(Debug, Default)]
pub(crate) struct Pace(HashMap<u64, (usize, u64)>);

impl Pace {
    /// May a cgroup have so many bytes looked through at this time (boot time, ns)?
    pub(crate) fn admits(&mut self, cgroup: u64, bytes: usize, now_ns: u64) -> bool {
        if self.0.len() >= PACES {
            self.0.retain(|_, (_, then_ns)| now_ns < then_ns.saturating_add(SECOND_NS));
        }
        let (left, then_ns) = self.0.entry(cgroup).or_insert((PACE_BYTES, now_ns));
        let passed_ns = now_ns.saturating_sub(*then_ns).min(SECOND_NS);
        let back = u128::from(passed_ns) * PACE_BYTES as u128 / u128::from(SECOND_NS);
        *left = left.saturating_add(back as usize).min(PACE_BYTES);
        *then_ns = now_ns.max(*then_ns);
        let is_admitted = *left >= bytes.min(PACE_BYTES);
        if is_admitted {
            *left -= bytes.min(PACE_BYTES);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as much as is allowed, in small pieces.
    fn fill(budget: &mut Budget, cgroup: u64) -> usize {
        let mut own = 0;
        while budget.room(cgroup) >= 10 {
            budget.account(cgroup, own, own + 10);
            own += 10;
        }
        own
    }

    #[test]
    fn whoever_takes_all_leaves_room_for_another() {
        let mut budget = Budget::new(6000);
        let first = fill(&mut budget, 1);
        assert!((2980..=3000).contains(&first), "{first}");
        let second = fill(&mut budget, 2);
        assert!((1480..=1500).contains(&second), "{second}");
        assert!(budget.room(3) >= 700);
        assert_eq!(budget.room(1), 0, "it has more than is free");
        budget.account(1, first, 0);
        budget.account(2, second, 0);
        assert_eq!((budget.used(), budget.room(1), budget.of.len()), (0, 3000, 0));
    }

    #[test]
    fn a_pace_is_each_ones_own_and_comes_back() {
        let mut pace = Pace::default();
        let admitted = |pace: &mut Pace, cgroup, now_ns| {
            (0..100).filter(|_| pace.admits(cgroup, PACE_BYTES / 10, now_ns)).count()
        };
        assert_eq!(admitted(&mut pace, 1, 0), 10);
        assert_eq!(admitted(&mut pace, 2, 0), 10);
        assert_eq!(admitted(&mut pace, 1, SECOND_NS / 2), 5);
        assert_eq!(admitted(&mut pace, 1, 10 * SECOND_NS), 10);
        for cgroup in 0..5000 {
            pace.admits(cgroup, 1, 20 * SECOND_NS + cgroup * SECOND_NS);
        }
        assert!(pace.0.len() <= PACES);
    }
}
