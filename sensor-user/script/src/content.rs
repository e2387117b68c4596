//! A script's bytes, put together by position: shells go back and read again, and the same byte read twice is
//! one byte of the script.

use std::ops::Range;

use crate::text::ScriptText;

/// Bytes known of a script, up to a limit.
#[derive(Clone, Debug, Default)]
pub struct Content {
    bytes: ScriptText,
    /// Known ranges within `bytes`, sorted, not touching.
    known: Vec<Range<usize>>,
    /// One past the highest position seen, kept or not.
    end: u64,
}

impl Content {
    /// Puts bytes read at `pos` in place. What was read last counts: it is what runs from here on. Beyond
    /// `limit` bytes are counted and not kept. True when this taught anything new.
    pub fn write(&mut self, pos: u64, bytes: &[u8], limit: usize) -> bool {
        let end = self.end.max(pos.saturating_add(bytes.len() as u64));
        let longer = end > self.end;
        self.end = end;
        let Ok(start) = usize::try_from(pos) else { return longer };
        if start >= limit || bytes.is_empty() {
            return longer;
        }
        let kept = &bytes[..bytes.len().min(limit - start)];
        let stop = start + kept.len();
        if !longer && self.knows(start..stop) && self.bytes[start..stop] == *kept {
            return false;
        }
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
        true
    }

    /// Would these bytes take the place of others that are known?
    pub fn would_change(&self, pos: u64, bytes: &[u8]) -> bool {
        let Ok(start) = usize::try_from(pos) else { return false };
        self.known.iter().any(|range| {
            let (from, to) = (range.start.max(start), range.end.min(start.saturating_add(bytes.len())));
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
            self.bytes.make_mut().truncate(len);
        }
        self.end = self.end.min(len as u64);
        self.known.retain_mut(|range| {
            range.end = range.end.min(len);
            range.start < range.end
        });
    }

    fn knows(&self, range: Range<usize>) -> bool {
        self.known.iter().any(|r| r.start <= range.start && range.end <= r.end)
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
        self.bytes.capacity()
    }

    /// Forgets the bytes, and not how many there were.
    pub fn forget(&mut self) {
        self.bytes = ScriptText::default();
        self.known.clear();
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
}
