//! Sessions of recorded captures: what the daemon would have joined.

use std::{collections::HashMap, num::NonZeroUsize};

use identity::Container;
use lru::LruCache;
use script::{Capture, ScriptId};
use session::{Place, Question, Sessions};
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
    /// Of each cgroup.
    containers: HashMap<u64, Option<Container>>,
}

impl ReplayedSessions {
    /// None yet; this judge says what is malicious together.
    pub(crate) fn new(judge: Judge) -> Self {
        let (sessions, parents) = (Sessions::default(), LruCache::new(SHELLS));
        Self { judge, sessions, parents, malicious: HashMap::new(), containers: HashMap::new() }
    }

    /// Takes a capture that was judged by itself.
    pub(crate) fn add(&mut self, replayed: &Replayed) -> anyhow::Result<()> {
        let Replayed { capture, verdict, container, .. } = replayed;
        self.containers.entry(capture.cgroup).or_insert_with(|| container.clone());
        let root = self.root(capture);
        let place = match container {
            Some(container) => Place::container(container.id.as_str()),
            None => Place::cgroup(capture.cgroup, root),
        };
        let (threshold, now) = (self.judge.threshold(), capture.time_unix_ns);
        self.sessions.add(capture, verdict, threshold, place, now);
        while let Some(question) = self.sessions.due(now) {
            self.answer(question, now)?;
        }
        Ok(())
    }

    fn answer(&mut self, question: Question, now_unix_ns: u64) -> anyhow::Result<()> {
        let container = self.containers.get(&question.cgroup()).cloned().flatten();
        let verdict = self.judge.judge(&question.text()[question.part()], false)?;
        if let Some((capture, verdict)) = self.sessions.judged(question, verdict, now_unix_ns) {
            let session = Replayed { capture, container, verdict, other: None, suppressed: false };
            self.malicious.insert(session.capture.id, session);
        }
        Ok(())
    }

    /// The malicious ones as they were at last, in their order.
    pub(crate) fn end(mut self) -> anyhow::Result<Vec<Replayed>> {
        while let Some(question) = self.sessions.left() {
            self.answer(question, 0)?;
        }
        let mut all: Vec<Replayed> = self.malicious.into_values().collect();
        all.sort_by_key(|session| (session.capture.time_unix_ns, session.capture.id.pid));
        Ok(all)
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
