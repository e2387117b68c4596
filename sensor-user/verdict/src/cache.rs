//! Verdicts by content: a liveness probe that runs ten thousand times is scored once.

use std::num::NonZeroUsize;

use lru::LruCache;

use crate::{hash::ScriptHash, verdict::Verdict};

/// Remembers the latest verdicts.
pub struct VerdictCache {
    verdicts: LruCache<(ScriptHash, bool), Verdict>,
    hits: u64,
    misses: u64,
}

impl VerdictCache {
    /// A cache of this many verdicts.
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self { verdicts: LruCache::new(capacity), hits: 0, misses: 0 }
    }

    /// The verdict on a content, if it is remembered; `evaluates_unseen` as for the judge.
    pub fn get(&mut self, hash: ScriptHash, evaluates_unseen: bool) -> Option<Verdict> {
        let found = self.verdicts.get(&(hash, evaluates_unseen)).cloned();
        if found.is_some() {
            self.hits += 1;
        } else {
            self.misses += 1;
        }
        found
    }

    /// Remembers a verdict; a full cache allocates nothing for it.
    pub fn put(&mut self, hash: ScriptHash, evaluates_unseen: bool, verdict: Verdict) {
        self.verdicts.put((hash, evaluates_unseen), verdict);
    }

    /// Forgets all verdicts.
    pub fn clear(&mut self) {
        self.verdicts.clear();
    }

    /// Lookups that found something, and those that did not.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }
}
