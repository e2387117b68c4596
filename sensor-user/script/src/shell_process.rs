//! A shell from its `execve` on: what is known of it, and the scripts it reads.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};

use ebpf::{
    event::{Exec, Header, Read, Writer},
    limit::{CHUNK_BYTES, CHUNKS_PER_ARGV, NAME_BYTES, PATH_BYTES},
    map::EXE_UNKNOWN,
};

use event::until_nul;
use shell::{Evaluates, Executable, Family, Invocation, Mode, SourcedReads, likely_commands, loaded_program};

use crate::{
    capture::{Forks, Interpreter, Origin, ScriptId},
    containment,
    content::Content,
    environment::Environment,
    script::{Partial, Script, Source},
    text::ScriptText,
};

const S_IFMT: u32 = 0o170_000;
const S_IFCHR: u32 = 0o020_000;
/// Somebody may execute it.
const EXECUTABLE: u32 = 0o111;

/// Words kept of an argument vector, and what each counts at least.
const WORDS: usize = 1024;
const WORD_BYTES: usize = size_of::<Vec<u8>>();

/// A process that was forked by a shell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Forked {
    /// Process id in the innermost PID namespace.
    pub(super) ns_pid: u32,
    /// Process that forked it.
    pub(super) parent: u32,
    /// When, boot time in ns.
    pub(super) start_ns: u64,
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
    /// When the last piece of the arguments or the environment arrived.
    pub(super) arrived_ns: u64,
    /// No more of it will arrive.
    pub(super) arguments_whole: bool,
    /// Its first words, as captures show them.
    pub(super) argv: Vec<Vec<u8>>,
    /// Bytes of these.
    pub(super) argv_bytes: usize,
    /// These are not all.
    pub(super) argv_cut: bool,
    /// The text of `-c`, until it is a script.
    pub(super) command: Option<Vec<u8>>,
    /// The last part of the path of its script, where an argument names one.
    pub(super) script_name: Option<Vec<u8>>,
    pub(super) invocation: Option<Invocation>,
    pub(super) scripts: Vec<Script>,
    /// Path of the file that is about to be read.
    pub(super) announced: Option<(Source, Vec<u8>)>,
    /// Who wrote what it read last of which that is known.
    pub(super) writer: Option<Writer>,
    /// Processes that run this shell: it and its subshells.
    pub(super) processes: u32,
    /// Events lost since the shell began.
    pub(super) lost: u64,
    /// A script of it was emitted.
    pub(super) captured: bool,
    /// It told something that it evaluates, or a line that was typed.
    pub(super) told: bool,
    /// Bytes it asked for when it read its script, where that is not what its kind asks for.
    pub(super) odd_block: Option<u64>,
    /// Scripts there were so far; the next one's ordinal.
    pub(super) scripts_made: u32,
    /// Hashes of strings evaluated lately: a loop evaluates the same one again and again.
    pub(super) evaluated: VecDeque<u64>,
    /// Texts emitted lately that are not kept as scripts: what they substitute stands in them.
    pub(super) emitted: VecDeque<ScriptText>,
    pub(super) environment: Environment,
    /// Dynamic loaders that it was called through: their words go before its own.
    pub(super) loaders: usize,
    /// The file that a child of it looked at last, to see whether it is a binary.
    pub(super) sniffed: Option<Source>,
    pub(super) forks: Forks,
    /// Strings of which not all has arrived, by process.
    pub(super) strings: HashMap<u32, Partial>,
    /// Bytes of it that are accounted for: kept, and arriving.
    pub(super) accounted: (usize, usize),
}

/// Texts kept in [`ShellProcess::emitted`], and their longest.
const EMITTED: usize = 8;
const EMITTED_BYTES: usize = 16 * 1024;
/// Bytes of a shell's texts that a substituted command is looked for in.
const SEARCHED_BYTES: usize = 4 * 1024 * 1024;

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
            arguments_whole: false,
            arrived_ns: header.time_ns,
            argv: Vec::new(),
            argv_bytes: 0,
            argv_cut: false,
            command: None,
            script_name: None,
            invocation: None,
            scripts: Vec::new(),
            announced: None,
            writer: None,
            processes: 1,
            lost: 0,
            captured: false,
            told: false,
            odd_block: None,
            scripts_made: 0,
            evaluated: VecDeque::new(),
            emitted: VecDeque::new(),
            environment: Environment::default(),
            loaders: 0,
            sniffed: None,
            forks: Forks::default(),
            strings: HashMap::new(),
            accounted: (0, 0),
        }
    }

    /// Bytes that are kept of it while it runs.
    pub(super) fn kept_bytes(&self) -> usize {
        let path = |path: &Option<Vec<u8>>| path.as_ref().map_or(0, Vec::capacity);
        let of_script =
            |s: &Script| size_of::<Script>() + s.content.kept_bytes() + path(&s.path) + path(&s.evaluated_by);
        let scripts: usize = self.scripts.iter().map(of_script).sum();
        let emitted: usize = self.emitted.iter().map(ScriptText::capacity).sum();
        let announced = self.announced.as_ref().map_or(0, |(_, path)| path.capacity());
        scripts + emitted + self.argv_bytes + path(&self.exe_path) + announced
    }

    /// Bytes that are kept of what arrives in pieces.
    pub(super) fn arriving_bytes(&self) -> usize {
        let strings: usize = self.strings.values().map(|string| string.content.kept_bytes()).sum();
        strings + self.argument_bytes.kept_bytes() + self.environment.kept_bytes()
    }

    /// Remembers a text that was emitted and is not kept.
    pub(super) fn remember(&mut self, text: ScriptText) {
        if text.len() > EMITTED_BYTES {
            return;
        }
        if self.emitted.len() >= EMITTED {
            self.emitted.pop_front();
        }
        self.emitted.push_back(text);
    }

    /// Does this command stand in a text of this shell that is known? `exactly`: byte for byte.
    pub(super) fn holds(&self, command: &[u8], exactly: bool) -> bool {
        let scripts = self.scripts.iter().map(|script| script.content.bytes());
        // The main script first, then what came last.
        let (main, others) = (scripts.clone().take(1), scripts.skip(1).rev());
        let (mut left, mut steps) = (SEARCHED_BYTES, containment::STEPS);
        main.chain(self.emitted.iter().rev().map(|text| &text[..]))
            .chain(others)
            .take_while(|text| {
                let fits = text.len() <= left;
                left = left.saturating_sub(text.len());
                fits
            })
            .any(|text| containment::holds_within(text, command, exactly, &mut steps))
    }

    /// Does a child of this shell begin to read a file that it was to execute, and that has no `#!`?
    pub(super) fn runs_file_itself(&mut self, read: &Read) -> bool {
        let reads = &self.family.profile().reads;
        if !reads.runs_files_itself || read.pos != 0 {
            return false;
        }
        let source = Source::Inode { dev: read.dev, ino: read.ino };
        let is_known = self.scripts.iter().any(|s| s.source == source && s.origin != Origin::Sourced);
        let is_script = read.fd >= reads.script_fd_min;
        match reads.sniff_bytes {
            Some(bytes) => {
                let sniffs = read.count == bytes;
                // Of a file of just that size it may also be the whole that is sourced.
                let begins = sniffs && read.size != bytes || is_script && self.sniffed == Some(source);
                if sniffs {
                    self.sniffed = Some(source);
                }
                // Nobody knows whether this one looks at files first; what is executed is executable.
                let may_run = self.family == Family::unknown() && is_script && read.mode & EXECUTABLE != 0;
                (begins || may_run) && !is_known
            }
            None => is_script && !is_known,
        }
    }

    /// The shell that such a child is from here on.
    pub(super) fn running_file(&self, header: &Header, forked: &Forked) -> Self {
        let mut exec = self.exec.clone();
        exec.ns_pid = forked.ns_pid;
        exec.ppid = forked.parent;
        exec.start_ns = forked.start_ns;
        let mut shell = Self::new(*header, exec, self.family, self.executable.clone());
        shell.exe_path.clone_from(&self.exe_path);
        let path = self.announced.as_ref().map(|(_, path)| path.clone()).unwrap_or_default();
        shell.announced.clone_from(&self.announced);
        shell.writer = self.writer;
        shell.script_name = Some(last_part(&path).to_vec());
        let name = self.argv.first().map(|name| name[..name.len().min(NAME_BYTES)].to_vec());
        shell.argv = vec![name.unwrap_or_default(), path];
        shell.argv_bytes = shell.argv.iter().map(Vec::capacity).sum();
        shell.invocation = Some(Invocation { mode: Mode::File(1), and_stdin: false, args_at: 2 });
        shell.lost = self.lost;
        shell
    }

    /// The script that a sourced file or an evaluated string belongs to: the shell's own, or what it sourced last before.
    pub(super) fn parent_of(&self, script: &Script) -> Option<&Script> {
        if let Source::Part { of, .. } = script.source {
            return self.scripts.iter().find(|s| s.ordinal == of);
        }
        let own = |s: &&Script| !matches!(s.origin, Origin::Sourced | Origin::Eval | Origin::Environment);
        if own(&script) {
            return None;
        }
        let before = |s: &&Script| s.ordinal < script.ordinal && !s.candidate;
        self.scripts.iter().find(own).or_else(|| self.scripts.iter().rfind(before))
    }

    /// Does this shell tell what it evaluates, and has done so from its beginning?
    pub(super) fn tells(&self) -> bool {
        self.executable.probed
            && self.executable.probed_ns <= self.header.exec_ns
            && !self.executable.probes_lost.load(Ordering::Relaxed)
            && self.exec.class != EXE_UNKNOWN
            && self.lost == 0
    }

    /// Has it told nothing, though it had something to tell? Then its probes do not work: bash hands the text of `-c` to the function
    /// that they are on.
    pub(super) fn is_silent(&self) -> bool {
        let had_to = matches!(&self.invocation, Some(Invocation { mode: Mode::Command(_), .. }));
        self.tells_sourced() && had_to && !self.told
    }

    /// Does it tell of the files that it sources, too?
    pub(super) fn tells_sourced(&self) -> bool {
        let with_reason = matches!(self.family.profile().evaluates_by, Some(Evaluates::WithReason(_)));
        with_reason && self.tells()
    }

    /// Is this standard input other than that which its script began with? It may be data for a command.
    pub(super) fn reads_other_input(&self, script: &Script) -> bool {
        self.scripts
            .iter()
            .any(|s| s.ordinal < script.ordinal && matches!(s.source, Source::Inode { .. } | Source::Editor))
    }

    /// Is this what one of its scripts is read from?
    pub(super) fn reads_script_from(&self, ino: u64) -> bool {
        self.scripts.iter().any(|script| match script.source {
            Source::Inode { ino: other, .. } => other == ino,
            // Keys go to the lines that they become.
            Source::Editor => true,
            Source::Argument | Source::Memory | Source::Part { .. } => false,
        })
    }

    /// The name of one of its scripts.
    pub(super) fn id_of(&self, script: &Script) -> ScriptId {
        ScriptId { pid: self.header.tgid, exec_ns: self.header.exec_ns, ordinal: script.ordinal }
    }

    /// Adds a script; returns its index.
    pub(super) fn add(&mut self, origin: Origin, source: Source, time_ns: u64) -> usize {
        let mut script = Script::new(self.scripts_made, origin, source, time_ns);
        script.lossy = self.lost > 0;
        script.reader = self.header.tgid;
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

    /// Takes a piece of the argument vector in, as far as there is room; returns how many bytes there was none for.
    pub(super) fn take_arguments(
        &mut self,
        at: u32,
        bytes: &[u8],
        total: u32,
        cut: bool,
        room: usize,
    ) -> u64 {
        // The kernel half sends no more than this, whatever a record says.
        let limit = (total as usize).min(CHUNK_BYTES * CHUNKS_PER_ARGV);
        if self.invocation.is_some() {
            return 0;
        }
        let lost = self.argument_bytes.take_piece(u64::from(at), bytes, limit, room);
        let ended = lost > 0 && self.argument_bytes.seen_bytes() >= u64::from(total);
        self.arguments_cut |= cut || ended;
        self.arguments_whole |= cut || ended || self.argument_bytes.is_complete(u64::from(total), usize::MAX);
        lost
    }

    /// Has all of the argument vector arrived that will, and was not looked at yet?
    pub(super) fn has_all_arguments(&self) -> bool {
        self.arguments_whole && self.invocation.is_none()
    }

    /// Has any of the argument vector arrived?
    pub(super) fn has_arguments(&self) -> bool {
        self.argument_bytes.seen_bytes() > 0
    }

    /// Has a part of its arguments or of its environment arrived, and the rest not?
    pub(super) fn lacks_vectors(&self) -> bool {
        self.invocation.is_none() && self.has_arguments() || !self.environment.is_empty()
    }

    /// Makes do with the arguments that arrived. Only the first words are kept, up to so many bytes, besides those that matter.
    pub(super) fn parse_arguments(&mut self, mut args_bytes: usize) {
        let content = std::mem::take(&mut self.argument_bytes);
        let bytes = content.bytes();
        if bytes.is_empty() && content.seen_bytes() > 0 {
            // Nobody knows how it was called.
            self.arguments_cut = true;
            return;
        }
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        let mut words: Vec<&[u8]> =
            if bytes.is_empty() { Vec::new() } else { bytes.split(|b| *b == 0).collect() };
        for _ in 0..self.loaders {
            let Some((at, name)) = loaded_program(&words) else { break };
            let name = words[name];
            self.exe_path = Some(words[at][..words[at].len().min(PATH_BYTES)].to_vec());
            words.drain(..at);
            words[0] = name;
        }
        let invocation = Invocation::parse(self.family, &words);
        match invocation.mode {
            Mode::Command(at) => self.command = words.get(at).map(|text| text.to_vec()),
            Mode::File(at) => {
                let name = words.get(at).map(|path| last_part(path)).filter(|name| name.len() < NAME_BYTES);
                self.script_name = name.map(<[u8]>::to_vec);
                let may_be_text = self.family.profile().reads.argument_may_be_text;
                // A file's name seldom holds such.
                let is_text = |word: &[u8]| word.iter().any(|b| b" \t\n;|&$<>(){}`".contains(b));
                self.command =
                    words.get(at).filter(|word| may_be_text && is_text(word)).map(|text| text.to_vec());
            }
            Mode::Stdin | Mode::NotAShell => {}
        }
        if self.family == Family::unknown() {
            // Its options may be read in another way (`-norc -c TEXT`): all that may be its text is.
            let mut texts: Vec<&[u8]> = likely_commands(&words).into_iter().map(|at| words[at]).collect();
            texts.retain(|text| self.command.as_deref() != Some(text));
            texts.extend(self.command.as_deref());
            self.command = (!texts.is_empty()).then(|| texts.join(&b'\n'));
        }
        self.argv_cut |= words.len() > WORDS;
        for word in words.into_iter().take(WORDS) {
            // Its name is shown in any case.
            let name = if self.argv.is_empty() { NAME_BYTES } else { 0 };
            let kept = word.len().min(args_bytes.max(name));
            self.argv_cut |= kept < word.len();
            if args_bytes == 0 && name == 0 {
                self.argv_cut = true;
                break;
            }
            args_bytes = args_bytes.saturating_sub(kept.max(WORD_BYTES));
            self.argv_bytes += kept + size_of::<Vec<u8>>();
            self.argv.push(word[..kept].to_vec());
        }
        self.invocation = Some(invocation);
    }

    /// The last part of the name of the file that is about to be read, when its path came.
    fn announced_name(&self, source: Source) -> Option<&[u8]> {
        self.announced.as_ref().filter(|(of, _)| *of == source).map(|(_, path)| last_part(path))
    }

    /// Is the file that is about to be read called as the script's argument is?
    fn is_named(&self, source: Source) -> bool {
        self.script_name.is_some() && self.announced_name(source) == self.script_name.as_deref()
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
        // What it executes in its own place without `#!` it looks at as at its script.
        let sniffs =
            regular && read.pos == 0 && reads.sniff_bytes == Some(read.count) && read.size != read.count;
        // With few descriptors a pipe stays on a low one. Data is not read so, but for the builtin `read`.
        let low_pipe = !regular && read.count == 1;
        let is_terminal = read.mode & S_IFMT == S_IFCHR;
        // Builds that read blocks of another size show it when they read their script.
        let is_block = is_block || self.odd_block == Some(read.count);
        match mode {
            Mode::NotAShell => None,
            _ if sniffs && main_known && read.fd != 0 => Some(Place::New(Origin::File)),
            // Keys are read from the terminal by another descriptor (zsh), or the script is a terminal.
            Mode::Stdin if is_terminal && read.fd >= reads.script_fd_min && reads.edits_lines => {
                Some(Place::New(Origin::Interactive))
            }
            Mode::File(_)
                if is_terminal && read.fd >= reads.script_fd_min && reads.edits_lines && !main_known =>
            {
                Some(Place::New(Origin::Interactive))
            }
            Mode::Stdin if read.fd == 0 => {
                let terminal = is_terminal;
                // After `exec <other` its script goes on there. Data for a command looks the same.
                Some(Place::New(if terminal { Origin::Interactive } else { Origin::Stdin }))
            }
            // `set -s` makes it go on with standard input, which its builtin `read` reads byte by byte.
            Mode::Command(_) | Mode::File(_) if read.fd == 0 && read.count > 1 && reads.may_turn_to_stdin => {
                Some(Place::New(Origin::Stdin))
            }
            // Whose arguments may have been read in another way, it may read its script here.
            Mode::Command(_) | Mode::File(_)
                if read.fd == 0 && !main_known && self.family == Family::unknown() =>
            {
                Some(Place::New(Origin::Stdin))
            }
            // A shell that was told `-s`, too, goes on with standard input after its argument.
            Mode::Command(_) if read.fd == 0 && and_stdin && !main_known => Some(Place::New(Origin::Stdin)),
            // A shell's script is moved to a high descriptor, or looked at before (bash, with few descriptors).
            Mode::File(_)
                if !main_known
                    && (self.is_named(source) || !self.is_startup_file(source))
                    && (read.fd >= reads.script_fd_min && (is_block || self.is_named(source))
                        // With few descriptors it stays on a low one.
                        || regular && (reads.sniff_bytes == Some(read.count) || self.is_named(source))
                        // Before its script a shell reads no other pipe.
                        || !regular && read.fd >= reads.script_fd_min && read.count > 1
                        || low_pipe) =>
            {
                Some(Place::New(Origin::File))
            }
            // How it was called is not known to its end: what it reads where scripts are read is one.
            Mode::Stdin if self.arguments_cut && !main_known && read.fd >= reads.script_fd_min => {
                Some(Place::New(Origin::File))
            }
            _ if read.fd == 0 => None,
            _ => {
                // It asks for as many bytes as the file has, or had when it looked: buffers are powers of two.
                let has_grown = read.count < read.size && read.count > 4096 && !read.count.is_power_of_two();
                let is_whole =
                    regular && read.pos == 0 && read.size > 0 && (read.count == read.size || has_grown);
                let is_script_read = read.fd >= reads.sourced_fd_min && is_block;
                let is_sourced = match reads.sourced {
                    SourcedReads::WholeFile => is_whole,
                    SourcedReads::ScriptDescriptor => is_script_read,
                    SourcedReads::Either => is_whole || is_script_read,
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
