//! Who gives way when there is no room: whoever has the most.

/// How much each may have so that all together have no more than `limit`: those who have less keep it all. Without an excess there
/// is no such bound.
pub fn level(held: impl IntoIterator<Item = u64>, limit: u64) -> u64 {
    let mut held: Vec<u64> = held.into_iter().collect();
    held.sort_unstable();
    let mut left = limit;
    for (at, own) in held.iter().enumerate() {
        let share = left / (held.len() - at) as u64;
        if *own > share {
            return share;
        }
        left -= own;
    }
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_little_keeps_it() {
        assert_eq!(level([], 0), u64::MAX);
        assert_eq!(level([10, 20, 30], 60), u64::MAX);
        assert_eq!(level([10, 20, 1000], 60), 30);
        assert_eq!(level([1000, 10, 1000], 60), 25);
        assert_eq!(level([5, 5], 0), 0);
    }
}
