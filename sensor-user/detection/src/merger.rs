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
        let (runs, last_run_unix_ns, killed_runs) = (old.runs, old.last_run_unix_ns, old.killed_runs);
        let (response, later) = (sent.detection.response.take(), new.response.clone());
        sent.detection = Detection { runs, last_run_unix_ns, response, killed_runs, ..new };
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
            sent.detection.last_run_unix_ns = run.last_run_unix_ns;
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
mod tests {
    use std::sync::Arc;

    use response::{Action, Response};
    use script::{Interpreter, ScriptFlags};
    use shell::Family;
    use verdict::{ScriptHash, Verdict};

    use super::*;

    fn detection(pid: u32, cgroup: u64, content: &str) -> Detection {
        let capture = Capture {
            id: ScriptId { pid, exec_ns: 1, ordinal: 0 },
            origin: Origin::File,
            parent: None,
            evaluated_by: None,
            content: content.as_bytes().into(),
            offset: 0,
            size: content.len() as u64,
            flags: ScriptFlags::default(),
            path: None,
            interpreter: Interpreter {
                kind: Family::named("dash").unwrap(),
                path: b"/bin/sh".to_vec(),
                size: 1,
                sha256: None,
            },
            args: vec![],
            args_truncated: false,
            ns_pid: 1,
            ppid: 1,
            uid: 0,
            gid: 0,
            cgroup,
            start_ns: 1,
            time_unix_ns: u64::from(pid),
        };
        let verdict = Verdict {
            hash: ScriptHash::of(content.as_bytes()),
            score: 0.9,
            malicious: true,
            techniques: vec![1],
            spans: vec![],
        };
        Detection::new(capture.into(), verdict, vec![])
    }

    fn id(pid: u32) -> ScriptId {
        ScriptId { pid, exec_ns: 1, ordinal: 0 }
    }

    /// What a merger emits, as the finding's process and its runs.
    #[derive(Default)]
    struct Emitted(Vec<(u32, u64, usize)>);

    impl Emitted {
        fn sink(&mut self) -> impl FnMut(Detection) {
            |d| self.0.push((d.capture.id.pid, d.runs, d.capture.content.len()))
        }

        fn new_ones(&mut self) -> Vec<(u32, u64, usize)> {
            std::mem::take(&mut self.0)
        }
    }

    #[test]
    fn the_same_script_in_the_same_container_is_one_finding_with_a_count() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        merger.take(detection(1, 7, "evil"), now, &mut emitted.sink());
        for pid in 2..=100 {
            assert!(merger.take(detection(pid, 7, "evil"), now, &mut emitted.sink()));
        }
        assert_eq!(emitted.new_ones(), [(1, 1, 4)], "sent at once, and not again yet");
        merger.send_due(now + PAUSE, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(1, 100, 4)]);
        merger.send_due(now + 100 * PAUSE, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [], "nothing is new");
        merger.take(detection(101, 8, "evil"), now, &mut emitted.sink());
        merger.take(detection(102, 7, "evil 2"), now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(101, 1, 4), (102, 1, 6)], "another container, another script");
        merger.take(detection(103, 7, "evil"), now + QUIET, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(103, 1, 4)], "a day later it is news");
    }

    #[test]
    fn a_growing_script_is_sent_at_its_begin_in_pauses_and_at_its_end() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        for text in ["evil", "evil more", "evil more and more"] {
            merger.take(detection(1, 7, text), now, &mut emitted.sink());
        }
        assert_eq!(emitted.new_ones(), [(1, 1, 4)]);
        merger.send_due(now + PAUSE, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(1, 1, 18)]);
        let mut other = detection(1, 7, "evil more and more, and other things");
        other.verdict.techniques.push(5);
        merger.take(other, now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(1, 1, 36)], "the verdict is another one");
        merger.take(
            detection(1, 7, "evil more and more, and other things, the end"),
            now,
            &mut emitted.sink(),
        );
        merger.finished(&id(1), now, &mut emitted.sink());
        assert_eq!(emitted.new_ones().last(), Some(&(1, 1, 45)));
        merger.end(now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), []);
    }

    fn text(tail: &str) -> String {
        format!("{}{tail}", "x".repeat(HEAD))
    }

    #[test]
    fn another_run_is_one_when_it_has_read_the_same_to_the_end() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        merger.take(detection(1, 7, &text(" one two")), now, &mut emitted.sink());
        emitted.new_ones();
        assert!(!merger.take(detection(2, 7, &text(" one")), now, &mut emitted.sink()), "not yet");
        assert!(merger.take(detection(2, 7, &text(" one two")), now, &mut emitted.sink()));
        assert_eq!(emitted.new_ones(), []);
        merger.take(detection(2, 7, &text(" one two three")), now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(2, 1, HEAD + 14)], "it is another script after all");
        merger.end(now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(1, 1, HEAD + 8)], "the run is taken back");
    }

    #[test]
    fn a_shorter_script_is_one_of_its_own() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        merger.take(detection(1, 7, &text("rm -rf /data/tmp")), now, &mut emitted.sink());
        emitted.new_ones();
        merger.take(detection(2, 7, &text("rm -rf /data")), now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), []);
        merger.finished(&id(2), now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(2, 1, HEAD + 12)], "it ended there");
        // One that goes on without ending is not waited for.
        merger.take(detection(3, 7, &text("rm -rf /d")), now, &mut emitted.sink());
        merger.send_due(now + PAUSE, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(3, 1, HEAD + 9)]);
        // What comes whole is the same or is not.
        let mut command = detection(4, 7, &text("rm -rf /data/tm"));
        Arc::make_mut(&mut command.capture).origin = Origin::Command;
        merger.take(command, now, &mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(4, 1, HEAD + 15)]);
    }

    #[test]
    fn a_run_of_which_something_was_lost_is_a_finding_of_its_own() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        merger.take(detection(1, 7, &text(" one two")), now, &mut emitted.sink());
        for (pid, change) in [(2, true), (3, false)] {
            let mut lossy = detection(pid, 7, &text(" one two"));
            let capture = Arc::make_mut(&mut lossy.capture);
            if change {
                capture.flags.incomplete = true;
            } else {
                capture.size += 100;
            }
            merger.take(lossy, now, &mut emitted.sink());
        }
        // Nor is it waited for whether the rest comes.
        let mut beginning = detection(4, 7, &text(" one"));
        Arc::make_mut(&mut beginning.capture).flags.incomplete = true;
        merger.take(beginning, now, &mut emitted.sink());
        assert_eq!(emitted.new_ones().iter().map(|sent| sent.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_run_that_was_not_killed_is_told_before_those_that_were() {
        let (mut merger, now) = (Merger::new(), Instant::now());
        let mut last = None;
        let mut emit = |detection: Detection| last = Some(detection);
        let responded = |pid: u32, action| {
            let mut detection = detection(pid, 7, "evil");
            detection.responded(Some(Response { action, reason: String::new(), took_ns: 0 }));
            detection
        };
        for (pid, action) in [
            (1, Action::Killed(2)),
            (2, Action::Killed(1)),
            (3, Action::Gone),
            (4, Action::Killed(1)),
            (4, Action::Gone),
        ] {
            merger.take(responded(pid, action), now, &mut emit);
        }
        merger.end(now, &mut emit);
        let last = last.expect("a finding");
        assert_eq!(
            (last.runs, last.killed_runs, last.response.map(|r| r.action)),
            (4, 3, Some(Action::Gone))
        );
        // In audit mode a script that ended while it grew would have been killed all the same.
        let (mut merger, mut last) = (Merger::new(), None);
        let mut emit = |detection: Detection| last = Some(detection);
        merger.take(responded(1, Action::WouldKill), now, &mut emit);
        let mut grown = detection(1, 7, "evil, and more");
        grown.responded(Some(Response { action: Action::Gone, reason: String::new(), took_ns: 0 }));
        merger.take(grown, now, &mut emit);
        merger.end(now, &mut emit);
        let action = last.and_then(|last: Detection| last.response).map(|response| response.action);
        assert_eq!(action, Some(Action::WouldKill));
    }

    #[test]
    fn new_text_is_never_held_back_for_long() {
        let (mut merger, mut emitted, mut now) = (Merger::new(), Emitted::default(), Instant::now());
        for number in 0..200 {
            merger.take(detection(1, 7, &"evil ".repeat(number + 1)), now, &mut emitted.sink());
            now += PAUSE_TEXT_MAX;
            merger.send_due(now, &mut emitted.sink());
            assert_eq!(emitted.new_ones().last(), Some(&(1, 1, 5 * (number + 1))));
        }
    }

    #[test]
    fn what_is_forgotten_is_sent_first_and_memory_is_bounded() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        merger.take(detection(1, 7, "evil"), now, &mut emitted.sink());
        merger.take(detection(2, 7, "evil"), now, &mut emitted.sink());
        emitted.new_ones();
        for pid in 10..40 {
            let text = format!("{pid} {}", "y".repeat(1 << 20));
            merger.take(detection(pid, 7, &text), now, &mut emitted.sink());
        }
        assert!(merger.bytes <= BYTES, "{}", merger.bytes);
        assert!(emitted.new_ones().contains(&(1, 2, 4)));
        // Also when what is known grows, and when it is arguments that take the room.
        for pid in 100..200 {
            merger.take(detection(pid, 7, &format!("{pid}")), now, &mut emitted.sink());
        }
        for pid in 100..200 {
            merger.take(
                detection(pid, 7, &format!("{pid} {}", "y".repeat(1 << 20))),
                now,
                &mut emitted.sink(),
            );
        }
        for pid in 200..1000 {
            let mut many = detection(pid, 7, &format!("{pid}"));
            Arc::make_mut(&mut many.capture).args = vec![vec![b'a'; 31]; 1023];
            merger.take(many, now, &mut emitted.sink());
        }
        let held: usize = merger.findings.iter().map(|(_, sent)| weight(&sent.detection)).sum();
        assert!(merger.bytes <= BYTES && held == merger.bytes, "{held} {}", merger.bytes);
    }
}
