//! From a verdict to a finding: waits for who ran the script, a bounded time, and completes the finding later when it
//! could not wait.

use std::{
    collections::VecDeque,
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use lru::LruCache;
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{Instant, sleep_until},
};
use tracing::debug;

use super::Telemetry;
use crate::{
    delivery::Outbox,
    finding::{Evidence, build},
    identity::{Directory, Identity, Node, ProcessFacts},
    script::{Capture, ScriptId},
    suppression::Suppressions,
    verdict::Verdict,
};

/// A malicious script that is to be reported.
pub(super) struct Case {
    /// What ran.
    pub(super) capture: Box<Capture>,
    /// What was found about it.
    pub(super) verdict: Verdict,
    /// Its process's parents, as they were then.
    pub(super) ancestors: Vec<ProcessFacts>,
}

/// Cases on their way to the reporter.
pub(super) const CASES: usize = 4096;
/// Bytes of scripts that wait for who ran them; when there are more, the oldest are reported as they are.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Findings that went out incomplete and may be completed.
const INCOMPLETE: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// What the reporter works with.
pub(super) struct Reporter {
    pub(super) directory: Arc<Directory>,
    pub(super) node: watch::Receiver<Arc<Node>>,
    pub(super) suppressions: watch::Receiver<Arc<Suppressions>>,
    pub(super) outbox: Outbox,
    pub(super) telemetry: Arc<Telemetry>,
    /// How long a finding waits for who ran its script.
    pub(super) patience: Duration,
}

/// Cases that wait, oldest first, and those whose findings went out incomplete.
struct Held {
    waiting: VecDeque<(Instant, Case)>,
    bytes: usize,
    /// With the project that the finding's name has: it must be the same when it is completed.
    incomplete: LruCache<ScriptId, (Case, Arc<Node>)>,
}

impl Reporter {
    /// Reports until the scoring thread is gone and nothing waits any more.
    pub(super) async fn run(mut self, mut cases: mpsc::Receiver<Case>) {
        let mut news = self.directory.news();
        let mut held = Held { waiting: VecDeque::new(), bytes: 0, incomplete: LruCache::new(INCOMPLETE) };
        loop {
            let deadline = held.waiting.front().map(|(deadline, _)| *deadline);
            tokio::select! {
                case = cases.recv() => match case {
                    Some(case) => self.take(case, &mut held),
                    None => break,
                },
                heard = news.recv() => {
                    // Being behind is as good as news: everything is looked at.
                    if matches!(heard, Err(broadcast::error::RecvError::Closed)) {
                        break;
                    }
                    self.look_again(&mut held);
                }
                Ok(()) = self.node.changed() => self.look_again(&mut held),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if let Some((_, case)) = held.pop() {
                        self.report(case, &mut held);
                    }
                }
            }
        }
        // Stopping: what is known has to do.
        while let Ok(case) = cases.try_recv() {
            self.take(case, &mut held);
        }
        while let Some((_, case)) = held.pop() {
            self.report(case, &mut held);
        }
    }

    fn take(&mut self, case: Case, held: &mut Held) {
        let must_wait = held.waiting.iter().any(|(_, other)| other.capture.id == case.capture.id);
        if !must_wait && self.is_complete(&case) {
            self.report(case, held);
            return;
        }
        held.bytes += case.capture.content.len();
        held.waiting.push_back((Instant::now() + self.patience, case));
        while held.bytes > WAITING_BYTES || held.waiting.len() > CASES {
            let Some((_, oldest)) = held.pop() else { break };
            self.report(oldest, held);
        }
    }

    fn is_complete(&self, case: &Case) -> bool {
        self.node.borrow().is_complete && self.directory.identify(case.capture.cgroup).is_complete
    }

    /// Something became known.
    fn look_again(&mut self, held: &mut Held) {
        // In order, so that a script that grew is reported as it was before it is as it is.
        let waiting = std::mem::take(&mut held.waiting);
        held.bytes = 0;
        for (deadline, case) in waiting {
            if self.is_complete(&case) {
                self.report(case, held);
            } else {
                held.bytes += case.capture.content.len();
                held.waiting.push_back((deadline, case));
            }
        }
        let done: Vec<ScriptId> = held
            .incomplete
            .iter()
            .filter(|(_, (case, _))| self.is_complete(case))
            .map(|(id, _)| *id)
            .collect();
        for id in done {
            let Some((case, named)) = held.incomplete.pop(&id) else { continue };
            let now = self.node.borrow().clone();
            // Only what the name is made of stays.
            let mut node = (*now).clone();
            node.cloud.project_id.clone_from(&named.cloud.project_id);
            node.cloud.project_number.clone_from(&named.cloud.project_number);
            let node = if named.project() == now.project() { now } else { Arc::new(node) };
            self.telemetry.completed.add(1);
            self.send(&case, &node, &self.directory.identify(case.capture.cgroup));
        }
    }

    fn report(&mut self, case: Case, held: &mut Held) {
        let identity = self.directory.identify(case.capture.cgroup);
        let node = self.node.borrow().clone();
        let container = identity.container.as_deref();
        let rules = self.suppressions.borrow().clone();
        if let Some(rule) = rules.matching(&case.capture, &case.verdict.hash, container, Timestamp::now()) {
            self.telemetry.suppressed.add(1);
            debug!(hash = %case.verdict.hash, rule.reason, "suppressed");
            return;
        }
        self.send(&case, &node, &identity);
        if identity.is_complete && node.is_complete {
            held.incomplete.pop(&case.capture.id);
        } else {
            self.telemetry.incomplete.add(1);
            held.incomplete.put(case.capture.id, (case, node));
        }
    }

    fn send(&self, case: &Case, node: &Node, identity: &Identity) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.outbox.put(&build(&Evidence {
            capture: &case.capture,
            verdict: &case.verdict,
            node,
            identity,
            ancestors: &case.ancestors,
            now_unix_ns: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        }));
    }
}

impl Held {
    fn pop(&mut self) -> Option<(Instant, Case)> {
        let popped = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(popped.1.capture.content.len());
        Some(popped)
    }
}
