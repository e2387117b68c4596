//! A script as it was captured: the unit that is judged, recorded and reported.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use ebpf::map::DataSource;
use serde::{Deserialize, Serialize};
use shell::Family;

use crate::text::ScriptText;

/// How a script came to its shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A script file, by `#!` or as an argument.
    File,
    /// `-c` text.
    Command,
    /// Standard input.
    Stdin,
    /// A file read by `source` or `.`, or a start-up file.
    Sourced,
    /// A string the shell evaluated: `eval`, a trap, a function from the environment.
    Eval,
    /// A variable of the environment that the shell evaluates: `ENV`, `PS4`, an exported function.
    Environment,
    /// Lines typed at a terminal.
    Interactive,
    /// Several of these, which the shells of a container, or of one ancestry outside of containers, ran within a time.
    Session,
}

impl Origin {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::File,
        Self::Command,
        Self::Stdin,
        Self::Sourced,
        Self::Eval,
        Self::Environment,
        Self::Interactive,
        Self::Session,
    ];

    /// The name in records and findings.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Command => "command",
            Self::Stdin => "stdin",
            Self::Sourced => "sourced",
            Self::Eval => "eval",
            Self::Environment => "environment",
            Self::Interactive => "interactive",
            Self::Session => "session",
        }
    }
}

/// Names a script on its node: stable while the script grows and over retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ScriptId {
    /// Thread group id of the shell, host's PID namespace.
    pub pid: u32,
    /// Boot time of the shell's `execve`, nanoseconds.
    pub exec_ns: u64,
    /// Which of that shell's scripts, from 0.
    pub ordinal: u32,
}

/// The program that ran the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// Which shell it is.
    pub kind: Family,
    /// Absolute path as its process saw it.
    #[serde(with = "crate::byte_string")]
    pub path: Vec<u8>,
    /// Size of the binary, bytes.
    pub size: u64,
    /// SHA-256 of the binary, lower-case hex; `None` when it was gone before it could be read.
    pub sha256: Option<String>,
}

/// The process that wrote what a shell read, as far as it is known: the last one whose standard output a pipe or file was when it
/// was executed, or that opened the file for writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// Its process id, host's PID namespace.
    pub pid: u32,
    /// Its name, at most 15 bytes. Whoever runs may choose it.
    #[serde(with = "crate::byte_string")]
    pub name: Vec<u8>,
    /// When that was, Unix time in ns.
    pub time_unix_ns: u64,
}

/// What is not perfect about a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptFlags {
    /// Longer than what is kept.
    pub truncated: bool,
    /// Events were lost: bytes may be missing, and missing bytes within are zero.
    pub incomplete: bool,
    /// The script's stream also carries data that its commands read; the two cannot be told apart.
    pub mixed_with_data: bool,
    /// Read as a sourced file is, by a shell that does not tell what it evaluates: it may be data, such as the history.
    pub maybe_data: bool,
    /// It evaluates strings, and its shell does not tell which: what it runs may be more than what stands here.
    pub evaluates_unseen: bool,
    /// Its shell has no probes: what it evaluates, and what is typed at it, is not seen.
    pub not_probed: bool,
    /// Made from keystrokes, with editing keys applied: what the shell put in by itself (completion, history) is missing.
    pub keystrokes: bool,
}

/// Why not all is seen that a shell does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unseen {
    /// It could not be found out which shell it is.
    NotClassed,
    /// Its binary could not be read.
    NotReadable,
    /// It has no probes: there are none for it, or they could not be attached.
    NotProbed,
}

impl Unseen {
    /// The name in findings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotClassed => "not_classed",
            Self::NotReadable => "not_readable",
            Self::NotProbed => "not_probed",
        }
    }
}

/// A script that is a part of a session's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The script.
    pub script: ScriptId,
    /// How it came to its shell.
    pub origin: Origin,
    /// When it began, Unix time in ns.
    pub time_unix_ns: u64,
    /// Its lines in the text, from 1.
    pub first_line: u32,
    /// The last of them.
    pub last_line: u32,
}

/// A script and who ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Its name on this node.
    pub id: ScriptId,
    /// How it came.
    pub origin: Origin,
    /// The script of the same shell that sourced or evaluated this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ScriptId>,
    /// Why it was evaluated, in the shell's words: `eval`, `exit trap`, the name of a function, file or variable.
    #[serde(default, with = "crate::byte_string::optional", skip_serializing_if = "Option::is_none")]
    pub evaluated_by: Option<Vec<u8>>,
    /// The bytes kept.
    pub content: ScriptText,
    /// Where `content` begins in the script, bytes: of a script longer than what is kept the rest comes in parts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub offset: u64,
    /// Length of the whole script as far as seen, bytes.
    pub size: u64,
    /// What is not perfect.
    #[serde(default)]
    pub flags: ScriptFlags,
    /// Absolute path of the script on disk; only where it came from a file.
    #[serde(default, with = "crate::byte_string::optional", skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<u8>>,
    /// Who wrote the file or the pipe that it was read from; `None` where nobody was seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Writer>,
    /// The shell.
    pub interpreter: Interpreter,
    /// The shell's arguments, its name first; cut at a limit.
    #[serde(with = "crate::byte_string::list")]
    pub args: Vec<Vec<u8>>,
    /// True when `args` was cut.
    #[serde(default)]
    pub args_truncated: bool,
    /// Process id in the innermost PID namespace.
    pub ns_pid: u32,
    /// Parent's process id.
    pub ppid: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Id of the cgroup, as `ebpf::event::Cgroup` has it.
    pub cgroup: u64,
    /// When the process was forked, boot time in ns.
    pub start_ns: u64,
    /// When the script began, Unix time in ns.
    pub time_unix_ns: u64,
    /// Of a session: the scripts that it joins, in the order of its text. The process is that of the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joined>,
    /// When its first byte was read, boot time in ns.
    #[serde(skip)]
    pub begun_ns: u64,
    /// How often its shell forked so far.
    #[serde(skip)]
    pub forks: Forks,
    /// What is new of its content, bytes: the rest was judged. `None` when all of it is to be judged.
    #[serde(skip)]
    pub news: Option<Range<usize>>,
    /// Process that read or evaluates the last of it: the shell's, or a subshell's.
    #[serde(skip)]
    pub reader: u32,
}

/// How often a shell has forked since its `execve`, as far as events of it were read. It goes on counting, so that captures that
/// differ in nothing else are equal.
#[derive(Clone, Debug, Default)]
pub struct Forks(Arc<AtomicU32>);

impl Forks {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often so far.
    pub fn so_far(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Forks {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Forks {}

/// A shell that was stopped: all that it read so far was emitted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldShell {
    /// Its process.
    pub pid: u32,
    /// Process of the shell that it is, or is a subshell of.
    pub shell: u32,
    /// When it was stopped, boot time in ns.
    pub since_ns: u64,
    /// Id of its cgroup.
    pub cgroup: u64,
    /// What it read from, if that is data and no script.
    pub data: Option<DataSource>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Capture {
    /// Why not all is seen that its shell does; `None` when it is.
    pub fn unseen(&self) -> Option<Unseen> {
        if !self.flags.not_probed {
            return None;
        }
        Some(if self.interpreter.kind == Family::unknown() {
            Unseen::NotClassed
        } else if self.interpreter.sha256.is_none() {
            Unseen::NotReadable
        } else {
            Unseen::NotProbed
        })
    }

    /// Bytes that it takes, about, its text included.
    pub fn weight_bytes(&self) -> usize {
        let args: usize = self.args.iter().map(|arg| size_of::<Vec<u8>>() + arg.capacity()).sum();
        let optional = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::capacity);
        size_of::<Self>()
            + self.content.len()
            + args
            + self.joined.capacity() * size_of::<Joined>()
            + optional(&self.path)
            + optional(&self.evaluated_by)
            + self.writer.as_ref().map_or(0, |writer| writer.name.capacity())
            + self.interpreter.path.capacity()
    }
}

/// What the assembler emits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A script as it stands; it may come again when it has grown.
    Capture(Arc<Capture>),
    /// Nothing more will come of this script, which ran in this cgroup.
    Finished(ScriptId, u64),
    /// A shell waits for the verdict on what was emitted of it before.
    Held(HeldShell),
}
