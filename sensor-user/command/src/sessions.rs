//! Sessions of recorded captures: what the daemon would have joined.

use std::{collections::HashMap, num::NonZeroUsize};

use lru::LruCache;
use script::{Capture, ScriptId};
use session::Sessions;
use verdict::Judge;

use crate::replayed::Replayed;

/// Shells whose parents are remembered, and how far the way up is followed.
const SHELLS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
const DEPTH: usize = 16;

/// Joins captures in the order of their records.
pub(crate) struct ReplayedSessions {
    judge: Judge,
    sessions: Sessions,
    /// The parents of shells.
    parents: LruCache<u32, u32>,
    malicious: HashMap<ScriptId, Replayed>,
}

impl ReplayedSessions {
    /// None yet; this judge says what is malicious together.
    pub(crate) fn new(judge: Judge) -> Self {
        let (sessions, parents) = (Sessions::default(), LruCache::new(SHELLS));
        Self { judge, sessions, parents, malicious: HashMap::new() }
    }

    /// Takes a capture that was judged by itself.
    pub(crate) fn add(&mut self, replayed: &Replayed) -> anyhow::Result<()> {
        let Replayed { capture, verdict, container, .. } = replayed;
        let (root, threshold) = (self.root(capture), self.judge.threshold());
        let asked = self.sessions.add(capture, verdict, threshold, root, capture.time_unix_ns);
        let Some(question) = asked else { return Ok(()) };
        let verdict = self.judge.judge(&question.text[question.part.clone()], false)?;
        if let Some((capture, verdict)) = self.sessions.judged(question, verdict) {
            let container = container.clone();
            let session = Replayed { capture, container, verdict, other: None, suppressed: false };
            self.malicious.insert(session.capture.id, session);
        }
        Ok(())
    }

    /// The malicious ones as they were at last, in their order.
    pub(crate) fn end(self) -> Vec<Replayed> {
        let mut all: Vec<Replayed> = self.malicious.into_values().collect();
        all.sort_by_key(|session| (session.capture.time_unix_ns, session.capture.id.pid));
        all
    }

    fn root(&mut self, capture: &Capture) -> u32 {
        self.parents.put(capture.id.pid, capture.ppid);
        let mut pid = capture.ppid;
        for _ in 0..DEPTH {
            let Some(parent) = self.parents.peek(&pid) else { break };
            pid = *parent;
        }
        pid
    }
}
