//! The abstract run: every statement once, every branch taken, every function both as it is defined and as it is called.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    rc::Rc,
    time::Duration,
};

use crate::{
    ABOUT_MAX, Behaviour, Evidence, TEXT_MAX,
    fact::Fact,
    place::Place,
    reader::UNITS_MAX,
    redirection, style,
    syntax::{Direction, Kind, Piece, Script, Statement, Word, literal},
    tally::Tally,
    value::{Taint, UNKNOWN, Value},
};

/// Statements that are run, and bytes that are handed about, in all.
const STEPS_MAX: usize = 60_000;
const BYTES_MAX: usize = 12 << 20;
/// A statement of the script itself has a share of what is left: what it would need for itself and for so many behind it, so that none
/// takes the others' away.
const SHARES_MAX: usize = 16;
/// What a statement costs beside the bytes that it hands about.
const STATEMENT_BYTES: usize = 32;
/// Scripts within scripts and calls within calls; groups and loops within each other; commands that run commands.
pub(crate) const DEPTH_MAX: usize = 12;
const GROUPS_MAX: usize = 64;
pub(crate) const COMMANDS_MAX: usize = 40;
pub(crate) const NAMES_MAX: usize = 2_000;
/// How often a function is followed with the same arguments.
const REPEATS_MAX: u8 = 2;
/// Bytes from one look at the clock to the next.
const CLOCK_BYTES: usize = 16 * 1024;
pub(crate) const ARGUMENTS_MAX: usize = 1_000;

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// What was written to it.
    pub(crate) content: Option<Rc<Value>>,
    /// It was fetched.
    pub(crate) fetched: bool,
    /// It was fetched in a loop without an end.
    pub(crate) again_and_again: bool,
    pub(crate) executable: bool,
    pub(crate) ran: bool,
    /// The script has written it itself.
    pub(crate) written: bool,
    pub(crate) fifo: bool,
}

/// A function of the script.
#[derive(Clone)]
struct Function {
    script: Rc<Script>,
    body: Range<usize>,
    /// It was defined in a script within the script.
    within: bool,
}

/// The state of a run.
pub(crate) struct Run {
    pub(crate) evidence: Vec<Evidence>,
    known: HashSet<Fact>,
    pub(crate) variables: HashMap<Vec<u8>, Value>,
    functions: HashMap<Vec<u8>, Function>,
    pub(crate) files: HashMap<Vec<u8>, File>,
    pub(crate) parameters: Vec<Value>,
    /// Descriptors that are connections, and what others are files of.
    pub(crate) sockets: HashSet<u32>,
    pub(crate) descriptors: HashMap<u32, Value>,
    /// How often functions were called, by the hash of name and arguments.
    called: HashMap<u64, u8>,
    pub(crate) directory: Vec<u8>,
    steps: usize,
    bytes: usize,
    /// Statements and pieces that may still be read.
    pub(crate) units: usize,
    /// What the statement of the script itself that runs now has to leave of steps, bytes and units.
    floor: (usize, usize, usize),
    /// How often something was given a value: the same call may do something else now.
    pub(crate) changes: u64,
    pub(crate) depth: usize,
    pub(crate) groups: usize,
    /// Commands that run each other.
    pub(crate) wrapped: usize,
    /// Where the statement stands that runs now.
    pub(crate) at: usize,
    /// In a script within the script: all of it stands where the outer statement does.
    within: bool,
    /// Loops without an end that the statement is in.
    pub(crate) endless: usize,
    /// Loops around that are left from within.
    pub(crate) left: usize,
    /// Loops of any kind, and those over names of files everywhere or of hosts.
    pub(crate) loops: usize,
    pub(crate) over_hosts: usize,
    pub(crate) over_files: usize,
    pub(crate) over_passwords: usize,
    /// Functions that run.
    running: Vec<Vec<u8>>,
    /// How often things were seen that count only together.
    pub(crate) tally: Tally,
    pub(crate) processes: usize,
    /// At which processor time of this thread it has to be done, ns, and whether it was not.
    end_ns: Option<u64>,
    late: bool,
    /// Bytes since the clock was looked at.
    unclocked: usize,
}

/// How a command's output goes and how it runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// In the background.
    pub(crate) background: bool,
    /// Its output is thrown away.
    pub(crate) silent: bool,
    /// Its input or output is a connection.
    pub(crate) connected: bool,
    /// Its input comes through a pipe or from a file.
    pub(crate) fed: bool,
    /// Its output goes to a named pipe.
    pub(crate) to_fifo: bool,
    /// It runs only if the command before it fails.
    pub(crate) otherwise: bool,
    /// Its name is written as a pattern.
    pub(crate) pattern: bool,
}

/// Follows a text; false when there was no time for all of it.
pub(crate) fn follow(text: &[u8], time: Option<Duration>) -> (Behaviour, bool) {
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut run = Run::new(time.map(|time| clock::used_by_thread_ns().saturating_add(ns(time))));
    let head = &text[..text.len().min(TEXT_MAX)];
    // Shells drop NULs as they read.
    let places: Vec<u32> = (0..head.len() as u32).filter(|i| head[*i as usize] != UNKNOWN).collect();
    let head: Vec<u8> = head.iter().copied().filter(|b| *b != UNKNOWN).collect();
    let script = run.read(head);
    let style = style::of(&script);
    run.remarks(&script);
    run.statements(&script, 0..script.statements.len(), &Value::default());
    if text.len() > TEXT_MAX || run.steps == 0 || run.bytes == 0 || run.units == 0 {
        run.fact(Fact::Cut, b"length");
    }
    run.sum_up();
    for evidence in &mut run.evidence {
        evidence.at = places.get(evidence.at as usize).copied().unwrap_or_default();
    }
    (Behaviour { evidence: run.evidence, style }, !run.late)
}

impl Run {
    fn new(end_ns: Option<u64>) -> Self {
        let mut variables = HashMap::new();
        variables.insert(b"HOME".to_vec(), Value::text(b"~"));
        variables.insert(b"IFS".to_vec(), Value::text(b" "));
        variables.insert(b"0".to_vec(), Value::text(b"$0"));
        variables.insert(b"BASH_SOURCE".to_vec(), Value::text(b"$0"));
        for name in [&b"HOSTNAME"[..], b"USER", b"LOGNAME", b"HOSTTYPE", b"OSTYPE"] {
            variables.insert(name.to_vec(), Value::unknown(Taint::HOST));
        }
        variables.insert(b"RANDOM".to_vec(), Value::unknown(Taint::NOISE));
        for name in [&b"SHELL"[..], b"BASH"] {
            variables.insert(name.to_vec(), Value::text(b"/bin/bash"));
        }
        for name in [&b"AWS_SECRET_ACCESS_KEY"[..], b"AWS_SESSION_TOKEN"] {
            variables.insert(name.to_vec(), Value::unknown(Taint::SECRET));
        }
        Self {
            evidence: Vec::new(),
            known: HashSet::new(),
            variables,
            functions: HashMap::new(),
            files: HashMap::new(),
            parameters: Vec::new(),
            sockets: HashSet::new(),
            descriptors: HashMap::new(),
            called: HashMap::new(),
            directory: Vec::new(),
            steps: STEPS_MAX,
            bytes: BYTES_MAX,
            units: UNITS_MAX,
            floor: (0, 0, 0),
            changes: 0,
            depth: 0,
            groups: 0,
            wrapped: 0,
            at: 0,
            within: false,
            endless: 0,
            left: 0,
            loops: 0,
            over_hosts: 0,
            over_files: 0,
            over_passwords: 0,
            running: Vec::new(),
            tally: Tally::default(),
            processes: 0,
            end_ns,
            late: false,
            unclocked: 0,
        }
    }

    /// Enters a fact.
    pub(crate) fn fact(&mut self, fact: Fact, about: &[u8]) {
        if self.known.insert(fact) {
            let about = about.iter().map(|b| if *b == UNKNOWN { b'$' } else { *b }).take(ABOUT_MAX).collect();
            self.evidence.push(Evidence { fact, at: self.at as u32, about });
        }
    }

    pub(crate) fn has(&self, fact: Fact) -> bool {
        self.known.contains(&fact)
    }

    /// Takes bytes out of what may be handed about; false when there is nothing left for this place.
    pub(crate) fn spend(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.unclocked += bytes;
        if self.unclocked >= CLOCK_BYTES {
            self.unclocked = 0;
            if self.end_ns.is_some_and(|end_ns| clock::used_by_thread_ns() > end_ns) {
                self.late = true;
                self.steps = 0;
            }
        }
        self.steps > self.floor.0 && self.bytes > self.floor.1
    }

    /// Gives a statement of the script itself its share, where so many come behind it.
    fn share(&mut self, behind: usize) {
        let kept = behind.min(SHARES_MAX);
        let floor = |left: usize| left / (kept + 1) * kept;
        self.floor = (floor(self.steps), floor(self.bytes), floor(self.units));
    }

    /// Reads a text, as far as there are units for it.
    pub(crate) fn read(&mut self, text: Vec<u8>) -> Rc<Script> {
        let mut left = self.units.saturating_sub(self.floor.2);
        let before = left;
        let script = Rc::new(Script::read(text, &mut left));
        if left == 0 {
            self.fact(Fact::Cut, b"words");
        }
        self.units -= before - left;
        script
    }

    /// One script, call or command deeper would be too deep: what is there is not followed.
    pub(crate) fn too_deep(&mut self, is: bool) -> bool {
        if is {
            self.fact(Fact::Cut, b"depth");
        }
        is
    }

    /// What was read is gone again: so many units were left before.
    pub(crate) fn give_back(&mut self, units: usize) {
        self.units = units;
    }

    /// Runs a script within the script.
    pub(crate) fn script(&mut self, text: &[u8], input: &Value) -> Value {
        if text.is_empty() || self.too_deep(self.depth >= DEPTH_MAX) || !self.spend(text.len() * 4) {
            return Value::default();
        }
        let units = self.units;
        let script = self.read(text.to_vec());
        let within = std::mem::replace(&mut self.within, true);
        self.depth += 1;
        let output = self.statements(&script, 0..script.statements.len(), input);
        self.depth -= 1;
        self.within = within;
        if Rc::strong_count(&script) == 1 {
            // No function keeps it.
            self.give_back(units);
        }
        output
    }

    /// What facts a text would add when it is run some day, as it is written to a file that others run.
    pub(crate) fn later(&mut self, text: &[u8]) -> Vec<Fact> {
        let known = std::mem::take(&mut self.known);
        let count = self.evidence.len();
        self.script(text, &Value::default());
        let facts: Vec<Fact> = std::mem::replace(&mut self.known, known).into_iter().collect();
        let mut kept = Vec::new();
        for evidence in self.evidence.split_off(count) {
            if self.known.insert(evidence.fact) {
                kept.push(evidence);
            }
        }
        self.evidence.extend(kept);
        facts
    }

    pub(crate) fn statements(&mut self, script: &Rc<Script>, range: Range<usize>, input: &Value) -> Value {
        let mut output = Value::default();
        let mut pipe = Value::default();
        let mut i = range.start;
        let is_own = self.depth == 0 && self.groups == 0;
        while i < range.end {
            if is_own {
                self.share(range.end - i - 1);
            }
            self.steps = self.steps.saturating_sub(1);
            if !self.spend(STATEMENT_BYTES) {
                self.fact(Fact::Cut, b"statements");
                break;
            }
            let statement = &script.statements[i];
            if !self.within {
                self.at = statement.at;
            }
            let before = std::mem::take(&mut pipe);
            let stdin = if statement.piped { &before } else { input };
            match &statement.kind {
                Kind::Simple => {
                    pipe = self.simple(script, statement, stdin, statement.piped);
                    i += 1;
                }
                Kind::Function(name, end) => {
                    let body = i + 1..*end;
                    if self.functions.len() >= NAMES_MAX && !self.functions.contains_key(name) {
                        self.fact(Fact::Cut, b"functions");
                        self.functions.clear();
                    }
                    let function =
                        Function { script: Rc::clone(script), body: body.clone(), within: self.within };
                    self.functions.insert(name.clone(), function);
                    self.defined(name, script, &body);
                    self.call(name, &[], &Value::default());
                    i = end + 1;
                }
                // Too deep: what is in there is walked through as if it stood here.
                Kind::Group(_) | Kind::Loop(_) | Kind::For(..)
                    if self.too_deep(self.groups >= GROUPS_MAX) =>
                {
                    i += 1;
                }
                Kind::Group(end) | Kind::Loop(end) | Kind::For(_, end) => {
                    pipe = self.compound(script, i, *end, stdin);
                    i = end + 1;
                }
                Kind::End => i += 1,
            }
            if !script.statements.get(i).is_some_and(|next| next.piped) {
                self.spend(pipe.text.len());
                output.append(&pipe);
            }
        }
        output
    }

    /// A function that calls itself twice, or has the name of a command.
    fn defined(&mut self, name: &[u8], script: &Rc<Script>, body: &Range<usize>) {
        if !self.spend(8 * body.len()) {
            return;
        }
        let end = body.end.min(script.statements.len());
        let calls = script.statements[body.start.min(end)..end]
            .iter()
            .filter(|s| s.words.first().and_then(literal).as_deref() == Some(name));
        if calls.clone().count() >= 2 && calls.clone().any(|s| s.piped || s.background) {
            self.fact(Fact::ForkBomb, name);
        }
        // A tool that looks at the machine is wrapped, so that it leaves something out.
        let is_left_out = |s: &Statement| {
            s.words.first().and_then(literal).is_some_and(|first| first == b"grep")
                || s.words.first().and_then(literal).is_some_and(|first| first == b"command")
                    && s.words.get(1).and_then(literal).is_some_and(|second| second == b"grep")
        };
        if matches!(
            name,
            b"ps" | b"netstat" | b"ss" | b"lsof" | b"top" | b"w" | b"who" | b"last" | b"lsmod" | b"crontab"
        ) && script.statements[body.start.min(end)..end].iter().any(|s| {
            s.piped
                && is_left_out(s)
                && s.words.iter().any(|word| literal(word).is_some_and(|word| word == b"-v"))
                && !s.words.iter().skip(2).any(|word| literal(word).is_some_and(|word| word == b"grep"))
        }) {
            self.fact(Fact::ProcessHidden, name);
        }
        if matches!(
            name,
            b"sudo" | b"ssh" | b"su" | b"passwd" | b"ls" | b"cat" | b"ps" | b"netstat" | b"find" | b"cd"
        ) {
            self.fact(Fact::AliasAdded, name);
        }
        if matches!(
            name,
            b"usage" | b"help" | b"show_help" | b"print_usage" | b"print_help" | b"Usage" | b"_usage"
        ) {
            self.fact(Fact::Helps, b"");
        }
    }

    fn call(&mut self, name: &[u8], arguments: &[Value], input: &Value) -> Value {
        let Some(Function { script, body, within }) = self.functions.get(name).cloned() else {
            return Value::default();
        };
        if self.running.iter().any(|running| running == name) || self.too_deep(self.depth >= DEPTH_MAX) {
            return Value::default();
        }
        let mut hash = DefaultHasher::new();
        name.hash(&mut hash);
        self.changes.hash(&mut hash);
        for argument in arguments {
            argument.text.hash(&mut hash);
        }
        if !self.spend(2 * arguments.iter().map(|argument| argument.text.len()).sum::<usize>()) {
            return Value::default();
        }
        if self.called.len() >= NAMES_MAX {
            self.called.clear();
        }
        let times = self.called.entry(hash.finish()).or_default();
        *times = times.saturating_add(1);
        if *times > REPEATS_MAX && input.taint == Taint::default() {
            return Value::unknown(Taint::OUTPUT);
        }
        let parameters = std::mem::replace(&mut self.parameters, arguments.to_vec());
        self.running.push(name.to_vec());
        self.depth += 1;
        let at = self.at;
        let inner = within || self.within;
        let within = std::mem::replace(&mut self.within, inner);
        let end = body.end.min(script.statements.len());
        let output = self.statements(&script, body.start.min(end)..end, input);
        self.at = at;
        self.within = within;
        self.depth -= 1;
        self.running.pop();
        self.parameters = parameters;
        output
    }

    fn simple(&mut self, script: &Rc<Script>, statement: &Statement, input: &Value, piped: bool) -> Value {
        let mut words = &statement.words[..];
        while let Some((name, value, append)) = words.first().and_then(assignment) {
            let value = self.joined(script, &value);
            self.assign(&name, value, append);
            words = &words[1..];
            // The rest of an array.
            if words.is_empty() && statement.redirects.is_empty() {
                return Value::default();
            }
        }
        let mut arguments = Vec::new();
        for (nth, word) in words.iter().enumerate() {
            let word = if nth == 0 { self.without_unset(word) } else { Cow::Borrowed(word) };
            arguments.extend(self.expand(script, &word));
            if arguments.len() > ARGUMENTS_MAX {
                arguments.truncate(ARGUMENTS_MAX);
                self.fact(Fact::Cut, b"arguments");
                break;
            }
            if !self.spend(0) {
                break;
            }
        }
        let (fed, mut manner) = self.bind_input(script, &statement.redirects, input, piped);
        manner.background = statement.background;
        manner.otherwise = statement.otherwise;
        manner.pattern = words
            .first()
            .is_some_and(|word| matches!(&word[..], [Piece::Text { bytes, quoted: false }] if bytes.contains(&b'?') || bytes.contains(&b'*')));
        for redirect in &statement.redirects {
            if matches!(redirect.direction, Direction::To | Direction::Append | Direction::Both) {
                let path = self.joined(script, &redirect.word);
                if redirection::is_descriptor(redirect, &path.text).is_some() {
                    continue;
                }
                let path = self.path(&path.text);
                if !self.spend(64 + path.len()) {
                    break;
                }
                if path == b"/dev/null" && redirect.descriptor != Some(2) {
                    manner.silent = true;
                }
                if Place::of(&path) == Place::Socket {
                    manner.connected = true;
                    self.fact(Fact::SocketDevice, &path);
                    if let Some(descriptor) = redirect.descriptor {
                        self.sockets.insert(descriptor);
                    }
                    if redirect.direction == Direction::Both && redirect.descriptor.is_none() {
                        self.sockets.insert(0);
                    }
                }
                if self.files.get(&path).is_some_and(|file| file.fifo) {
                    manner.to_fifo = true;
                }
            }
        }
        let output = if arguments.is_empty() { fed } else { self.command(&arguments, &fed, manner) };
        self.bind_output(script, &statement.redirects, output, manner)
    }

    pub(crate) fn remember(&mut self, path: &[u8], file: File) {
        // A name of which nothing is known could be any other.
        if path == [UNKNOWN] || path.len() >= 4096 {
            return;
        }
        if self.files.len() >= NAMES_MAX && !self.files.contains_key(path) {
            // Who fills the table does so to hide what comes behind.
            self.fact(Fact::Cut, b"files");
            self.files.retain(|_, file| file.fetched || file.executable || file.fifo);
            if self.files.len() > NAMES_MAX / 2 {
                self.files.clear();
            }
        }
        self.changes += 1;
        if self.spend(64 + path.len() + file.content.as_ref().map_or(0, |content| content.text.len())) {
            self.files.insert(path.to_vec(), file);
        }
    }

    /// Calls a function of the script, or says that there is none.
    pub(crate) fn function(&mut self, name: &[u8], arguments: &[Value], input: &Value) -> Option<Value> {
        self.functions.contains_key(name).then(|| self.call(name, arguments, input))
    }

    /// An absolute path as far as the directory is known.
    pub(crate) fn path(&self, path: &[u8]) -> Vec<u8> {
        let mut path = path.strip_prefix(b"./").unwrap_or(path);
        if path.starts_with(b"../../../../../../") && self.directory.is_empty() {
            // So far up that it is the root.
            while let Some(rest) = path.strip_prefix(b"../") {
                path = rest;
            }
            return self.path(&[b"/", path].concat());
        }
        let absolute = matches!(path.first(), None | Some(b'/' | b'~' | b'$' | &UNKNOWN));
        let mut full = if absolute || self.directory.is_empty() {
            path.to_vec()
        } else {
            [&self.directory[..], b"/", path].concat()
        };
        full.truncate(4096);
        if !full.starts_with(b"/") && !full.starts_with(b"~/") {
            return full;
        }
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in full.split(|b| *b == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                _ => parts.push(part),
            }
        }
        let slash: &[u8] = if full.ends_with(b"/") && !parts.is_empty() { b"/" } else { b"" };
        let root: &[u8] = if full.starts_with(b"/") { b"/" } else { b"" };
        [root, &parts.join(&b'/'), slash].concat()
    }
}

/// `NAME=VALUE`, `NAME+=VALUE`: the name, the value's pieces, and if it is appended.
fn assignment(word: &Word) -> Option<(Vec<u8>, Word, bool)> {
    let Some(Piece::Text { bytes, quoted: false }) = word.first() else { return None };
    let equals = memchr::memchr(b'=', bytes)?;
    let append = equals > 0 && bytes[equals - 1] == b'+';
    let mut name = &bytes[..equals - usize::from(append)];
    if let Some(bracket) = memchr::memchr(b'[', name) {
        name = &name[..bracket];
    }
    let is_name = !name.is_empty()
        && !name[0].is_ascii_digit()
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    if !is_name {
        return None;
    }
    let mut value = vec![Piece::Text { bytes: bytes[equals + 1..].to_vec(), quoted: true }];
    value.extend_from_slice(&word[1..]);
    Some((name.to_vec(), value, append))
}
