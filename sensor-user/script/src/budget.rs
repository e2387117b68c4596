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
}
