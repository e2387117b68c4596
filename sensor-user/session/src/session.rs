//! A session: commands in the order in which they began.

use std::{collections::VecDeque, ops::Range};

use script::{Capture, Joined, Origin, ScriptFlags, ScriptId, ScriptText};
use verdict::{ScriptHash, Verdict};

use crate::command::Command;

/// Commands that a session keeps, and bytes of its text.
const COMMANDS: usize = 64;
const BYTES: usize = 16 * 1024;
/// So many bytes are judged at once, the last ones: what is far apart is no one step.
const JUDGED: usize = 4096;
/// The ordinal of a session among a shell's scripts, which no script has.
const ORDINAL: u32 = u32::MAX;

/// Commands in their order, and what was found about them.
#[derive(Debug, Default)]
pub(crate) struct Session {
    commands: VecDeque<Command>,
    bytes: usize,
    /// When the last one came, Unix time in ns.
    pub(crate) last_unix_ns: u64,
    /// A finding tells of one of them.
    has_malicious: bool,
    /// The last script, while the text waits for its turn to be judged.
    pub(crate) waiting: Option<Capture>,
    found: Option<Found>,
}

/// A session that is malicious.
#[derive(Debug)]
struct Found {
    id: ScriptId,
    verdict: Verdict,
}

impl Session {
    /// Is it malicious, and has no room for a script? What carried the verdict must not go for what comes after it.
    pub(crate) fn is_full_for(&self, script: &Capture) -> bool {
        let is_known = self.commands.iter().any(|known| known.script == script.id);
        let is_full = self.commands.len() >= COMMANDS || self.bytes + script.content.len() >= BYTES;
        self.found.is_some() && is_full && !is_known
    }

    /// A script that began, or grew. Returns whether the session has something new.
    pub(crate) fn add(&mut self, command: Command, is_malicious: bool) -> bool {
        self.has_malicious |= is_malicious;
        let last = self.commands.len().saturating_sub(1);
        let known = self.commands.iter_mut().enumerate().find(|(_, known)| known.script == command.script);
        if let Some((at, known)) = known {
            // What was found has its place in the text.
            let is_settled = self.found.is_some() && (at < last || self.bytes + command.len() > BYTES);
            if known.hash == command.hash || is_settled {
                return false;
            }
            self.bytes = self.bytes - known.len() + command.len();
            *known = Command { time_unix_ns: known.time_unix_ns, ..command };
        } else {
            // A probe that runs again and again, or a loop, is one command.
            if self.commands.iter().any(|known| known.hash == command.hash) {
                return false;
            }
            self.bytes += command.len();
            self.commands.push_back(command);
        }
        while (self.bytes > BYTES || self.commands.len() > COMMANDS) && self.commands.len() > 1 {
            let Some(oldest) = self.commands.pop_front() else { break };
            self.bytes -= oldest.len();
        }
        true
    }

    /// Is it to be judged? A script that is malicious has a finding of its own; where nothing scores by itself, nothing does
    /// together.
    pub(crate) fn is_asked(&self, floor: f32) -> bool {
        let is_suspicious = || self.commands.iter().any(|command| command.score >= floor);
        !self.has_malicious && self.commands.len() > 1 && (self.found.is_some() || is_suspicious())
    }

    /// Its text, and the part that is judged: the last commands, two at least.
    pub(crate) fn text(&self) -> (ScriptText, Range<usize>) {
        let mut text = Vec::with_capacity(self.bytes);
        for command in &self.commands {
            command.write_to(&mut text);
        }
        let mut start = text.len();
        for (at, command) in self.commands.iter().rev().enumerate() {
            if at > 1 && text.len() - start + command.len() > JUDGED {
                break;
            }
            start -= command.len();
        }
        let part = start..text.len();
        (text.into(), part)
    }

    /// Takes a verdict on a part of its text. Returns it as a capture if it is malicious, or was before: under the same name while
    /// it grows.
    pub(crate) fn judged(
        &mut self,
        last: &Capture,
        text: &ScriptText,
        part: &Range<usize>,
        verdict: Verdict,
    ) -> Option<(Capture, Verdict)> {
        if verdict.malicious {
            let verdict = verdict.within(text, part.start);
            let is_worse = |found: &mut Found| {
                if verdict.score >= found.verdict.score || found.verdict.spans.is_empty() {
                    found.verdict = verdict.clone();
                }
            };
            match &mut self.found {
                Some(found) => is_worse(found),
                none => *none = Some(Found { id: ScriptId { ordinal: ORDINAL, ..last.id }, verdict }),
            }
        }
        let joined = self.joined();
        let found = self.found.as_mut()?;
        found.verdict.hash = ScriptHash::of(text);
        let capture = Capture {
            id: found.id,
            origin: Origin::Session,
            parent: None,
            evaluated_by: None,
            content: text.clone(),
            offset: 0,
            size: text.len() as u64,
            flags: ScriptFlags::default(),
            path: None,
            time_unix_ns: self.commands.front().map_or(last.time_unix_ns, |first| first.time_unix_ns),
            news: None,
            joined,
            ..last.clone()
        };
        Some((capture, found.verdict.clone()))
    }

    fn joined(&self) -> Vec<Joined> {
        let mut line = 1;
        let joined = self.commands.iter().map(|command| {
            let first_line = line;
            line += memchr::memchr_iter(b'\n', &command.text).count() as u32;
            line += u32::from(!command.text.ends_with(b"\n"));
            Joined {
                script: command.script,
                origin: command.origin,
                time_unix_ns: command.time_unix_ns,
                first_line,
                last_line: line - 1,
            }
        });
        joined.collect()
    }
}
