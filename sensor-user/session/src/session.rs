//! A session: commands in the order in which they came, or grew.

use std::{collections::VecDeque, ops::Range};

use script::{Capture, Joined, Origin, ScriptFlags, ScriptId, ScriptText};
use verdict::{ScriptHash, Verdict};

use crate::command::Command;

/// Commands that a session keeps, and bytes of its text.
const COMMANDS: usize = 64;
const BYTES: usize = 16 * 1024;
/// So many bytes are judged at once, the last ones: what is far apart is no one step.
const JUDGED: usize = 4096;
/// What came so long ago is no part of it any more. A finding grows for so long.
const QUIET_NS: u64 = 600_000_000_000;
/// Sessions of one shell have names of their own, which no script has.
const SERIALS: u32 = 1 << 16;

/// The text of a session at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) serial: u32,
    version: u64,
    pub(crate) text: ScriptText,
    /// The part that is judged.
    pub(crate) part: Range<usize>,
    joined: Vec<Joined>,
    flags: ScriptFlags,
}

/// Commands in their order, and what was found about them.
#[derive(Debug)]
pub(crate) struct Session {
    /// Tells it from others.
    serial: u32,
    /// Counts up with every change.
    version: u64,
    commands: VecDeque<Command>,
    bytes: usize,
    found: Option<Found>,
    /// The last script, while the text waits for its turn to be judged.
    pub(crate) waiting: Option<Capture>,
}

/// A session that is malicious.
#[derive(Debug)]
struct Found {
    id: ScriptId,
    verdict: Verdict,
    /// Of the text that was told last.
    version: u64,
    since_unix_ns: u64,
}

impl Session {
    /// An empty one.
    pub(crate) fn new(serial: u32) -> Self {
        Self { serial, version: 0, commands: VecDeque::new(), bytes: 0, found: None, waiting: None }
    }

    /// Its number, which no other has.
    pub(crate) fn serial(&self) -> u32 {
        self.serial
    }

    /// Its next finding bears another name: what was told of it stays as it was.
    pub(crate) fn renumber(&mut self, serial: u32) {
        self.serial = serial;
    }

    /// Is it malicious, and has no room for more, or is old? What carried the verdict must not go for what comes after it.
    pub(crate) fn is_closed(&self, now_unix_ns: u64) -> bool {
        self.found.as_ref().is_some_and(|found| {
            let is_full = self.commands.len() >= COMMANDS || self.bytes + Command::MOST > BYTES;
            is_full || now_unix_ns.saturating_sub(found.since_unix_ns) > QUIET_NS
        })
    }

    /// A script is malicious by itself, and has a finding of its own: it is no part of this.
    pub(crate) fn leave_out(&mut self, script: &ScriptId) {
        if self.found.is_none()
            && let Some(at) = self.commands.iter().position(|known| known.script == *script)
        {
            self.remove(at);
        }
    }

    /// A script that began, or grew. Returns whether the session has something new.
    pub(crate) fn add(&mut self, capture: &Capture, verdict: &Verdict, floor: f32, now_unix_ns: u64) -> bool {
        let command = |from| Command::of(capture, from, verdict, floor, now_unix_ns);
        if self.commands.iter().any(|known| known.script == capture.id && known.hash == verdict.hash) {
            return false;
        }
        if self.found.is_some() {
            // What was found has its place in the text: only more of it comes.
            let of_script = self.commands.iter().filter(|known| known.script == capture.id);
            let known = of_script.map(|known| known.whole).max().unwrap_or(0);
            let is_known = self.commands.iter().any(|known| known.hash == verdict.hash);
            if is_known || (known > 0 && known >= capture.content.len()) {
                return false;
            }
            self.push(command(known));
            return true;
        }
        let old = now_unix_ns.saturating_sub(QUIET_NS);
        while self.commands.front().is_some_and(|first| first.last_unix_ns < old) {
            self.remove(0);
        }
        let last = self.commands.len().saturating_sub(1);
        let mut command = command(0);
        if let Some(at) = self.commands.iter().position(|known| known.script == capture.id) {
            command.time_unix_ns = self.commands[at].time_unix_ns;
            self.remove(at);
        } else if let Some(at) = self.commands.iter().position(|known| known.hash == verdict.hash) {
            // A probe that runs again and again, or a loop, is one command, the last one.
            if at == last {
                return false;
            }
            self.remove(at);
        }
        self.push(command);
        while (self.bytes > BYTES || self.commands.len() > COMMANDS) && self.commands.len() > 1 {
            self.remove(0);
        }
        true
    }

    fn push(&mut self, command: Command) {
        self.version += 1;
        self.bytes += command.text.len();
        self.commands.push_back(command);
    }

    fn remove(&mut self, at: usize) {
        self.version += 1;
        self.bytes -= self.commands.remove(at).map_or(0, |command| command.text.len());
    }

    /// Is it to be judged? Where nothing scores by itself, nothing does together.
    pub(crate) fn is_asked(&self, floor: f32) -> bool {
        let is_suspicious = || self.commands.iter().any(|command| command.score >= floor);
        self.commands.len() > 1 && (self.found.is_some() || is_suspicious())
    }

    /// Its text as it is now, and the part that is judged: the last commands, two at least.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut text = Vec::with_capacity(self.bytes);
        let mut flags = ScriptFlags::default();
        let mut joined = Vec::with_capacity(self.commands.len());
        let mut line = 1;
        for command in &self.commands {
            text.extend_from_slice(&command.text);
            flags.incomplete |= command.flags.incomplete;
            flags.mixed_with_data |= command.flags.mixed_with_data;
            flags.keystrokes |= command.flags.keystrokes;
            let lines = memchr::memchr_iter(b'\n', &command.text).count() as u32;
            joined.push(Joined {
                script: command.script,
                origin: command.origin,
                time_unix_ns: command.time_unix_ns,
                first_line: line,
                last_line: line + lines - 1,
            });
            line += lines;
        }
        let mut start = text.len();
        for (at, command) in self.commands.iter().rev().enumerate() {
            if at > 1 && text.len() - start + command.text.len() > JUDGED {
                break;
            }
            start -= command.text.len();
        }
        let part = start..text.len();
        Snapshot { serial: self.serial, version: self.version, text: text.into(), part, joined, flags }
    }

    /// Takes a verdict on a part of its text. Returns it as a capture if it is malicious, or was before: under the same name while
    /// it grows.
    pub(crate) fn judged(
        &mut self,
        of: Snapshot,
        last: &Capture,
        verdict: Verdict,
        now_unix_ns: u64,
    ) -> Option<(Capture, Verdict)> {
        let is_late = self.found.as_ref().is_some_and(|found| of.version < found.version);
        if of.serial != self.serial || is_late {
            return None;
        }
        // It changed since, and what carried the verdict may be gone from it.
        let has_changed = self.found.is_none() && of.version != self.version;
        if verdict.malicious {
            let verdict = verdict.within(&of.text, of.part.start);
            let id = ScriptId { ordinal: u32::MAX - self.serial % SERIALS, ..last.id };
            let found = self.found.get_or_insert_with(|| Found {
                id,
                verdict: verdict.clone(),
                version: of.version,
                since_unix_ns: now_unix_ns,
            });
            if verdict.score >= found.verdict.score {
                found.verdict = verdict;
            }
        }
        let mut found = self.found.take()?;
        found.version = of.version;
        found.verdict.hash = ScriptHash::of(&of.text);
        let capture = Capture {
            id: found.id,
            origin: Origin::Session,
            parent: None,
            evaluated_by: None,
            offset: 0,
            size: of.text.len() as u64,
            content: of.text,
            flags: of.flags,
            path: None,
            writer: None,
            time_unix_ns: of
                .joined
                .iter()
                .map(|joined| joined.time_unix_ns)
                .min()
                .unwrap_or(last.time_unix_ns),
            news: None,
            joined: of.joined,
            ..last.clone()
        };
        let verdict = found.verdict.clone();
        if !has_changed {
            self.found = Some(found);
        }
        Some((capture, verdict))
    }

    /// Was a verdict told of a text that is another by now? Then the next one needs another name.
    pub(crate) fn is_open(&self) -> bool {
        self.found.is_none()
    }
}
