//! What is one finding, and when it is sent.

use std::sync::Arc;

use response::{Action, Progress, Response};
use verdict::{ScriptHash, Verdict};

use super::*;

fn detection(pid: u32, cgroup: u64, content: &str) -> Detection {
    let capture = Capture { cgroup, time_unix_ns: u64::from(pid), ..script::sample(pid, content.as_bytes()) };
    let verdict = Verdict {
        hash: ScriptHash::of(content.as_bytes()),
        score: 0.9,
        malicious: true,
        techniques: vec![1],
        spans: vec![],
        reasons: vec![],
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
    merger.take(detection(1, 7, "evil more and more, and other things, the end"), now, &mut emitted.sink());
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
        detection.responded(Some(Response {
            action,
            reason: String::new(),
            took_ns: 0,
            if_held: None,
            progress: Progress::default(),
        }));
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
    assert_eq!((last.runs, last.killed_runs, last.response.map(|r| r.action)), (4, 3, Some(Action::Gone)));
    // In audit mode a script that ended while it grew would have been killed all the same.
    let (mut merger, mut last) = (Merger::new(), None);
    let mut emit = |detection: Detection| last = Some(detection);
    merger.take(responded(1, Action::WouldKill), now, &mut emit);
    let mut grown = detection(1, 7, "evil, and more");
    grown.responded(Some(Response {
        action: Action::Gone,
        reason: String::new(),
        took_ns: 0,
        if_held: None,
        progress: Progress::default(),
    }));
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
        merger.take(detection(pid, 7, &format!("{pid} {}", "y".repeat(1 << 20))), now, &mut emitted.sink());
    }
    for pid in 200..1000 {
        let mut many = detection(pid, 7, &format!("{pid}"));
        Arc::make_mut(&mut many.capture).args = vec![vec![b'a'; 31]; 1023];
        merger.take(many, now, &mut emitted.sink());
    }
    let held: usize = merger.findings.iter().map(|(_, sent)| weight(&sent.detection)).sum();
    assert!(merger.bytes <= BYTES && held == merger.bytes, "{held} {}", merger.bytes);
}
