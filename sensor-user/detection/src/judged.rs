//! What is remembered of scripts that were judged while they run.

use std::num::NonZeroUsize;

use lru::LruCache;
use script::ScriptId;

/// Scripts remembered: that a suppression matches; of which something was judged; how far long ones were judged.
const SCRIPTS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// How far a long script was judged.
#[derive(Clone, Copy, Default)]
pub(crate) struct Judged {
    /// Up to here, bytes.
    pub(crate) to: usize,
    /// How long it was when all of it was judged.
    pub(crate) whole: usize,
    /// How often all of it was judged besides, though it had hardly grown.
    pub(crate) again: u32,
}

pub(crate) struct Scripts {
    /// Scripts that a suppression matches, and what they evaluate.
    left_alone: LruCache<ScriptId, ()>,
    /// Scripts of which something was judged, and ran perhaps.
    begun: LruCache<ScriptId, ()>,
    judged: LruCache<ScriptId, Judged>,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            left_alone: LruCache::new(SCRIPTS),
            begun: LruCache::new(SCRIPTS),
            judged: LruCache::new(SCRIPTS),
        }
    }
}

impl Scripts {
    /// Something of it was judged. Returns whether that is the first of it.
    pub(crate) fn begin(&mut self, id: ScriptId) -> bool {
        self.begun.put(id, ()).is_none()
    }

    /// It is still needed.
    pub(crate) fn is_running(&mut self, id: &ScriptId) {
        let _ = (self.begun.get(id), self.left_alone.get(id));
    }

    pub(crate) fn leave_alone(&mut self, id: ScriptId) {
        self.left_alone.put(id, ());
    }

    pub(crate) fn is_left_alone(&self, id: &ScriptId) -> bool {
        self.left_alone.contains(id)
    }

    pub(crate) fn judged(&mut self, id: ScriptId, judged: Judged) {
        self.judged.put(id, judged);
    }

    pub(crate) fn judged_so_far(&mut self, id: &ScriptId) -> Option<Judged> {
        self.judged.get(id).copied()
    }

    pub(crate) fn finished(&mut self, id: &ScriptId) {
        self.judged.pop(id);
    }
}
