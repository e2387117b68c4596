//! The sessions of a node.

use std::{num::NonZeroUsize, ops::Range};

use lru::LruCache;
use script::{Capture, Origin, ScriptText};
use verdict::Verdict;

use crate::{command::Command, pace::Pace, session::Session};

/// Sessions that are remembered, and those of one cgroup among them.
const SESSIONS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");
const OF_ONE: usize = 16;
/// A longer script is judged by itself only.
const COMMAND_BYTES: usize = 4096;
/// After so long without a command the next one begins a session.
const QUIET_NS: u64 = 600_000_000_000;
/// By which part of the threshold a command must score by itself for its session to be judged.
const FLOOR: f32 = 0.1;

/// Whose session it is: the cgroup, and the process that the shells descend from.
type Key = (u64, u32);

/// A text to be judged.
pub struct Question {
    key: Key,
    capture: Capture,
    /// All of the session.
    pub text: ScriptText,
    /// The part that is to be judged.
    pub part: Range<usize>,
}

impl Question {
    /// The cgroup whose session it is.
    pub fn cgroup(&self) -> u64 {
        self.key.0
    }
}

/// The sessions of a node.
pub struct Sessions {
    all: LruCache<Key, Session>,
    /// Of each cgroup.
    paces: LruCache<u64, Pace>,
    /// One of them waits for its turn, perhaps.
    is_waiting: bool,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { all: LruCache::new(SESSIONS), paces: LruCache::new(SESSIONS), is_waiting: false }
    }
}

impl Sessions {
    /// Takes a script that was judged by itself. Returns the text of its session if that is to be judged.
    ///
    /// `root` is the process that its shell descends from, over other shells; `threshold` that of the judge.
    pub fn add(
        &mut self,
        capture: &Capture,
        verdict: &Verdict,
        threshold: f32,
        root: u32,
        now_unix_ns: u64,
    ) -> Option<Question> {
        if !is_command(capture) {
            return None;
        }
        let key = (capture.cgroup, root);
        let is_known = self.all.get(&key).is_some_and(|session| {
            now_unix_ns.saturating_sub(session.last_unix_ns) < QUIET_NS && !session.is_full_for(capture)
        });
        if !is_known {
            self.begin(key);
        }
        let session = self.all.get_mut(&key)?;
        session.last_unix_ns = now_unix_ns;
        let command = Command {
            script: capture.id,
            origin: capture.origin,
            // A copy: the original may have room to grow, and does so in place while nobody else holds it.
            text: capture.content[..].into(),
            hash: verdict.hash,
            time_unix_ns: capture.time_unix_ns,
            score: verdict.score,
        };
        if !session.add(command, verdict.malicious) || !session.is_asked(threshold * FLOOR) {
            return None;
        }
        if !self.paces.get_or_insert_mut(capture.cgroup, Pace::default).take(now_unix_ns) {
            session.waiting = Some(capture.clone());
            self.is_waiting = true;
            return None;
        }
        session.waiting = None;
        let (text, part) = session.text();
        Some(Question { key, capture: capture.clone(), text, part })
    }

    /// The text of a session that had to wait for its turn, one after the other.
    pub fn due(&mut self, now_unix_ns: u64) -> Option<Question> {
        if !self.is_waiting {
            return None;
        }
        self.is_waiting = false;
        let mut due = None;
        for (key, session) in &mut self.all {
            if session.waiting.is_none() {
                continue;
            }
            self.is_waiting = true;
            if due.is_none() && self.paces.get_or_insert_mut(key.0, Pace::default).take(now_unix_ns) {
                due = session.waiting.take().map(|capture| {
                    let (text, part) = session.text();
                    Question { key: *key, capture, text, part }
                });
            }
        }
        due
    }

    /// Takes what was said of a session's text. Returns the session as a capture, with its verdict, if it is malicious.
    pub fn judged(&mut self, question: Question, verdict: Verdict) -> Option<(Capture, Verdict)> {
        let Question { key, capture, text, part } = question;
        self.all.get_mut(&key)?.judged(&capture, &text, &part, verdict)
    }

    /// A new session, in the place of one of the same cgroup if that has many.
    fn begin(&mut self, key: Key) {
        self.all.pop(&key);
        let of_same = |(other, _): &(&Key, &Session)| other.0 == key.0;
        if self.all.iter().filter(of_same).count() >= OF_ONE
            && let Some(oldest) = self.all.iter().rfind(of_same).map(|(other, _)| *other)
        {
            self.all.pop(&oldest);
        }
        self.all.put(key, Session::default());
    }
}

/// Is it something that somebody tells a shell to do, and short?
fn is_command(capture: &Capture) -> bool {
    let is_told = matches!(capture.origin, Origin::Command | Origin::Stdin | Origin::Interactive);
    let is_whole = capture.offset == 0 && !capture.flags.maybe_data;
    is_told && is_whole && (1..=COMMAND_BYTES).contains(&capture.content.len())
}

#[cfg(test)]
mod tests {
    use verdict::ScriptHash;

    use super::*;

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

    /// Adds a command of a cgroup's first process.
    fn add(sessions: &mut Sessions, of: &Capture, score: f32, now_s: u64) -> Option<Question> {
        sessions.add(of, &verdict(&of.content, score), 0.5, 1, now_s * 1_000_000_000)
    }

    fn told(question: &Question) -> String {
        String::from_utf8_lossy(&question.text[question.part.clone()]).into_owned()
    }

    #[test]
    fn commands_of_one_ancestry_are_judged_together() {
        let mut sessions = Sessions::default();
        assert!(add(&mut sessions, &command(10, 7, b"cd /tmp"), 0.2, 1).is_none(), "one is no session");
        let question = add(&mut sessions, &command(11, 7, b"id\n"), 0.01, 2).expect("a question");
        assert_eq!(told(&question), "cd /tmp\nid\n");
        assert!(sessions.judged(question, verdict(b"", 0.4)).is_none(), "harmless");
        assert!(add(&mut sessions, &command(12, 7, b"id\n"), 0.01, 3).is_none(), "the same again");
        assert!(add(&mut sessions, &command(13, 8, b"ls"), 0.2, 3).is_none(), "another container");
        let question = add(&mut sessions, &command(14, 7, b"./x\nls"), 0.01, 4).expect("a question");
        let (capture, said) = sessions.judged(question, verdict(b"", 0.6)).expect("a session");
        assert_eq!(&*capture.content, b"cd /tmp\nid\n./x\nls\n");
        assert_eq!(
            (capture.origin, capture.id.pid, said.hash),
            (Origin::Session, 14, ScriptHash::of(&capture.content))
        );
        let lines: Vec<_> =
            capture.joined.iter().map(|j| (j.script.pid, j.first_line, j.last_line)).collect();
        assert_eq!(lines, [(10, 1, 1), (11, 2, 2), (14, 3, 4)]);
        assert_eq!(capture.time_unix_ns, 10);
        // It goes on under the same name, whatever is said of the rest.
        let question = add(&mut sessions, &command(15, 7, b"pwd"), 0.0, 5).expect("a question");
        let (next, said) = sessions.judged(question, verdict(b"", 0.1)).expect("a session");
        assert_eq!((next.id, next.joined.len(), said.score), (capture.id, 4, 0.6));
    }

    #[test]
    fn lines_that_are_typed_are_one_command_that_grows() {
        let mut sessions = Sessions::default();
        let typed = |content: &[u8]| Capture { origin: Origin::Interactive, ..command(10, 7, content) };
        assert!(add(&mut sessions, &typed(b"cd /tmp\n"), 0.2, 1).is_none());
        assert!(add(&mut sessions, &typed(b"cd /tmp\nls\n"), 0.2, 2).is_none(), "it is judged by itself");
        let question = add(&mut sessions, &command(11, 7, b"id"), 0.2, 3).expect("a question");
        assert_eq!(told(&question), "cd /tmp\nls\nid\n");
        let question = add(&mut sessions, &typed(b"cd /tmp\nls\nw\n"), 0.2, 4).expect("a question");
        assert_eq!(told(&question), "cd /tmp\nls\nw\nid\n");
    }

    #[test]
    fn what_is_long_or_far_apart_or_told_already_or_raises_no_suspicion_is_left_out() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(10, 7, b"a"), 0.2, 1);
        assert!(add(&mut sessions, &command(11, 7, &[b'x'; COMMAND_BYTES + 1]), 0.2, 1).is_none(), "long");
        assert!(add(&mut sessions, &script::sample(12, b"file"), 0.2, 1).is_none(), "a file");
        assert!(add(&mut sessions, &command(13, 7, b"b"), 0.2, 700).is_none(), "much later");
        assert!(add(&mut sessions, &command(14, 7, b"c"), 0.2, 701).is_some());
        add(&mut sessions, &command(15, 7, b"d"), 0.9, 702);
        assert!(add(&mut sessions, &command(16, 7, b"e"), 0.2, 703).is_none(), "one has a finding");
        add(&mut sessions, &command(20, 9, b"a"), 0.04, 1);
        assert!(add(&mut sessions, &command(21, 9, b"b"), 0.04, 1).is_none(), "nothing scores");
    }

    #[test]
    fn a_session_is_bounded_and_one_container_does_not_push_out_others() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 5, b"first"), 0.2, 1);
        for n in 0..1000_u32 {
            let of = command(100 + n, 7, format!("{n:01000}").as_bytes());
            if let Some(question) = add(&mut sessions, &of, 0.2, 2) {
                assert!(question.text.len() <= 16 * 1024 + COMMAND_BYTES);
                assert!(
                    question.part.len() <= 4096 + COMMAND_BYTES && question.part.end == question.text.len()
                );
            }
            let of = command(100 + n, 7, b"x");
            sessions.add(&of, &verdict(b"x", 0.2), 0.5, 1000 + n, 2_000_000_000);
        }
        assert!(sessions.all.len() <= OF_ONE + 1);
        assert!(add(&mut sessions, &command(2, 5, b"second"), 0.2, 3).is_some());
    }

    #[test]
    fn what_follows_a_malicious_session_does_not_push_it_out() {
        let mut sessions = Sessions::default();
        add(&mut sessions, &command(1, 7, b"first"), 0.2, 1);
        let question = add(&mut sessions, &command(2, 7, b"second"), 0.2, 1).expect("a question");
        let (found, _) = sessions.judged(question, verdict(b"", 0.6)).expect("a session");
        let mut others = 0;
        for n in 0..200_u32 {
            let of = command(100 + n, 7, format!("{n:0500}").as_bytes());
            let Some(question) = add(&mut sessions, &of, 0.2, 2 + u64::from(n)) else { continue };
            let Some((capture, _)) = sessions.judged(question, verdict(b"", 0.1)) else {
                others += 1;
                continue;
            };
            assert!(capture.id == found.id && capture.content.starts_with(b"first\nsecond\n"));
        }
        assert!(others > 100, "what is too much for it is another session");
    }

    #[test]
    fn commands_without_end_are_judged_now_and_then_and_the_last_ones_in_any_case() {
        let mut sessions = Sessions::default();
        let mut judged = 0;
        for n in 0..1000_u32 {
            judged += u32::from(add(&mut sessions, &command(n, 7, &n.to_le_bytes()), 0.2, 1).is_some());
        }
        assert!((10..20).contains(&judged), "{judged}");
        assert!(sessions.due(1_000_000_000).is_none(), "not yet");
        let question = sessions.due(2_000_000_000).expect("its turn");
        assert!(question.text.ends_with(b"\xe7\x03\0\0\n"));
        assert!(sessions.due(3_000_000_000).is_none(), "nothing is new");
    }
}
