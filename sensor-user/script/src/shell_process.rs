//! A shell from its `execve` on: what is known of it, and the scripts it reads.

use std::{collections::VecDeque, sync::Arc};

use ebpf::{
    event::{Exec, Header, Read},
    limit::{CHUNK_BYTES, CHUNKS_PER_ARGV},
    map::EXE_UNKNOWN,
};

use event::until_nul;
use shell::{Executable, Family, Invocation, Mode, SourcedReads};

use crate::{
    capture::{Interpreter, Origin, ScriptId},
    content::Content,
};

const S_IFMT: u32 = 0o170_000;
const S_IFCHR: u32 = 0o020_000;

/// What a script is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The argument vector.
    Argument,
    /// Lines that the shell's own editor returned.
    Editor,
    /// A string in the shell's memory.
    Memory,
    /// A file, pipe, socket or terminal.
    Inode {
        /// Device number.
        dev: u32,
        /// Inode number.
        ino: u64,
    },
}

/// A script in the making.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) ordinal: u32,
    pub(super) origin: Origin,
    pub(super) source: Source,
    pub(super) path: Option<Vec<u8>>,
    pub(super) content: Content,
    /// Time of its first byte, boot time in ns.
    pub(super) first_ns: u64,
    /// Time of its last byte.
    pub(super) last_ns: u64,
    /// Bytes there were when it was last emitted.
    pub(super) emitted_bytes: u64,
    /// When it was last emitted.
    pub(super) emitted_ns: u64,
    /// Something changed since.
    pub(super) changed: bool,
    /// Events of its process were lost while it was read.
    pub(super) lossy: bool,
    /// Holds keystrokes behind the first `entered` bytes.
    pub(super) keystrokes: bool,
    /// Bytes that are finished lines.
    pub(super) entered: usize,
    /// Read as a sourced file is, by a shell that tells what it evaluates and has not yet told of this: it may be data,
    /// such as the history.
    pub(super) candidate: bool,
    /// Why it was evaluated.
    pub(super) evaluated_by: Option<Vec<u8>>,
}

impl Script {
    fn new(ordinal: u32, origin: Origin, source: Source, time_ns: u64) -> Self {
        Self {
            ordinal,
            origin,
            source,
            path: None,
            content: Content::default(),
            first_ns: time_ns,
            last_ns: time_ns,
            emitted_bytes: 0,
            emitted_ns: 0,
            changed: false,
            lossy: false,
            keystrokes: false,
            entered: 0,
            candidate: false,
            evaluated_by: None,
        }
    }
}

/// A shell process from its `execve` on, together with its subshells.
#[derive(Debug)]
pub(super) struct ShellProcess {
    pub(super) exec: Box<Exec>,
    pub(super) header: Header,
    pub(super) family: Family,
    pub(super) executable: Arc<Executable>,
    pub(super) exe_path: Option<Vec<u8>>,
    /// The argument vector as far as it arrived, NUL-separated.
    pub(super) argument_bytes: Content,
    pub(super) arguments_cut: bool,
    pub(super) argv: Vec<Vec<u8>>,
    pub(super) invocation: Option<Invocation>,
    pub(super) scripts: Vec<Script>,
    /// Path of the file that is about to be read.
    pub(super) announced: Option<(Source, Vec<u8>)>,
    /// Processes that run this shell: it and its subshells.
    pub(super) processes: u32,
    /// Events lost since the shell began.
    pub(super) lost: u64,
    /// A script of it was emitted.
    pub(super) captured: bool,
    /// Scripts there were so far; the next one's ordinal.
    pub(super) scripts_made: u32,
    /// Hashes of strings evaluated lately: a loop evaluates the same one again and again.
    pub(super) evaluated: VecDeque<u64>,
}

impl ShellProcess {
    pub(super) fn new(header: Header, exec: Box<Exec>, family: Family, executable: Arc<Executable>) -> Self {
        Self {
            header,
            family,
            exec,
            executable,
            exe_path: None,
            argument_bytes: Content::default(),
            arguments_cut: false,
            argv: Vec::new(),
            invocation: None,
            scripts: Vec::new(),
            announced: None,
            processes: 1,
            lost: 0,
            captured: false,
            scripts_made: 0,
            evaluated: VecDeque::new(),
        }
    }

    /// The script that a sourced file or an evaluated string belongs to: the shell's own, or what it sourced last before.
    pub(super) fn parent_of(&self, script: &Script) -> Option<&Script> {
        let own = |s: &&Script| !matches!(s.origin, Origin::Sourced | Origin::Eval);
        if own(&script) {
            return None;
        }
        let before = |s: &&Script| s.ordinal < script.ordinal && !s.candidate;
        self.scripts.iter().find(own).or_else(|| self.scripts.iter().rfind(before))
    }

    /// Does this shell tell what it evaluates, and has done so from its beginning?
    pub(super) fn tells(&self) -> bool {
        self.executable.probed && self.exec.class != EXE_UNKNOWN && self.lost == 0
    }

    /// The name of one of its scripts.
    pub(super) fn id_of(&self, script: &Script) -> ScriptId {
        ScriptId { pid: self.header.tgid, exec_ns: self.header.exec_ns, ordinal: script.ordinal }
    }

    /// Adds a script; returns its index.
    pub(super) fn add(&mut self, origin: Origin, source: Source, time_ns: u64) -> usize {
        let mut script = Script::new(self.scripts_made, origin, source, time_ns);
        script.lossy = self.lost > 0;
        self.scripts_made += 1;
        self.scripts.push(script);
        self.scripts.len() - 1
    }

    /// The interpreter as captures show it.
    pub(super) fn interpreter(&self) -> Interpreter {
        let path = self.exe_path.clone().unwrap_or_else(|| until_nul(&self.exec.interp).to_vec());
        Interpreter {
            kind: self.family,
            path,
            size: self.executable.size,
            sha256: self.executable.sha256.map(hex::encode),
        }
    }

    /// Takes a piece of the argument vector in; true when the vector is whole and was parsed.
    pub(super) fn take_arguments(&mut self, at: u32, bytes: &[u8], total: u32, cut: bool) -> bool {
        // The kernel half sends no more than this, whatever a record says.
        let limit = (total as usize).min(CHUNK_BYTES * CHUNKS_PER_ARGV);
        self.argument_bytes.write(u64::from(at), bytes, limit);
        self.arguments_cut |= cut;
        let whole = self.argument_bytes.is_complete(u64::from(total), usize::MAX);
        if self.invocation.is_some() || !(whole || cut) {
            return false;
        }
        self.parse_arguments();
        true
    }

    /// Makes do with the arguments that arrived.
    pub(super) fn parse_arguments(&mut self) {
        let bytes = self.argument_bytes.bytes();
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if !bytes.is_empty() {
            self.argv = bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        }
        self.invocation = Some(Invocation::parse(self.family, &self.argv));
    }

    /// The last part of the name of the file that is about to be read, when its path came.
    fn announced_name(&self, source: Source) -> Option<&[u8]> {
        self.announced.as_ref().filter(|(of, _)| *of == source).map(|(_, path)| last_part(path))
    }

    /// Is the file that is about to be read called as the argument of this index is?
    fn is_named(&self, index: usize, source: Source) -> bool {
        let argument = self.argv.get(index).map(|argument| last_part(argument));
        argument.is_some() && self.announced_name(source) == argument
    }

    /// Is the file that is about to be read one that the shell reads by itself, before its script?
    fn is_startup_file(&self, source: Source) -> bool {
        let names = self.family.profile().reads.startup_files;
        self.announced_name(source).is_some_and(|name| names.iter().any(|n| n.as_bytes() == name))
    }

    /// Which script a read belongs to, if any: an existing one by its index, or the origin of a new one.
    pub(super) fn place(&self, read: &Read) -> Option<Place> {
        let source = Source::Inode { dev: read.dev, ino: read.ino };
        // Keys go to the lines that they become.
        let editor = |s: &Script| read.fd == 0 && s.source == Source::Editor;
        if let Some(index) = self.scripts.iter().position(|s| s.source == source || editor(s)) {
            // A descriptor of its own may read a script's file as data, but the bytes are the same.
            return Some(Place::Existing(index));
        }
        let main_known = self
            .scripts
            .iter()
            .any(|s| matches!(s.origin, Origin::File | Origin::Stdin | Origin::Interactive));
        let regular = read.pos >= 0;
        let reads = &self.family.profile().reads;
        let is_block = reads.block_bytes.is_none_or(|bytes| bytes == read.count);
        let and_stdin = self.invocation.as_ref().is_some_and(|invocation| invocation.and_stdin);
        let mode = match &self.invocation {
            Some(invocation) => invocation.mode,
            // The arguments were lost; a shell that has its script from a file does not read another from 0.
            None if read.fd == 0 => Mode::Stdin,
            None => Mode::File(1),
        };
        match mode {
            Mode::NotAShell => None,
            Mode::Stdin if read.fd == 0 && !main_known => {
                let terminal = read.mode & S_IFMT == S_IFCHR;
                Some(Place::New(if terminal { Origin::Interactive } else { Origin::Stdin }))
            }
            // A shell that was told `-s`, too, goes on with standard input after its argument.
            Mode::Command(_) if read.fd == 0 && and_stdin && !main_known => Some(Place::New(Origin::Stdin)),
            // A shell's script is moved to a high descriptor, or looked at before (bash, with few descriptors).
            Mode::File(index)
                if !main_known
                    && (self.is_named(index, source) || !self.is_startup_file(source))
                    && (read.fd >= reads.script_fd_min && (is_block || self.is_named(index, source))
                        || regular && reads.sniff_bytes == Some(read.count)) =>
            {
                Some(Place::New(Origin::File))
            }
            _ if read.fd == 0 => None,
            _ => {
                let is_sourced = match reads.sourced {
                    SourcedReads::WholeFile => {
                        regular && read.pos == 0 && read.count == read.size && read.size > 0
                    }
                    SourcedReads::ScriptDescriptor => read.fd >= reads.script_fd_min && is_block,
                };
                is_sourced.then_some(Place::New(Origin::Sourced))
            }
        }
    }
}

fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// Where a read belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The shell's script of this index.
    Existing(usize),
    /// A script not seen before.
    New(Origin),
}
