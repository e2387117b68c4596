//! Makes one finding of what is one: the versions of a script that grows, and the same script run again in the same
//! container.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;
use script::{Capture, Origin, ScriptId};
use stage::Weigh;

use crate::detection::Detection;

/// Findings that are remembered.
const FINDINGS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Bytes that these and the unsettled runs may take.
const BYTES: usize = 16 * 1024 * 1024;
/// Scripts that are known to be of a finding.
const SCRIPTS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// Runs that have read a part of a known script so far.
const UNSETTLED: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// By so many first bytes the finding is looked up that a script may belong to.
const HEAD: usize = 128;
/// Findings of scripts that begin alike, of which the latest are compared.
const ALIKE: usize = 8;
/// A finding is sent again after this long, and each time after twice as long as before.
const PAUSE: Duration = Duration::from_secs(1);
/// At most after this long, when only the count of runs is new.
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// At most after this long, when there is new text.
const PAUSE_TEXT_MAX: Duration = Duration::from_secs(10);
/// A script that ran last so long ago is a new finding.
const QUIET: Duration = Duration::from_hours(24);
/// What an allocation takes besides its bytes, about.
const ALLOCATION: usize = 32;

/// Scripts of one container (its cgroup) and user that begin with the same bytes.
type Head = (u64, u32, Vec<u8>);

/// A finding that was sent, as it is now.
struct Sent {
    /// The latest version, under the first one's name.
    detection: Detection,
    /// How much text the finding had when it was sent last, bytes.
    told_bytes: usize,
    /// Which techniques it had.
    told_techniques: Vec<usize>,
    /// When it is sent again; nothing is new while there is none.
    due: Option<Instant>,
    pause: Duration,
    last_run: Instant,
}

/// What a script has to do with a known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// It is the same, to the last byte.
    Same,
    /// It reads the same so far.
    Begins,
    /// It is another.
    Other,
}

/// Which malicious captures are findings, which are further versions or runs of one, and when those are sent.
pub(crate) struct Merger {
    findings: LruCache<ScriptId, Sent>,
    /// Runs that read the same so far, with the finding they may be of and since when. They are settled when they are the
    /// same, differ, end, or go on for too long.
    unsettled: LruCache<ScriptId, (Detection, ScriptId, Instant)>,
    /// Bytes of what is in both.
    bytes: usize,
    /// The finding that a script belongs to.
    finding_of: LruCache<ScriptId, ScriptId>,
    alike: LruCache<Head, Vec<ScriptId>>,
    /// No finding is due before that.
    next_due: Option<Instant>,
}

impl Merger {
    pub(crate) fn new() -> Self {
        Self {
            findings: LruCache::new(FINDINGS),
            unsettled: LruCache::new(UNSETTLED),
            bytes: 0,
            finding_of: LruCache::new(SCRIPTS),
            alike: LruCache::new(FINDINGS),
            next_due: None,
        }
    }

    /// Has a script a finding that is remembered?
    pub(crate) fn is_finding(&self, id: &ScriptId) -> bool {
        self.findings.contains(id)
    }

    /// Takes a malicious capture, with itself as its only run, and emits what is to be sent now. Returns true when it is
    /// another run of a script that is a finding already.
    pub(crate) fn take(
        &mut self,
        detection: Detection,
        now: Instant,
        emit: &mut impl FnMut(Detection),
    ) -> bool {
        let id = detection.capture.id;
        let settled = self.finding_of.get(&id).copied();
        if settled == Some(id) && self.findings.contains(&id) {
            self.grow(id, detection, now, emit);
            return false;
        }
        let first = match (settled, self.settle(&id)) {
            (Some(first), _) if first != id => {
                if self.likeness(first, &detection.capture, now) == Likeness::Same {
                    return false;
                }
                // It went on where the other ended.
                self.take_run_back(first, now);
                None
            }
            (_, Some((_, first, since))) => Some((first, since)),
            _ => self.known_like(&detection.capture, now).map(|first| (first, now)),
        };
        let likeness = first.map(|(first, _)| self.likeness(first, &detection.capture, now));
        match (first, likeness) {
            (Some((first, _)), Some(Likeness::Same)) => {
                self.finding_of.put(id, first);
                self.run_again(first, &detection, now);
                true
            }
            (Some((first, since)), Some(Likeness::Begins)) => {
                self.bytes += weight(&detection);
                if let Some((_, (evicted, ..))) = self.unsettled.push(id, (detection, first, since)) {
                    self.bytes = self.bytes.saturating_sub(weight(&evicted));
                    self.begin(evicted, now, emit);
                }
                self.due_at(since + PAUSE);
                self.evict(emit);
                false
            }
            _ => {
                self.begin(detection, now, emit);
                false
            }
        }
    }

    /// Nothing more comes of a script: what is new of it is sent.
    pub(crate) fn finished(&mut self, id: &ScriptId, now: Instant, emit: &mut impl FnMut(Detection)) {
        // It ended before the one that it began like: it is a script of its own.
        if let Some((detection, ..)) = self.settle(id) {
            self.begin(detection, now, emit);
        }
        if let Some(sent) = self.findings.peek_mut(id)
            && sent.due.is_some()
            && sent.detection.capture.content.len() != sent.told_bytes
        {
            sent.send(emit);
        }
    }

    /// Sends what is due.
    pub(crate) fn send_due(&mut self, now: Instant, emit: &mut impl FnMut(Detection)) {
        if self.next_due.is_none_or(|due| due > now) {
            return;
        }
        self.next_due = None;
        let late: Vec<ScriptId> = self
            .unsettled
            .iter()
            .filter(|(_, (_, _, since))| *since + PAUSE <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            if let Some((detection, ..)) = self.settle(&id) {
                self.begin(detection, now, emit);
            }
        }
        let mut next = self.unsettled.iter().map(|(_, (_, _, since))| *since + PAUSE).min();
        for (_, sent) in &mut self.findings {
            if sent.due.is_some_and(|due| due <= now) {
                sent.send_later_next_time();
                sent.send(emit);
            }
            next = next.into_iter().chain(sent.due).min();
        }
        if let Some(due) = next {
            self.due_at(due);
        }
    }

    /// Sends all that is new.
    pub(crate) fn end(&mut self, now: Instant, emit: &mut impl FnMut(Detection)) {
        while let Some((_, (detection, ..))) = self.unsettled.pop_lru() {
            self.begin(detection, now, emit);
        }
        for (_, sent) in &mut self.findings {
            if sent.due.is_some() {
                sent.send(emit);
            }
        }
    }

    fn begin(&mut self, detection: Detection, now: Instant, emit: &mut impl FnMut(Detection)) {
        let id = detection.capture.id;
        self.finding_of.put(id, id);
        let head = head_of(&detection.capture);
        match self.alike.get_mut(&head) {
            Some(alike) => {
                alike.retain(|other| *other != id && self.findings.contains(other));
                if alike.len() >= ALIKE {
                    alike.remove(0);
                }
                alike.push(id);
            }
            None => {
                self.alike.put(head, vec![id]);
            }
        }
        self.bytes += weight(&detection);
        let mut sent = Sent {
            detection,
            told_bytes: 0,
            told_techniques: Vec::new(),
            due: None,
            pause: PAUSE,
            last_run: now,
        };
        sent.send(emit);
        if let Some((_, evicted)) = self.findings.push(id, sent) {
            self.forget(evicted, emit);
        }
        self.evict(emit);
    }

    /// Forgets the oldest until the rest fits.
    fn evict(&mut self, emit: &mut impl FnMut(Detection)) {
        while self.bytes > BYTES && self.findings.len() > 1 {
            let Some((_, oldest)) = self.findings.pop_lru() else { break };
            self.forget(oldest, emit);
        }
    }

    fn forget(&mut self, mut sent: Sent, emit: &mut impl FnMut(Detection)) {
        self.bytes = self.bytes.saturating_sub(weight(&sent.detection));
        if sent.due.is_some() {
            sent.send(emit);
        }
    }

    /// Takes a run out of those that are unsettled.
    fn settle(&mut self, id: &ScriptId) -> Option<(Detection, ScriptId, Instant)> {
        let run = self.unsettled.pop(id)?;
        self.bytes = self.bytes.saturating_sub(weight(&run.0));
        Some(run)
    }

    /// A further version of the script that a finding began with.
    fn grow(&mut self, id: ScriptId, new: Detection, now: Instant, emit: &mut impl FnMut(Detection)) {
        let Some(sent) = self.findings.get_mut(&id) else { return };
        let old = &sent.detection;
        let is_as_before = old.verdict.hash == new.verdict.hash
            && (old.capture.flags, old.capture.size) == (new.capture.flags, new.capture.size);
        if is_as_before {
            let before = sent.detection.response.clone();
            sent.detection.version_responded(new.response);
            if sent.detection.response != before {
                self.postpone(id, PAUSE_TEXT_MAX, now);
            }
            return;
        }
        self.bytes = (self.bytes + weight(&new)).saturating_sub(weight(old));
        let (runs, killed_runs) = (old.runs, old.killed_runs);
        let last_run_unix_ns = old.last_run_unix_ns.max(new.last_run_unix_ns);
        // The process may be gone since, or its file.
        let provenance = new.provenance.or(old.provenance);
        let (response, later) = (sent.detection.response.take(), new.response.clone());
        sent.detection = Detection { provenance, runs, last_run_unix_ns, response, killed_runs, ..new };
        sent.detection.version_responded(later);
        if sent.detection.verdict.techniques == sent.told_techniques {
            self.postpone(id, PAUSE_TEXT_MAX, now);
        } else {
            sent.send(emit);
        }
        self.evict(emit);
    }

    fn run_again(&mut self, first: ScriptId, run: &Detection, now: Instant) {
        if let Some(sent) = self.findings.get_mut(&first) {
            sent.detection.runs += 1;
            // Another thread may have judged a later run before.
            sent.detection.last_run_unix_ns = sent.detection.last_run_unix_ns.max(run.last_run_unix_ns);
            sent.detection.run_responded(run.response.clone());
            sent.last_run = now;
        }
        self.postpone(first, PAUSE_MAX, now);
    }

    fn take_run_back(&mut self, first: ScriptId, now: Instant) {
        if let Some(sent) = self.findings.get_mut(&first) {
            sent.detection.runs = sent.detection.runs.saturating_sub(1).max(1);
        }
        self.postpone(first, PAUSE_MAX, now);
    }

    /// What is new will be sent after the pause, and after `longest` at most.
    fn postpone(&mut self, id: ScriptId, longest: Duration, now: Instant) {
        let Some(sent) = self.findings.peek_mut(&id) else { return };
        let due = now + sent.pause.min(longest);
        let due = sent.due.map_or(due, |earlier| earlier.min(due));
        sent.due = Some(due);
        self.due_at(due);
    }

    fn due_at(&mut self, due: Instant) {
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }

    /// The latest finding whose script this is, or may be.
    fn known_like(&mut self, capture: &Capture, now: Instant) -> Option<ScriptId> {
        let alike = self.alike.get(&head_of(capture))?.clone();
        let like =
            |wanted| alike.iter().rev().copied().find(|first| self.likeness(*first, capture, now) == wanted);
        like(Likeness::Same).or_else(|| like(Likeness::Begins))
    }

    fn likeness(&self, first: ScriptId, capture: &Capture, now: Instant) -> Likeness {
        let Some(sent) = self.findings.peek(&first) else { return Likeness::Other };
        let known = &*sent.detection.capture;
        let is_alike = (known.origin, known.offset, &known.path)
            == (capture.origin, capture.offset, &capture.path)
            && now.duration_since(sent.last_run) < QUIET;
        // What was lost of it may be what makes it another script.
        if !is_alike || capture.flags.incomplete {
            Likeness::Other
        } else if known.content == capture.content {
            if known.size == capture.size && known.flags == capture.flags {
                Likeness::Same
            } else {
                Likeness::Other
            }
        } else if grows(capture.origin) && known.content.starts_with(&capture.content) {
            Likeness::Begins
        } else {
            Likeness::Other
        }
    }
}

impl Sent {
    fn send(&mut self, emit: &mut impl FnMut(Detection)) {
        self.told_bytes = self.detection.capture.content.len();
        self.told_techniques.clone_from(&self.detection.verdict.techniques);
        self.due = None;
        emit(self.detection.clone());
    }

    fn send_later_next_time(&mut self) {
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

/// May a capture of this origin be a part of the script so far? Others come whole.
fn grows(origin: Origin) -> bool {
    !matches!(origin, Origin::Command | Origin::Eval | Origin::Environment)
}

/// Bytes that it takes, about.
fn weight(detection: &Detection) -> usize {
    detection.weight_bytes() + ALLOCATION * detection.capture.args.len()
}

fn head_of(capture: &Capture) -> Head {
    let head = &capture.content[..capture.content.len().min(HEAD)];
    (capture.cgroup, capture.uid, head.to_vec())
}

#[cfg(test)]
mod tests;
