//! From a verdict to a finding: waits for who ran the script, a bounded time, and completes the finding later when it
//! could not wait.

use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc, time::Duration};

use finding::{Evidence, Impairment, Reason, build, build_impairment};
use identity::{Directory, Identity, Node};
use jiff::Timestamp;
use lru::LruCache;
use proto::scc::Finding;
use script::ScriptId;
use stage::{Receiver, Weigh};
use suppression::Suppressions;
use tokio::{
    sync::{broadcast, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tracing::debug;

use crate::{detection::Detection, impairments::Impairments, metrics::DetectionMetrics};

/// Bytes of detections that wait for who ran them; when there are more, the oldest are reported as they are.
pub const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Findings that went out incomplete and may be completed.
const INCOMPLETE: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// Impairments whose first version's project is remembered.
const IMPAIRED_NAMES: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");
/// How long an impairment waits at least for who the container is: it is in no hurry.
const IMPAIRED_IDENTITY: Duration = Duration::from_secs(10);
/// How often is looked whether the sensor is impaired.
const IMPAIRED: Duration = Duration::from_secs(1);

/// What the reporter works with.
pub struct Reporter<E> {
    /// Who is in which cgroup.
    pub directory: Arc<Directory>,
    /// The machine, as far as it is known.
    pub node: watch::Receiver<Arc<Node>>,
    /// The operator's rules.
    pub suppressions: watch::Receiver<Arc<Suppressions>>,
    /// Takes every finding. It must not wait.
    pub emit: E,
    /// What the sensor could not see or judge.
    pub impairments: Impairments,
    /// What happens is counted there.
    pub metrics: DetectionMetrics,
    /// How long a finding waits for who ran its script.
    pub enrichment_timeout: Duration,
}

/// Detections that wait, oldest first, and those whose findings went out incomplete.
struct Held {
    waiting: VecDeque<(Instant, Detection)>,
    bytes: usize,
    /// With the project that the finding's name has: it must be the same when it is completed.
    incomplete: LruCache<ScriptId, (Detection, Arc<Node>)>,
    /// Impairments that wait until it is known where they happened, and until when.
    impairments: Vec<(Instant, Impairment)>,
    /// The node as it was known when an impairment was told first.
    impaired: LruCache<(Reason, u64, u64), Arc<Node>>,
}

impl<E: Fn(Finding, u64)> Reporter<E> {
    /// Reports until the scoring thread is gone and nothing waits any more.
    pub async fn run(mut self, mut detections: Receiver<Detection>) {
        let mut news = self.directory.news();
        let mut held = Held {
            waiting: VecDeque::new(),
            bytes: 0,
            incomplete: LruCache::new(INCOMPLETE),
            impairments: Vec::new(),
            impaired: LruCache::new(IMPAIRED_NAMES),
        };
        let mut tick = interval(IMPAIRED);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let deadline = held.waiting.front().map(|(deadline, _)| *deadline);
            tokio::select! {
                detection = detections.recv() => match detection {
                    Some(detection) => self.take(detection, &mut held),
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
                _ = tick.tick() => {
                    let due = self.impairments.take_due(std::time::Instant::now());
                    let deadline = Instant::now() + self.enrichment_timeout.max(IMPAIRED_IDENTITY);
                    held.impairments.extend(due.into_iter().map(|impairment| (deadline, impairment)));
                    self.send_impairments(&mut held, |deadline| deadline <= Instant::now());
                }
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if let Some((_, detection)) = held.pop() {
                        self.report(detection, &mut held);
                    }
                }
            }
        }
        // Stopping: what is known has to do.
        while let Some(detection) = detections.try_recv() {
            self.take(detection, &mut held);
        }
        while let Some((_, detection)) = held.pop() {
            self.report(detection, &mut held);
        }
        held.impairments.extend(self.impairments.take_all().into_iter().map(|i| (Instant::now(), i)));
        self.send_impairments(&mut held, |_| true);
    }

    fn take(&mut self, detection: Detection, held: &mut Held) {
        let must_wait = held.waiting.iter().any(|(_, other)| other.capture.id == detection.capture.id);
        if !must_wait && self.is_complete(&detection) {
            self.report(detection, held);
            return;
        }
        held.bytes += detection.weight_bytes();
        held.waiting.push_back((Instant::now() + self.enrichment_timeout, detection));
        while held.bytes > WAITING_BYTES {
            let Some((_, oldest)) = held.pop() else { break };
            self.report(oldest, held);
        }
    }

    fn is_complete(&self, detection: &Detection) -> bool {
        self.node.borrow().is_complete && self.directory.identify(detection.capture.cgroup).is_complete
    }

    /// Something became known.
    fn look_again(&mut self, held: &mut Held) {
        // In order, so that a script that grew is reported as it was before it is as it is.
        let waiting = std::mem::take(&mut held.waiting);
        held.bytes = 0;
        for (deadline, detection) in waiting {
            if self.is_complete(&detection) {
                self.report(detection, held);
            } else {
                held.bytes += detection.weight_bytes();
                held.waiting.push_back((deadline, detection));
            }
        }
        let done: Vec<ScriptId> = held
            .incomplete
            .iter()
            .filter(|(_, (detection, _))| self.is_complete(detection))
            .map(|(id, _)| *id)
            .collect();
        for id in done {
            let Some((detection, named)) = held.incomplete.pop(&id) else { continue };
            let now = self.node.borrow().clone();
            let node = named_as(&named, &now);
            self.metrics.completed.inc();
            self.send(&detection, &node, &self.directory.identify(detection.capture.cgroup));
        }
    }

    fn report(&mut self, detection: Detection, held: &mut Held) {
        let identity = self.directory.identify(detection.capture.cgroup);
        let node = self.node.borrow().clone();
        let container = identity.container.as_deref();
        let rules = self.suppressions.borrow().clone();
        let (capture, hash) = (&detection.capture, &detection.verdict.hash);
        if let Some(rule) = rules.matching(capture, hash, container, detection.provenance, Timestamp::now()) {
            self.metrics.suppressed.inc();
            debug!(hash = %detection.verdict.hash, rule.reason, "suppressed");
            return;
        }
        self.send(&detection, &node, &identity);
        if identity.is_complete && node.is_complete {
            held.incomplete.pop(&detection.capture.id);
        } else {
            self.metrics.incomplete.inc();
            held.incomplete.put(detection.capture.id, (detection, node));
        }
    }

    /// Sends those of which all is known, and those that are `late`.
    fn send_impairments(&self, held: &mut Held, late: impl Fn(Instant) -> bool) {
        let now = self.node.borrow().clone();
        for (deadline, impairment) in std::mem::take(&mut held.impairments) {
            let identity = self.directory.identify(impairment.cgroup);
            let is_known = now.is_complete && identity.is_complete;
            if !is_known && !late(deadline) {
                held.impairments.push((deadline, impairment));
                continue;
            }
            // A later version has the first one's name, so its project, too.
            let key = (impairment.reason, impairment.cgroup, impairment.first_unix_ns);
            let named = held.impaired.get_or_insert(key, || now.clone()).clone();
            let node = named_as(&named, &now);
            let finding = build_impairment(&impairment, &node, &identity, clock::now_unix_ns());
            (self.emit)(finding, impairment.cgroup);
        }
    }

    fn send(&self, detection: &Detection, node: &Node, identity: &Identity) {
        let finding = build(&Evidence {
            capture: &detection.capture,
            verdict: &detection.verdict,
            node,
            identity,
            ancestors: &detection.ancestors,
            provenance: detection.provenance,
            runs: detection.runs,
            last_run_unix_ns: detection.last_run_unix_ns,
            response: detection.response.as_ref(),
            killed_runs: detection.killed_runs,
            now_unix_ns: clock::now_unix_ns(),
        });
        (self.emit)(finding, detection.capture.cgroup);
    }
}

/// The node as it is known now, but for what the finding's name is made of.
fn named_as(named: &Node, now: &Arc<Node>) -> Arc<Node> {
    if named.project() == now.project() {
        return now.clone();
    }
    let mut node = (**now).clone();
    node.cloud.project_id.clone_from(&named.cloud.project_id);
    node.cloud.project_number.clone_from(&named.cloud.project_number);
    Arc::new(node)
}

impl Held {
    fn pop(&mut self) -> Option<(Instant, Detection)> {
        let popped = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(popped.1.weight_bytes());
        Some(popped)
    }
}
