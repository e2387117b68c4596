//! Where the bytes of a text came from, in few bytes: neighbours mostly came from neighbours.

use std::cell::Cell;

use super::growth::make_room;

/// For each byte of a text, a position in another one.
#[derive(Default)]
pub(super) struct Places {
    runs: Vec<Run>,
    len: u32,
    /// The run that was asked for last: the next is mostly near.
    last: Cell<usize>,
}

/// Bytes in a row that came from bytes in a row, or from one place.
#[derive(Clone, Copy)]
struct Run {
    /// Where it begins; the highest bit is set where all of it came from one place.
    start_and_kind: u32,
    /// Where its first byte came from.
    from: u32,
}

const ONE_PLACE: u32 = 1 << 31;
/// Runs that are gone through one by one.
const NEAR: usize = 8;

impl Run {
    fn start(self) -> u32 {
        self.start_and_kind & !ONE_PLACE
    }

    fn place(self, at: u32) -> u32 {
        if self.start_and_kind & ONE_PLACE != 0 { self.from } else { self.from + (at - self.start()) }
    }
}

impl Places {
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.len = 0;
        self.last.set(0);
    }

    /// How many bytes the text has.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The next byte of the text came from there.
    pub(super) fn push(&mut self, from: u32) {
        let at = self.len;
        self.len += 1;
        if let Some(last) = self.runs.last_mut() {
            if last.place(at) == from {
                return;
            }
            // A run of one byte may yet be of either kind.
            if at - last.start() == 1 && last.from == from {
                last.start_and_kind |= ONE_PLACE;
                return;
            }
        }
        make_room(&mut self.runs, 1);
        self.runs.push(Run { start_and_kind: at, from });
    }

    /// The next so many bytes came from there.
    pub(super) fn push_all(&mut self, from: u32, bytes: usize) {
        // The first may belong to the run before, and by two in a row it is known what run they are.
        const TELL: usize = 3;
        for _ in 0..bytes.min(TELL) {
            self.push(from);
        }
        self.len += bytes.saturating_sub(TELL) as u32;
    }

    /// Where the byte at a position came from; 0 behind the end.
    pub(super) fn of(&self, at: u32) -> u32 {
        if at >= self.len {
            return 0;
        }
        // The first run begins at 0.
        let mut run = self.last.get();
        if self.runs[run].start() > at || self.runs.get(run + NEAR).is_some_and(|far| far.start() <= at) {
            run = self.runs.partition_point(|run| run.start() <= at) - 1;
        }
        while self.runs.get(run + 1).is_some_and(|next| next.start() <= at) {
            run += 1;
        }
        self.last.set(run);
        self.runs[run].place(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_found_again() {
        let mut places = Places::default();
        let mut expected: Vec<u32> = Vec::new();
        // From neighbours, from one place, from both in turn, and back.
        let from = (5..20).chain([7; 9]).chain([8, 10, 12, 12, 13, 13, 13, 14, 15, 15, 0, 0, 1, 9]);
        for place in from {
            places.push(place);
            expected.push(place);
        }
        for (bytes, behind) in (0..6).flat_map(|bytes| [38, 39, 40, 41, 90].map(|behind| (bytes, behind))) {
            places.push_all(40, bytes);
            expected.resize(expected.len() + bytes, 40);
            places.push(behind);
            expected.push(behind);
        }
        assert_eq!(places.len(), expected.len());
        let found: Vec<u32> = (0..places.len() as u32).map(|at| places.of(at)).collect();
        assert_eq!(found, expected);
        for at in (0..expected.len()).rev().chain((0..expected.len()).step_by(11)) {
            assert_eq!(places.of(at as u32), expected[at]);
        }
        assert_eq!(places.of(expected.len() as u32), 0);
        let mut rising = Places::default();
        (3..100_000).for_each(|place| rising.push(place));
        assert_eq!(rising.runs.len(), 1);
    }
}
