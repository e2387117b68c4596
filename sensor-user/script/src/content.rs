//! A script's bytes, put together by position: shells go back and read again, and the same byte read twice is
//! one byte of the script.

use std::{cell::OnceCell, ops::Range};

use crate::text::ScriptText;

/// Known ranges kept apart at most.
const PIECES: usize = 4096;

/// What came of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// This taught anything new.
    pub changed: bool,
    /// Bytes that were to be kept and are not.
    pub lost: u64,
}

/// Bytes known of a script, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Content {
    bytes: ScriptText,
    /// Known ranges within `bytes`, sorted, not touching.
    known: Vec<Range<usize>>,
    /// One past the highest position seen, kept or not.
    end: u64,
    /// NULs among the bytes, once somebody asked.
    nuls: OnceCell<usize>,
}

impl Content {
    /// Puts bytes read at `pos` in place. What was read last counts: it is what runs from here on. Beyond
    /// `limit` bytes are counted and not kept. True when this taught anything new.
    pub fn write(&mut self, pos: u64, bytes: &[u8], limit: usize) -> bool {
        self.write_within(pos, bytes, limit, limit).changed
    }

    /// As above, where of the first `limit` bytes only `may_keep` may be kept.
    pub fn write_within(&mut self, pos: u64, bytes: &[u8], limit: usize, may_keep: usize) -> Written {
        let end = self.end.max(pos.saturating_add(bytes.len() as u64));
        let longer = end > self.end;
        self.end = end;
        let nothing = Written { changed: longer, lost: 0 };
        let Ok(start) = usize::try_from(pos) else { return nothing };
        if start >= limit || bytes.is_empty() {
            return nothing;
        }
        let wanted = start.saturating_add(bytes.len()).min(limit);
        let stop = wanted.min(may_keep);
        if stop <= start || self.is_torn(start..stop) {
            return Written { lost: (wanted - start) as u64, ..nothing };
        }
        let lost = (wanted - stop) as u64;
        let kept = &bytes[..stop - start];
        if !longer && self.knows(start..stop) && self.bytes[start..stop] == *kept {
            return Written { changed: false, lost };
        }
        self.nuls = OnceCell::new();
        let bytes = self.bytes.make_mut();
        if bytes.len() < stop {
            if bytes.capacity() < stop {
                // By a quarter: what is doubled takes twice the memory that it is allowed.
                let wanted = stop.max(bytes.capacity() + bytes.capacity() / 4).min(limit);
                bytes.reserve_exact(wanted - bytes.len());
            }
            bytes.resize(stop, 0);
        }
        bytes[start..stop].copy_from_slice(kept);
        self.know(start..stop);
        Written { changed: true, lost }
    }

    /// Takes in a piece of something that arrives in pieces and is `limit` bytes long, as far as there is room for what has to wait for
    /// the rest; returns how many bytes there was none for.
    pub fn take_piece(&mut self, pos: u64, bytes: &[u8], limit: usize, room: usize) -> u64 {
        // What comes in one piece does not wait.
        let is_whole = pos == 0 && bytes.len() >= limit;
        let may_keep = if is_whole { limit } else { limit.min(room + self.bytes.len()) };
        self.write_within(pos, bytes, limit, may_keep).lost
    }

    /// Would these bytes take the place of others that are known?
    pub fn would_change(&self, pos: u64, bytes: &[u8]) -> bool {
        let Ok(start) = usize::try_from(pos) else { return false };
        let stop = start.saturating_add(bytes.len());
        let first = self.known.partition_point(|range| range.end <= start);
        self.known[first..].iter().take_while(|range| range.start < stop).any(|range| {
            let (from, to) = (range.start.max(start), range.end.min(stop));
            from < to && self.bytes[from..to] != bytes[from - start..to - start]
        })
    }

    /// Puts bytes behind the last ones.
    pub fn append(&mut self, bytes: &[u8], limit: usize) -> bool {
        self.write(self.end, bytes, limit)
    }

    /// Notes that the whole is so long, without its bytes.
    pub fn is_of_size(&mut self, bytes: u64) {
        self.end = self.end.max(bytes);
    }

    /// Forgets everything from this position on.
    pub fn truncate(&mut self, len: usize) {
        if len < self.bytes.len() {
            self.nuls = OnceCell::new();
            self.bytes.make_mut().truncate(len);
        }
        self.end = self.end.min(len as u64);
        self.known.retain_mut(|range| {
            range.end = range.end.min(len);
            range.start < range.end
        });
    }

    fn knows(&self, range: Range<usize>) -> bool {
        let before = self.known.partition_point(|known| known.start <= range.start);
        before > 0 && range.end <= self.known[before - 1].end
    }

    /// Would this be one piece too many? Nobody reads a script so, but to make it long to look through.
    fn is_torn(&self, range: Range<usize>) -> bool {
        if self.known.len() < PIECES {
            return false;
        }
        let first = self.known.partition_point(|known| known.end < range.start);
        self.known.get(first).is_none_or(|known| range.end < known.start)
    }

    fn know(&mut self, mut new: Range<usize>) {
        let first = self.known.partition_point(|r| r.end < new.start);
        let mut last = first;
        while let Some(r) = self.known.get(last).filter(|r| r.start <= new.end) {
            new = new.start.min(r.start)..new.end.max(r.end);
            last += 1;
        }
        self.known.splice(first..last, [new]);
    }

    /// The bytes kept; positions never read are zero.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory that they take.
    pub fn kept_bytes(&self) -> usize {
        self.bytes.capacity() + self.known.capacity() * size_of::<Range<usize>>()
    }

    /// Forgets the bytes, and not how many there were.
    pub fn forget(&mut self) {
        self.nuls = OnceCell::new();
        self.bytes = ScriptText::default();
        self.known.clear();
    }

    /// How many of them are NULs.
    pub fn nuls(&self) -> usize {
        let count = || memchr::memchr_iter(0, &self.bytes).count();
        *self.nuls.get_or_init(count)
    }

    /// The same bytes, shared.
    pub fn text(&self) -> ScriptText {
        self.bytes.clone()
    }

    /// How long the script is as far as seen, kept or not.
    pub fn seen_bytes(&self) -> u64 {
        self.end
    }

    /// Are there positions before the last kept byte that were never read?
    pub fn has_holes(&self) -> bool {
        self.known.len() > 1 || self.known.first().is_some_and(|r| r.start > 0)
    }

    /// Is every byte up to `size` known, or as many as are kept?
    pub fn is_complete(&self, size: u64, limit: usize) -> bool {
        let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(limit);
        wanted == 0
            || matches!(self.known.as_slice(), [r] if r.start == 0 && r.end >= wanted) && self.end >= size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_read_again_is_not_doubled() {
        let mut content = Content::default();
        content.write(0, b"echo one\necho two\n", 100);
        content.write(9, b"echo two\n", 100);
        assert_eq!(content.bytes(), b"echo one\necho two\n");
        assert_eq!(content.seen_bytes(), 18);
        assert!(content.is_complete(18, 100));
    }

    #[test]
    fn a_hole_is_told_until_it_is_filled() {
        let mut content = Content::default();
        content.write(4, b"ef", 100);
        assert!(content.has_holes());
        content.write(0, b"ab", 100);
        assert!(content.has_holes() && !content.is_complete(6, 100));
        content.write(2, b"cd", 100);
        assert!(!content.has_holes() && content.is_complete(6, 100));
        assert_eq!(content.bytes(), b"abcdef");
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let mut content = Content::default();
        content.write(0, b"abcdef", 4);
        content.append(b"gh", 4);
        content.write(u64::MAX - 1, b"xyz", 4);
        assert_eq!(content.bytes(), b"abcd");
        assert_eq!(content.seen_bytes(), u64::MAX);
    }

    #[test]
    fn what_is_lost_within_the_limit_is_told() {
        let mut content = Content::default();
        assert_eq!(content.write_within(0, b"abcdef", 4, 2), Written { changed: true, lost: 2 });
        assert_eq!(content.write_within(2, b"cdef", 4, 2), Written { changed: false, lost: 2 });
        assert_eq!(content.write_within(4, b"ef", 4, 2), Written { changed: false, lost: 0 });
        assert_eq!((content.bytes(), content.seen_bytes()), (&b"ab"[..], 6));
    }

    #[test]
    fn a_script_is_not_torn_into_pieces_without_end() {
        let mut content = Content::default();
        let lost = (0..10_000).filter(|n| content.write_within(2 * n, b"x", 100_000, 100_000).lost > 0);
        assert_eq!(lost.count(), 10_000 - PIECES);
        // What joins them goes in.
        assert_eq!(content.write_within(0, &[b'y'; 2 * PIECES], 100_000, 100_000).lost, 0);
        assert_eq!(content.known.len(), 1);
    }
}
