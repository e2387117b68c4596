//! The sessions of a node.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroUsize,
};

use lru::LruCache;
use script::{Capture, Origin, ScriptText};
use verdict::Verdict;

use crate::{
    pace::Pace,
    session::{Session, Snapshot},
};

/// Sessions that are remembered, and those of one cgroup outside of containers among them.
const SESSIONS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
const OF_ONE: usize = 16;
/// Sessions that gave way before they were judged.
const CLOSED: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
/// By which part of the threshold a command must score by itself for its session to be judged.
const FLOOR: f32 = 0.1;

/// Where shells are of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    of: u64,
    root: u32,
}

impl Place {
    /// A container: whoever gets a shell in it, by whichever process, is in one session.
    pub fn container(id: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        Self { of: hasher.finish(), root: 0 }
    }

    /// Outside of containers: a cgroup, and the process that shells descend from there, over other shells.
    pub fn cgroup(cgroup: u64, root: u32) -> Self {
        Self { of: cgroup, root }
    }
}

/// A text to be judged.
pub struct Question {
    place: Place,
    capture: Capture,
    snapshot: Snapshot,
}

impl Question {
    /// All of the session.
    pub fn text(&self) -> &ScriptText {
        &self.snapshot.text
    }

    /// The part that is to be judged, bytes.
    pub fn part(&self) -> std::ops::Range<usize> {
        self.snapshot.part.clone()
    }

    /// The cgroup of the last script.
    pub fn cgroup(&self) -> u64 {
        self.capture.cgroup
    }
}

/// The sessions of a node.
pub struct Sessions {
    all: LruCache<Place, Session>,
    /// Sessions that gave way to others while they waited for their turn.
    closed: LruCache<u32, (Place, Session)>,
    /// Of each container, or cgroup outside.
    paces: LruCache<u64, Pace>,
    /// Of all together.
    pace: Pace,
    /// Of the next session.
    serial: u32,
    /// One of them waits for its turn, perhaps.
    is_waiting: bool,
    /// What a command must score, as it was last.
    floor: f32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            all: LruCache::new(SESSIONS),
            closed: LruCache::new(CLOSED),
            paces: LruCache::new(SESSIONS),
            pace: Pace::of_node(),
            serial: 0,
            is_waiting: false,
            floor: 0.0,
        }
    }
}

impl Sessions {
    /// Takes a script that was judged by itself; `threshold` is that of the judge. Then there may be something [`due`](Self::due).
    pub fn add(
        &mut self,
        capture: &Capture,
        verdict: &Verdict,
        threshold: f32,
        place: Place,
        now_unix_ns: u64,
    ) {
        if !is_command(capture) {
            return;
        }
        self.floor = threshold * FLOOR;
        if verdict.malicious {
            if let Some(session) = self.all.get_mut(&place) {
                session.leave_out(&capture.id);
            }
            return;
        }
        if self.all.peek(&place).is_none_or(|session| session.is_closed(now_unix_ns)) {
            self.begin(place);
        }
        let Some(session) = self.all.get_mut(&place) else { return };
        if session.add(capture, verdict, self.floor, now_unix_ns) && session.is_asked(self.floor) {
            session.waiting = Some(capture.clone());
            self.is_waiting = true;
        }
    }

    /// The text of a session that is to be judged now, one after the other: the one that has waited longest.
    pub fn due(&mut self, now_unix_ns: u64) -> Option<Question> {
        self.next(Some(now_unix_ns))
    }

    /// Likewise, whether it is its turn or not: there will be no other.
    pub fn left(&mut self) -> Option<Question> {
        self.next(None)
    }

    fn next(&mut self, now_unix_ns: Option<u64>) -> Option<Question> {
        if !self.is_waiting {
            return None;
        }
        self.is_waiting = false;
        let mut due = None;
        let closed = self.closed.iter_mut().rev().map(|(_, (place, session))| (*place, session));
        let open = self.all.iter_mut().rev().map(|(place, session)| (*place, session));
        for (place, session) in closed.chain(open) {
            if session.waiting.is_some() && !session.is_asked(self.floor) {
                session.waiting = None;
            }
            if due.is_none() && session.waiting.is_some() {
                let of_one = self.paces.get_or_insert_mut(place.of, Pace::of_one);
                let is_turn = now_unix_ns.is_none_or(|now| of_one.has_turn(now) && self.pace.has_turn(now));
                if is_turn && let Some(capture) = session.waiting.take() {
                    of_one.spend();
                    self.pace.spend();
                    due = Some(Question { place, capture, snapshot: session.snapshot() });
                }
            }
            self.is_waiting |= session.waiting.is_some();
        }
        due
    }

    /// Takes what was said of a session's text. Returns the session as a capture, with its verdict, if it is malicious.
    pub fn judged(
        &mut self,
        question: Question,
        verdict: Verdict,
        now_unix_ns: u64,
    ) -> Option<(Capture, Verdict)> {
        let Question { place, capture, snapshot } = question;
        let serial = snapshot.serial;
        let open = self.all.peek_mut(&place).filter(|session| session.serial() == serial);
        let session = match open {
            Some(session) => session,
            None => &mut self.closed.peek_mut(&serial)?.1,
        };
        let told = session.judged(snapshot, &capture, verdict, now_unix_ns)?;
        if session.is_open() {
            self.serial = self.serial.wrapping_add(1);
            session.renumber(self.serial);
        }
        Some(told)
    }

    /// A new session, in the place of one of the same cgroup if that has many.
    fn begin(&mut self, place: Place) {
        if let Some(before) = self.all.pop(&place) {
            self.close(place, before);
        }
        let of_same = |(other, _): &(&Place, &Session)| other.of == place.of;
        if self.all.iter().filter(of_same).count() >= OF_ONE
            && let Some(oldest) = self.all.iter().rfind(of_same).map(|(other, _)| *other)
            && let Some(session) = self.all.pop(&oldest)
        {
            self.close(oldest, session);
        }
        self.serial = self.serial.wrapping_add(1);
        if let Some((other, session)) = self.all.push(place, Session::new(self.serial)) {
            self.close(other, session);
        }
    }

    /// A session that gives way is judged all the same, if it waits for that.
    fn close(&mut self, place: Place, session: Session) {
        if session.waiting.is_some() {
            self.closed.put(session.serial(), (place, session));
        }
    }
}

/// Is it something that somebody tells a shell to do?
fn is_command(capture: &Capture) -> bool {
    let is_told = matches!(capture.origin, Origin::Command | Origin::Stdin | Origin::Interactive);
    let is_whole = capture.offset == 0 && !capture.flags.maybe_data;
    is_told && is_whole && !capture.content.is_empty()
}

#[cfg(test)]
mod tests {
    use verdict::ScriptHash;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn verdict(content: &[u8], score: f32) -> Verdict {
        Verdict {
            hash: ScriptHash::of(content),
            score,
            malicious: score >= 0.5,
            techniques: vec![],
            spans: vec![],
            reasons: vec![],
        }
    }

    fn command(pid: u32, cgroup: u64, content: &[u8]) -> Capture {
        Capture {
            origin: Origin::Command,
            cgroup,
            time_unix_ns: u64::from(pid),
            ..script::sample(pid, content)
        }
    }

    fn typed(pid: u32, content: &[u8]) -> Capture {
        Capture { origin: Origin::Interactive, ..command(pid, 7, content) }
    }

    /// Adds a command below a cgroup's first process.
    fn add(sessions: &mut Sessions, of: &Capture, score: f32, now_s: u64) -> Option<Question> {
        let place = Place::cgroup(of.cgroup, 1);
        sessions.add(of, &verdict(&of.content, score), 0.5, place, now_s * SECOND);
        sessions.due(now_s * SECOND)
    }

    fn judged(sessions: &mut Sessions, question: Question, score: f32) -> Option<(Capture, Verdict)> {
        sessions.judged(question, verdict(b"", score), SECOND)
    }

    fn told(question: &Question) -> String {
        String::from_utf8_lossy(&question.text()[question.part()]).into_owned()
    }

    #[test]
    fn commands_of_one_place_are_judged_together() {
        let mut sessions = Sessions::default();
        assert!(add(&mut sessions, &command(10, 7, b"cd /tmp"), 0.2, 1).is_none(), "one is no session");
        let question = add(&mut sessions, &command(11, 7, b"id\n"), 0.01, 2).expect("a question");
        assert_eq!(told(&question), "cd /tmp\nid\n");
        assert!(judged(&mut sessions, question, 0.4).is_none(), "harmless");
        assert!(add(&mut sessions, &command(12, 7, b"id\n"), 0.01, 3).is_none(), "the same again");
        assert!(add(&mut sessions, &command(13, 8, b"ls"), 0.2, 3).is_none(), "another place");
        let question = add(&mut sessions, &command(14, 7, b"./x\nls"), 0.01, 4).expect("a question");
        let (capture, said) = judged(&mut sessions, question, 0.6).expect("a session");
        assert_eq!(&*capture.content, b"cd /tmp\nid\n./x\nls\n");
        assert_eq!((capture.origin, capture.id.pid), (Origin::Session, 14));
        assert_eq!(said.hash, ScriptHash::of(&capture.content));
        let lines: Vec<_> =
            capture.joined.iter().map(|j| (j.script.pid, j.first_line, j.last_line)).collect();
        assert_eq!(lines, [(10, 1, 1), (11, 2, 2), (14, 3, 4)]);
        assert_eq!(capture.time_unix_ns, 10);
        // It goes on under the same name, whatever is said of the rest.
        let question = add(&mut sessions, &command(15, 7, b"pwd"), 0.0, 5).expect("a question");
        let (next, said) = judged(&mut sessions, question, 0.1).expect("a session");
        assert_eq!((next.id, next.joined.len(), said.score), (capture.id, 4, 0.6));
        assert_eq!(Place::container("a"), Place::container("a"));
        assert_ne!(Place::container("a"), Place::container("b"));
    }

    #[test]
    fn what_grows_or_comes_again_is_the_last_command() {
        let mut sessions = Sessions::default();
        assert!(add(&mut sessions, &typed(10, b"cd /tmp\n"), 0.2, 1).is_none());
        assert!(add(&mut sessions, &typed(10, b"cd /tmp\nls\n"), 0.2, 2).is_none(), "it is judged by itself");
        let question = add(&mut sessions, &command(11, 7, b"id"), 0.2, 3).expect("a question");
        assert_eq!(told(&question), "cd /tmp\nls\nid\n");
        let question = add(&mut sessions, &typed(10, b"cd /tmp\nls\nw\n"), 0.2, 4).expect("a question");
        assert_eq!(told(&question), "id\ncd /tmp\nls\nw\n");
        // Steps that were run before in another order are judged in the one that counts.
        let question = add(&mut sessions, &command(12, 7, b"id"), 0.2, 5).expect("a question");
        assert_eq!(told(&question), "cd /tmp\nls\nw\nid\n");
    }

    #[test]
    fn what_is_old_or_malicious_or_no_command_or_raises_no_suspicion_is_left_out() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(10, 7, b"a"), 0.2, 1);
        assert!(add(&mut sessions, &script::sample(12, b"file"), 0.2, 1).is_none(), "a file");
        assert!(add(&mut sessions, &command(13, 7, b"b"), 0.2, 700).is_none(), "the other is old");
        assert!(add(&mut sessions, &command(14, 7, b"c"), 0.2, 701).is_some());
        assert!(add(&mut sessions, &command(15, 7, b"d"), 0.9, 702).is_none(), "it has a finding");
        let question =
            add(&mut sessions, &command(16, 7, b"e"), 0.2, 703).expect("the others are judged all the same");
        assert_eq!(told(&question), "b\nc\ne\n");
        // What becomes malicious is none of it any more.
        add(&mut sessions, &typed(17, b"f"), 0.2, 704);
        add(&mut sessions, &typed(17, b"f\ng"), 0.9, 704);
        assert_eq!(
            told(&add(&mut sessions, &command(18, 7, b"h"), 0.2, 705).expect("a question")),
            "b\nc\ne\nh\n"
        );
        // A probe that comes again and again keeps nothing alive but itself.
        for n in 0..20 {
            add(&mut sessions, &command(100 + n, 9, b"curl"), 0.2, u64::from(n) * 300);
        }
        let question = add(&mut sessions, &command(200, 9, b"id"), 0.2, 5900).expect("a question");
        assert_eq!(told(&question), "curl\nid\n");
        add(&mut sessions, &command(30, 10, b"a"), 0.04, 1);
        assert!(add(&mut sessions, &command(31, 10, b"b"), 0.04, 1).is_none(), "nothing scores");
    }

    #[test]
    fn filling_keeps_steps_apart_no_more_than_it_must() {
        let mut sessions = Sessions::default();
        let padded = [&b"wget x; #"[..], &[b'x'; 8000]].concat();
        add(&mut sessions, &command(10, 7, &padded), 0.2, 1);
        for n in 0..4_u32 {
            add(&mut sessions, &command(11 + n, 7, &[b'a' + n as u8; 4000]), 0.01, 1);
        }
        let question = add(&mut sessions, &command(20, 7, b"./x"), 0.01, 1).expect("a question");
        assert!(told(&question).contains("wget x; #") && told(&question).ends_with("./x\n"));
    }

    #[test]
    fn a_session_is_bounded_and_one_place_does_not_push_out_others() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 5, b"first"), 0.2, 1);
        for n in 0..1000_u32 {
            let of = command(100 + n, 7, format!("{n:01000}").as_bytes());
            if let Some(question) = add(&mut sessions, &of, 0.2, 2) {
                assert!(question.text().len() <= 16 * 1024 + 4096);
                assert!(question.part().len() <= 8192 && question.part().end == question.text().len());
            }
            let of = command(100 + n, 7, b"x");
            sessions.add(&of, &verdict(b"x", 0.2), 0.5, Place::cgroup(7, 1000 + n), 2 * SECOND);
        }
        assert!(sessions.all.len() <= OF_ONE + 1);
        assert!(add(&mut sessions, &command(2, 5, b"second"), 0.2, 3).is_some());
    }

    #[test]
    fn commands_without_end_are_judged_now_and_then_and_the_last_ones_in_any_case() {
        let mut sessions = Sessions::default();
        let mut count = 0;
        for n in 0..1000_u32 {
            count += u32::from(add(&mut sessions, &command(n, 7, &n.to_le_bytes()), 0.2, 1).is_some());
        }
        assert!((10..20).contains(&count), "{count}");
        assert!(sessions.due(SECOND).is_none(), "not yet");
        let question = sessions.due(2 * SECOND).expect("its turn");
        assert!(question.text().ends_with(b"\xe7\x03\0\0\n"));
        assert!(sessions.due(3 * SECOND).is_none(), "nothing is new");
        // Many places together have a pace, too, and whoever waits longest is next.
        count = 0;
        for cgroup in 100..300 {
            add(&mut sessions, &command(1, cgroup, b"a"), 0.2, 4);
            count += u32::from(add(&mut sessions, &command(2, cgroup, b"b"), 0.2, 4).is_some());
        }
        assert!((60..70).contains(&count), "{count}");
        assert_eq!(sessions.due(5 * SECOND).map(|next| next.cgroup()), Some(100 + u64::from(count)));
    }

    #[test]
    fn what_follows_a_malicious_session_does_not_push_it_out() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 7, b"first"), 0.2, 1);
        let question = add(&mut sessions, &command(2, 7, b"second"), 0.2, 1).expect("a question");
        let (found, _) = judged(&mut sessions, question, 0.6).expect("a session");
        let mut others = 0;
        for n in 0..200_u32 {
            let of = command(100 + n, 7, format!("{n:0500}").as_bytes());
            let Some(question) = add(&mut sessions, &of, 0.2, 2 + u64::from(n)) else { continue };
            let Some((capture, _)) = judged(&mut sessions, question, 0.1) else {
                others += 1;
                continue;
            };
            assert!(capture.id == found.id && capture.content.starts_with(b"first\nsecond\n"));
        }
        assert!(others > 100, "what is too much for it is another session");
        // And of another name, whoever was the last one.
        let question = add(&mut sessions, &command(2, 7, b"third"), 0.2, 300).expect("a question");
        let (next, _) = judged(&mut sessions, question, 0.6).expect("a session");
        assert!(next.id.pid == found.id.pid && next.id != found.id);
    }

    #[test]
    fn an_answer_that_comes_late_changes_nothing_that_is_newer() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 7, b"a"), 0.2, 1);
        let early = add(&mut sessions, &command(2, 7, b"b"), 0.2, 1).expect("a question");
        let late = add(&mut sessions, &command(3, 7, b"c"), 0.2, 1).expect("a question");
        assert!(judged(&mut sessions, late, 0.6).is_some());
        assert!(judged(&mut sessions, early, 0.9).is_none());
    }

    #[test]
    fn what_was_found_stays_as_it_is_while_its_scripts_grow() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 7, b"wget x"), 0.2, 1);
        let lines = [&[b':'; 200][..], b"\nchmod x\n./x\n"].concat();
        let question = add(&mut sessions, &typed(2, &lines), 0.01, 1).expect("a question");
        let (found, _) = judged(&mut sessions, question, 0.6).expect("a session");
        let grown = [&lines[..], &[b'l'; 400]].concat();
        let question = add(&mut sessions, &typed(2, &grown), 0.01, 2).expect("a question");
        let (next, _) = judged(&mut sessions, question, 0.1).expect("a session");
        assert!(next.id == found.id && next.content.starts_with(&found.content));
        assert_eq!(
            &next.content[found.content.len()..],
            [&[b'l'; 128][..], b"\n", &[b'l'; 128], b"\n"].concat()
        );
        assert_eq!(next.joined.len(), 3);
        // What comes much later is no part of it.
        assert!(add(&mut sessions, &command(4, 7, b"id"), 0.2, 700).is_none());
        let question = add(&mut sessions, &command(5, 7, b"w"), 0.2, 701).expect("a question");
        assert_eq!(told(&question), "id\nw\n");
    }

    #[test]
    fn what_was_judged_of_a_text_that_changed_since_is_told_by_itself() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 7, b"wget x"), 0.2, 1);
        let question = add(&mut sessions, &command(2, 7, b"./x"), 0.2, 1).expect("a question");
        // Before the answer comes, others push it out.
        for n in 0..70_u32 {
            add(&mut sessions, &command(100 + n, 7, &n.to_le_bytes()), 0.2, 2);
        }
        let (first, _) = judged(&mut sessions, question, 0.9).expect("a session");
        assert_eq!(&*first.content, b"wget x\n./x\n");
        let question = add(&mut sessions, &command(300, 7, b"id"), 0.2, 60).expect("a question");
        assert!(judged(&mut sessions, question, 0.1).is_none(), "what is there now is harmless");
        let question = add(&mut sessions, &command(2, 7, b"./y"), 0.2, 61).expect("a question");
        let (second, _) = judged(&mut sessions, question, 0.9).expect("a session");
        assert!(second.id.pid == first.id.pid && second.id != first.id);
    }

    #[test]
    fn what_gives_way_while_it_waits_is_judged_all_the_same() {
        let mut sessions = Sessions::default();
        let of = |pid, root| (command(pid, 7, &pid.to_le_bytes()), Place::cgroup(7, root));
        for root in 0..40_u32 {
            for pid in [100 + 2 * root, 101 + 2 * root] {
                let (capture, place) = of(pid, root);
                sessions.add(&capture, &verdict(&capture.content, 0.2), 0.5, place, SECOND);
            }
        }
        let mut told = 0;
        while let Some(question) = sessions.left() {
            told += usize::from(judged(&mut sessions, question, 0.9).is_some());
        }
        assert_eq!(told, 40);
    }
}
