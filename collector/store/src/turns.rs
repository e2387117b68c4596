//! Rows of the backlog that wait, and whose turn it is: nodes that have much waiting take turns with each other and with all that have
//! little, so that nobody waits behind another's rush.

use std::collections::{HashMap, VecDeque};

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its number; the next ones are higher.
    pub(crate) number: i64,
    /// The node whose it is; empty for nodes that have little.
    pub(crate) owner: String,
    /// Bytes of it that are each node's.
    pub(crate) of: Vec<(String, u64)>,
    /// How many findings it has.
    pub(crate) findings: usize,
    /// How often it could not be read.
    pub(crate) failures: u32,
}

impl Row {
    /// Bytes of it.
    pub(crate) fn bytes(&self) -> u64 {
        self.of.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// The rows that wait, and what each node has of them and of what is on its way.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    rows: HashMap<String, VecDeque<Row>>,
    /// Who has rows, in turn.
    order: VecDeque<String>,
    held: HashMap<String, u64>,
    bytes: u64,
}

impl Turns {
    /// A row that is new.
    pub(crate) fn add(&mut self, row: Row) {
        for (node, bytes) in &row.of {
            *self.held.entry(node.clone()).or_default() += bytes;
        }
        self.bytes += row.bytes();
        self.put(row, VecDeque::push_back);
    }

    /// A row that was taken is to come again, when all others had a turn.
    pub(crate) fn put_back(&mut self, row: Row) {
        self.put(row, VecDeque::push_front);
    }

    fn put(&mut self, row: Row, push: fn(&mut VecDeque<Row>, Row)) {
        let rows = self.rows.entry(row.owner.clone()).or_default();
        if rows.is_empty() {
            self.order.push_back(row.owner.clone());
        }
        push(rows, row);
    }

    /// The row whose turn it is.
    pub(crate) fn take(&mut self) -> Option<Row> {
        let owner = self.order.pop_front()?;
        let rows = self.rows.get_mut(&owner)?;
        let row = rows.pop_front();
        if rows.is_empty() {
            self.rows.remove(&owner);
        } else {
            self.order.push_back(owner);
        }
        row
    }

    /// A row that was taken is in the database.
    pub(crate) fn done(&mut self, row: &Row) {
        self.bytes = self.bytes.saturating_sub(row.bytes());
        for (node, bytes) in &row.of {
            if let Some(held) = self.held.get_mut(node) {
                *held = held.saturating_sub(*bytes);
                if *held == 0 {
                    self.held.remove(node);
                }
            }
        }
    }

    /// Bytes that are not in the database, of all nodes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// And of one.
    pub(crate) fn of(&self, node: &str) -> u64 {
        self.held.get(node).copied().unwrap_or_default()
    }

    /// Does nothing wait?
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_take_turns_and_keep_their_order() {
        let mut turns = Turns::default();
        let row = |number, owner: &str, node: &str| Row {
            number,
            owner: owner.to_owned(),
            of: vec![(node.to_owned(), 10)],
            findings: 1,
            failures: 0,
        };
        for number in 1..=3 {
            turns.add(row(number, "loud", "loud"));
        }
        turns.add(row(4, "", "quiet"));
        turns.add(row(5, "louder", "louder"));
        assert_eq!((turns.bytes(), turns.of("loud"), turns.of("quiet"), turns.of("none")), (50, 30, 10, 0));
        let first = turns.take().expect("a row");
        assert_eq!(first.number, 1);
        turns.done(&first);
        let taken: Vec<Row> = std::iter::from_fn(|| turns.take()).collect();
        assert_eq!(taken.iter().map(|row| row.number).collect::<Vec<_>>(), [4, 5, 2, 3]);
        // Again, behind the others and before its own.
        turns.put_back(taken[3].clone());
        turns.put_back(taken[1].clone());
        turns.put_back(taken[2].clone());
        let again: Vec<i64> = std::iter::from_fn(|| turns.take()).map(|row| row.number).collect();
        assert_eq!((again, turns.is_empty()), (vec![2, 5, 3], true));
        for row in &taken {
            turns.done(row);
        }
        assert_eq!((turns.bytes(), turns.of("loud")), (0, 0));
    }
}
