//! Makes one finding of what is one: the versions of a script that grows, and the same script run again in the same
//! container.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use lru::LruCache;
use script::{Capture, ScriptId};

use crate::detection::Detection;

/// Findings that are remembered.
const FINDINGS: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");
/// Bytes of their scripts, which a script that runs again is compared with.
const BYTES: usize = 16 * 1024 * 1024;
/// Scripts that are known to be of a finding.
const SCRIPTS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// By so many first bytes the finding is looked up that a script may belong to.
const HEAD: usize = 128;
/// Findings of scripts that begin alike, of which the latest are compared.
const ALIKE: usize = 4;
/// A finding is sent again after this long, and each time after twice as long as before.
const PAUSE: Duration = Duration::from_secs(1);
/// At most after this long.
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// A script that ran last so long ago is a new finding.
const QUIET: Duration = Duration::from_hours(24);

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

/// Which malicious captures are findings, which are further versions or runs of one, and when those are sent.
pub(crate) struct Merger {
    findings: LruCache<ScriptId, Sent>,
    /// Bytes of the texts in `findings`.
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
        match self.finding_of.get(&id).copied() {
            Some(own) if own == id && self.findings.contains(&id) => {
                self.grow(id, detection, now, emit);
                return false;
            }
            // Another run, up to here.
            Some(first) if first != id => {
                if self.is_run_of(first, &detection.capture, now) {
                    return false;
                }
                if let Some(sent) = self.findings.get_mut(&first) {
                    sent.detection.runs = sent.detection.runs.saturating_sub(1).max(1);
                }
            }
            _ => {
                let head = head_of(&detection.capture);
                let alike = self.alike.get(&head).cloned().unwrap_or_default();
                if let Some(first) =
                    alike.into_iter().rev().find(|first| self.is_run_of(*first, &detection.capture, now))
                {
                    self.finding_of.put(id, first);
                    self.run_again(first, &detection, now);
                    return true;
                }
            }
        }
        self.begin(detection, now, emit);
        false
    }

    /// Nothing more comes of a script: what is new of it is sent.
    pub(crate) fn finished(&mut self, id: &ScriptId, emit: &mut impl FnMut(Detection)) {
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
        for (_, sent) in &mut self.findings {
            if sent.due.is_some_and(|due| due <= now) {
                sent.send(emit);
            }
            if let Some(due) = sent.due {
                self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
            }
        }
    }

    /// Sends all that is new.
    pub(crate) fn end(&mut self, emit: &mut impl FnMut(Detection)) {
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
                alike.retain(|other| self.findings.contains(other));
                if alike.len() >= ALIKE {
                    alike.remove(0);
                }
                alike.push(id);
            }
            None => {
                self.alike.put(head, vec![id]);
            }
        }
        self.bytes += detection.capture.content.len();
        let mut sent = Sent {
            detection,
            told_bytes: 0,
            told_techniques: Vec::new(),
            due: None,
            pause: PAUSE / 2,
            last_run: now,
        };
        sent.send(emit);
        if let Some((_, evicted)) = self.findings.push(id, sent) {
            self.forget(evicted, emit);
        }
        while self.bytes > BYTES && self.findings.len() > 1 {
            let Some((_, oldest)) = self.findings.pop_lru() else { break };
            self.forget(oldest, emit);
        }
    }

    fn forget(&mut self, mut sent: Sent, emit: &mut impl FnMut(Detection)) {
        self.bytes = self.bytes.saturating_sub(sent.detection.capture.content.len());
        if sent.due.is_some() {
            sent.send(emit);
        }
    }

    /// A further version of the script that a finding began with.
    fn grow(&mut self, id: ScriptId, new: Detection, now: Instant, emit: &mut impl FnMut(Detection)) {
        let Some(sent) = self.findings.get_mut(&id) else { return };
        let (old, runs) = (&sent.detection, sent.detection.runs);
        if old.verdict.hash == new.verdict.hash {
            return;
        }
        self.bytes = self.bytes + new.capture.content.len() - old.capture.content.len();
        sent.detection = Detection { runs, last_run_unix_ns: old.last_run_unix_ns, ..new };
        if sent.detection.verdict.techniques == sent.told_techniques {
            self.postpone(id, now);
        } else {
            sent.send(emit);
        }
    }

    fn run_again(&mut self, first: ScriptId, run: &Detection, now: Instant) {
        if let Some(sent) = self.findings.get_mut(&first) {
            sent.detection.runs += 1;
            sent.detection.last_run_unix_ns = run.last_run_unix_ns;
            sent.last_run = now;
        }
        self.postpone(first, now);
    }

    /// What is new will be sent after the pause.
    fn postpone(&mut self, id: ScriptId, now: Instant) {
        let Some(sent) = self.findings.peek_mut(&id) else { return };
        let due = *sent.due.get_or_insert(now + sent.pause);
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
    }

    /// Is the script, as far as it was read, the one that the finding is of?
    fn is_run_of(&self, first: ScriptId, capture: &Capture, now: Instant) -> bool {
        self.findings.peek(&first).is_some_and(|sent| {
            let known = &sent.detection.capture;
            known.content.starts_with(&capture.content)
                && (known.origin, known.offset, &known.path)
                    == (capture.origin, capture.offset, &capture.path)
                && now.duration_since(sent.last_run) < QUIET
        })
    }
}

impl Sent {
    fn send(&mut self, emit: &mut impl FnMut(Detection)) {
        self.told_bytes = self.detection.capture.content.len();
        self.told_techniques.clone_from(&self.detection.verdict.techniques);
        self.due = None;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        emit(self.detection.clone());
    }
}

fn head_of(capture: &Capture) -> Head {
    let head = &capture.content[..capture.content.len().min(HEAD)];
    (capture.cgroup, capture.uid, head.to_vec())
}

#[cfg(test)]
mod tests {
    use script::{Interpreter, Origin, ScriptFlags};
    use shell::Family;
    use verdict::{ScriptHash, Verdict};

    use super::*;

    fn detection(pid: u32, cgroup: u64, content: &str) -> Detection {
        let capture = Capture {
            id: ScriptId { pid, exec_ns: 1, ordinal: 0 },
            origin: Origin::Command,
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
        merger.finished(&ScriptId { pid: 1, exec_ns: 1, ordinal: 0 }, &mut emitted.sink());
        assert_eq!(emitted.new_ones().last(), Some(&(1, 1, 45)));
        merger.end(&mut emitted.sink());
        assert_eq!(emitted.new_ones(), []);
    }

    #[test]
    fn another_run_is_one_as_long_as_it_reads_the_same() {
        let (mut merger, mut emitted, now) = (Merger::new(), Emitted::default(), Instant::now());
        let head = "x".repeat(HEAD);
        let text = |tail: &str| format!("{head}{tail}");
        merger.take(detection(1, 7, &text(" one two")), now, &mut emitted.sink());
        assert!(merger.take(detection(2, 7, &text(" one")), now, &mut emitted.sink()));
        assert!(!merger.take(detection(2, 7, &text(" one two")), now, &mut emitted.sink()), "the same run");
        merger.take(detection(2, 7, &text(" one two three")), now, &mut emitted.sink());
        assert_eq!(
            emitted.new_ones(),
            [(1, 1, HEAD + 8), (2, 1, HEAD + 14)],
            "it is another script after all"
        );
        merger.end(&mut emitted.sink());
        assert_eq!(emitted.new_ones(), [(1, 1, HEAD + 8)], "the run is taken back");
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
    }
}
