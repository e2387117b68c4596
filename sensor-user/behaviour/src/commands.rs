//! Which command it is, behind what wraps it, and what its arguments are.

use crate::{
    fact::Fact,
    place::{self, Place},
    run::{COMMANDS_MAX, Manner, Run},
    value::{Taint, UNKNOWN, Value},
};

/// A command's arguments with its name.
pub(crate) struct Call<'a> {
    /// The name without directories.
    pub(crate) name: Vec<u8>,
    /// The arguments behind it.
    pub(crate) arguments: &'a [Value],
    /// What it reads.
    pub(crate) input: &'a Value,
    /// How it runs.
    pub(crate) manner: Manner,
}

impl Call<'_> {
    pub(crate) fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| name.as_bytes() == self.name)
    }

    /// Is a word among the arguments?
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.arguments.iter().any(|argument| words.iter().any(|word| word.as_bytes() == argument.text))
    }

    /// Does an argument hold a text?
    pub(crate) fn says(&self, texts: &[&str]) -> bool {
        self.arguments.iter().any(|argument| texts.iter().any(|text| contains(&argument.text, text)))
    }

    /// Arguments that are no options.
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Value> {
        self.arguments
            .iter()
            .filter(|argument| argument.text.first() != Some(&b'-') || argument.text.len() == 1)
    }

    /// Is a letter among the short options?
    pub(crate) fn flag(&self, letter: u8) -> bool {
        self.arguments.iter().any(|a| {
            a.text.len() > 1
                && a.text[0] == b'-'
                && a.text[1] != b'-'
                && a.text.len() <= 8
                && a.text[1..].contains(&letter)
        })
    }

    /// The argument behind one of these options, or what follows its `=`.
    pub(crate) fn option(&self, names: &[&str]) -> Option<&Value> {
        let at = self
            .arguments
            .iter()
            .position(|argument| names.iter().any(|name| name.as_bytes() == argument.text))?;
        self.arguments.get(at + 1)
    }

    pub(crate) fn taint(&self) -> Taint {
        self.arguments.iter().fold(self.input.taint, |taint, argument| taint.and(argument.taint))
    }

    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = self.name.clone();
        for argument in self.arguments.iter().take(64) {
            line.push(b' ');
            line.extend_from_slice(&argument.text[..argument.text.len().min(1024)]);
        }
        line
    }
}

pub(crate) fn contains(text: &[u8], part: &str) -> bool {
    memchr::memmem::find(text, part.as_bytes()).is_some()
}

pub(crate) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or(path)
}

const SHELLS: &[&str] =
    &["sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "fish", "rbash", "yash", "csh", "tcsh"];
const LANGUAGES: &[&str] = &[
    "python",
    "python2",
    "python3",
    "perl",
    "ruby",
    "php",
    "node",
    "nodejs",
    "lua",
    "pypy",
    "gawk",
    "awk",
    "tclsh",
    "osascript",
    "pwsh",
];

pub(crate) fn is_shell(name: &[u8]) -> bool {
    SHELLS.iter().any(|shell| shell.as_bytes() == name)
}

fn is_language(name: &[u8]) -> bool {
    LANGUAGES.iter().any(|language| language.as_bytes() == name) || name.starts_with(b"python")
}

impl Run {
    /// Runs a command; what it prints comes back.
    pub(crate) fn command(&mut self, arguments: &[Value], input: &Value, manner: Manner) -> Value {
        let mut arguments = arguments;
        // Wrappers without options are passed by, however many they are.
        while let [first, second, ..] = arguments
            && is_plain_wrapper(base_name(&first.text))
            && (first.text != b"eval" || second.text == b"eval")
            && !second.text.iter().any(|b| *b == b'=' || *b == UNKNOWN)
            && second.text.first() != Some(&b'-')
            && !second.text.iter().all(u8::is_ascii_uppercase)
        {
            arguments = &arguments[1..];
        }
        let Some((first, rest)) = arguments.split_first() else { return Value::default() };
        // What the looks at it cost: its words are read several times.
        let bytes: usize = arguments.iter().map(|argument| 16 + argument.text.len().min(1024)).sum();
        if self.too_deep(self.wrapped >= COMMANDS_MAX) || !self.spend(4 * bytes) {
            return Value::default();
        }
        self.wrapped += 1;
        let output = self.follow_command(first, rest, input, manner);
        self.wrapped -= 1;
        output
    }

    fn follow_command(&mut self, first: &Value, rest: &[Value], input: &Value, manner: Manner) -> Value {
        self.tally.commands += 1;
        if first.taint.has(Taint::SOCKET) || first.taint.has(Taint::REMOTE) && self.endless > 0 {
            self.fact(Fact::CommandLoop, b"");
        }
        if first.taint.has(Taint::SOCKET) {
            self.fact(Fact::ReverseShell, b"");
        }
        if first.taint.has(Taint::ASSEMBLED) || first.taint.has(Taint::DECODED) {
            self.fact(Fact::HidesCommand, &first.text);
        }
        let name = base_name(&first.text);
        if manner.pattern && is_pattern(&first.text) {
            self.fact(Fact::HidesGlob, &first.text);
        }
        if first.text.first() == Some(&UNKNOWN) || first.text.starts_with(b"$") {
            self.fact(Fact::RunsComputed, b"");
            if first.taint.has(Taint::REMOTE) {
                self.fact(Fact::FetchToShell, b"");
            }
        }
        if let Some(output) = self.function(&first.text, rest, input) {
            return output;
        }
        if let Some(text) = self.alias(&first.text) {
            let line =
                [&text[..], b" ", &Call { name: Vec::new(), arguments: rest, input, manner }.line()].concat();
            return self.script(&line, input);
        }
        let call = Call { name: name.to_ascii_lowercase(), arguments: rest, input, manner };
        if let Some(output) = self.wrapper(&call) {
            return output;
        }
        let path = self.path(&first.text);
        let by_name = || {
            BIN.iter()
                .map(|bin| [bin.as_bytes(), &first.text].concat())
                .find(|path| self.files.contains_key(path))
        };
        let found = if first.text.contains(&b'/') && !is_system(&first.text) || self.files.contains_key(&path)
        {
            Some(path)
        } else if first.text.contains(&b'/') {
            None
        } else {
            by_name()
        };
        if let Some(path) = found {
            self.run_file(&path, rest, &call);
            return Value::unknown(Taint::OUTPUT);
        }
        if is_shell(&call.name) {
            return self.shell(&call);
        }
        if is_language(&call.name) && !call.is(&["awk", "gawk"]) {
            return self.language(&call);
        }
        self.tool(&call)
    }

    fn tool(&mut self, call: &Call<'_>) -> Value {
        if call.is(&["enable", "system", "shell", "linuxshell"]) && call.arguments.is_empty() {
            self.tally.logins += 1;
            if self.tally.logins >= 2 {
                self.fact(Fact::WormProbe, b"enable, system, shell");
            }
        }
        self.discover(call);
        self.account(call);
        self.evade(call);
        self.impact(call);
        self.container(call);
        self.habit(call);
        if let Some(output) = self.network(call) {
            return output;
        }
        self.file_tool(call)
    }

    /// A command that runs another one.
    fn wrapper(&mut self, call: &Call<'_>) -> Option<Value> {
        let arguments = call.arguments;
        // How many arguments stand before the command that is run.
        let skip = |with_value: &[&str], mut also: usize| {
            let mut at = 0;
            while let Some(argument) = arguments.get(at) {
                let text = &argument.text;
                if with_value.iter().any(|option| option.as_bytes() == text) {
                    at += 2;
                } else if text.first() == Some(&b'-')
                    || text.contains(&b'=') && call.is(&["env", "sudo", "doas"])
                {
                    at += 1;
                } else if also > 0 {
                    also -= 1;
                    at += 1;
                } else {
                    break;
                }
            }
            at.min(arguments.len())
        };
        let at = match &call.name[..] {
            b"sudo" | b"doas" => {
                if call.has(&["-u#-1"]) {
                    self.fact(Fact::ShellEscape, b"sudo -u#-1");
                }
                if call.has(&["-S"]) && call.manner.fed && call.input.is_known() {
                    self.fact(Fact::PasswordLiteral, b"sudo -S");
                }
                skip(&["-u", "-g", "-h", "-p", "-C", "-U", "--user", "--group", "--chdir"], 0)
            }
            // It asks where a command is.
            b"command" if call.has(&["-v", "-V"]) => return Some(Value::default()),
            b"start-stop-daemon" => {
                let program = arguments
                    .iter()
                    .position(|a| matches!(&a.text[..], b"-x" | b"--exec" | b"-a" | b"--startas"));
                program.map_or(arguments.len(), |at| at + 1)
            }
            b"systemd-run" => skip(&["-p", "-u", "-E", "-M", "-H", "--unit", "--property"], 0),
            b"busybox"
                if arguments
                    .first()
                    .is_some_and(|a| a.text.len() >= 3 && a.text.iter().all(u8::is_ascii_uppercase)) =>
            {
                self.fact(Fact::WormProbe, &arguments[0].text.clone());
                return Some(Value::default());
            }
            b"nohup" | b"setsid" | b"command" | b"builtin" | b"time" | b"busybox" | b"unbuffer"
            | b"eatmydata" | b"daemonize" | b"toybox" | b"rtk" | b"catchsegv" | b"nocache" => {
                skip(&["-E", "-e", "-o"], 0)
            }
            b"exec" => {
                if let Some(name) = call.option(&["-a"]) {
                    let name = name.text.clone();
                    self.fact(Fact::RunsRenamed, &name);
                }
                skip(&["-a"], 0)
            }
            b"env" => {
                if let Some(preload) = arguments.iter().find(|a| a.text.starts_with(b"LD_PRELOAD=")) {
                    self.assigned(b"LD_PRELOAD", &Value::text(&preload.text[11..]));
                }
                skip(&["-u", "-C"], 0)
            }
            b"timeout" | b"chrt" => skip(&["-k", "-s", "--signal"], 1),
            b"nice" | b"ionice" | b"stdbuf" | b"taskset" | b"cpulimit" => {
                skip(&["-n", "-c", "-p", "-l", "-e"], usize::from(call.is(&["taskset"])))
            }
            b"flock" => skip(&["-w"], 1),
            b"watch" => skip(&["-n", "--interval"], 0),
            b"firejail" | b"proot" | b"fakeroot" | b"setarch" | b"linux64" | b"ltrace" | b"strace"
            | b"gdb" => skip(&["-o", "-e", "-p", "-s"], 0),
            b"runuser" | b"su" | b"script" => {
                let bundled = arguments.iter().position(|a| {
                    a.text.len() > 1 && a.text[0] == b'-' && a.text[1] != b'-' && a.text.ends_with(b"c")
                });
                if let Some(text) =
                    bundled.and_then(|at| arguments.get(at + 1)).or_else(|| call.option(&["--command"]))
                {
                    let text = text.text.clone();
                    return Some(self.script(&text, call.input));
                }
                if call.input.text.len() > 1 {
                    let text = call.input.text.clone();
                    return Some(self.script(&text, &Value::default()));
                }
                return Some(Value::unknown(Taint::OUTPUT));
            }
            b"chroot" => {
                let place =
                    arguments.iter().find(|a| a.text.first() != Some(&b'-')).map(|a| self.path(&a.text));
                if place.as_ref().is_some_and(|p| {
                    Place::of(p) == Place::HostRoot
                        || p.starts_with(b"/mnt")
                        || self.files.get(p).is_some_and(|f| f.executable)
                }) {
                    self.fact(Fact::EscapeMount, b"chroot");
                }
                skip(&[], 1)
            }
            b"nsenter" => {
                if call.says(&["/proc/1/", "--target=1"])
                    || call.option(&["-t", "--target"]).is_some_and(|t| t.text == b"1")
                    || call.has(&["-t1"])
                {
                    self.fact(Fact::EscapeHost, b"nsenter");
                }
                skip(&["-t", "--target"], 0)
            }
            b"unshare" => {
                self.fact(Fact::NamespaceTrick, b"unshare");
                skip(&[], 0)
            }
            b"xargs" | b"parallel" => {
                let at = skip(&["-n", "-P", "-I", "-d", "-L", "-s", "-a", "-j", "-i", "-E"], 0);
                if !self.spend(arguments.iter().map(|argument| 64 + argument.text.len()).sum()) {
                    return Some(Value::default());
                }
                let mut inner: Vec<Value> = arguments[at..].to_vec();
                if inner.is_empty() {
                    return Some(call.input.clone());
                }
                let mut fed = call.input.clone();
                while fed.text.last() == Some(&b'\n') {
                    fed.text.pop();
                }
                fed.text.truncate(4096);
                if fed.text.is_empty() || fed.text.contains(&b'\n') {
                    fed.text = vec![UNKNOWN];
                }
                for argument in &mut inner {
                    if contains(&argument.text, "{}") || argument.text == b"%" {
                        argument.taint = argument.taint.and(fed.taint);
                    }
                }
                inner.push(fed);
                return Some(self.command(&inner, &Value::default(), call.manner));
            }
            b"eval" => {
                let mut all = Value::default();
                for argument in arguments {
                    if !all.text.is_empty() {
                        all.text.push(b' ');
                    }
                    all.append(argument);
                }
                return Some(self.evaluate(&all, true));
            }
            b"source" | b"." => {
                if let Some(file) = arguments.first() {
                    let path = self.path(&file.text);
                    self.run_file(&path, &arguments[1..], call);
                }
                return Some(Value::default());
            }
            b"trap" => {
                if let Some(text) = arguments.first() {
                    if text.text.is_empty() {
                        self.fact(Fact::Terminates, b"");
                    } else {
                        let text = text.text.clone();
                        if text.starts_with(b"-") {
                            return Some(Value::default());
                        }
                        if call.has(&["DEBUG"]) {
                            self.fact(Fact::ProfileStrange, b"trap DEBUG");
                        } else if call.has(&["EXIT", "0"]) {
                            self.fact(Fact::CleansUp, b"");
                        }
                        self.script(&text, &Value::default());
                    }
                }
                return Some(Value::default());
            }
            b"ld-linux-x86-64.so.2" | b"ld.so" => skip(&["--argv0", "--preload", "--library-path"], 0),
            _ => return None,
        };
        let inner = &arguments[at..];
        if inner.is_empty() && call.is(&["env"]) {
            // It prints the environment.
            return None;
        }
        Some(if inner.is_empty() { call.input.clone() } else { self.command(inner, call.input, call.manner) })
    }

    /// Text that is run as commands.
    pub(crate) fn evaluate(&mut self, text: &Value, evaluated: bool) -> Value {
        if evaluated {
            self.fact(Fact::EvaluatesText, b"");
        }
        let taint = text.taint;
        if taint.has(Taint::REMOTE) {
            self.used(taint, b"");
            self.fact(Fact::FetchToShell, b"");
            self.tally.fetched_runs.insert(self.at);
            if self.endless > 0 {
                self.fact(Fact::CommandLoop, b"");
            }
        }
        if taint.has(Taint::SOCKET) {
            self.fact(Fact::ReverseShell, b"");
        }
        if taint.has(Taint::DECODED) {
            self.fact(Fact::RunsDecoded, b"");
        }
        if taint.has(Taint::ASSEMBLED) {
            self.fact(Fact::HidesCommand, b"");
        }
        if !text.is_known() && !taint.has(Taint::REMOTE) {
            self.fact(Fact::RunsComputed, b"");
        }
        let mut output = self.script(&text.text.clone(), &Value::default());
        if output.text.is_empty() {
            output.text.push(UNKNOWN);
        }
        output
    }

    fn shell(&mut self, call: &Call<'_>) -> Value {
        let mut at = 0;
        let mut interactive = false;
        // `-s`: what follows are the script's arguments.
        let mut from_input = false;
        while let Some(argument) = call.arguments.get(at) {
            match argument.text.first() {
                Some(b'-' | b'+') if argument.text.len() > 1 => {
                    let text = &argument.text;
                    if !text.starts_with(b"--") && text.contains(&b'c') {
                        let Some(script) = call.arguments.get(at + 1) else { return Value::default() };
                        let script = script.clone();
                        if call.manner.connected {
                            self.fact(Fact::ReverseShell, b"");
                        }
                        return self.evaluate(&script, false);
                    }
                    interactive |= text.contains(&b'i') && !text.starts_with(b"--");
                    from_input |= text.contains(&b's') && !text.starts_with(b"--");
                    if text == b"-p" {
                        self.fact(Fact::SetuidShell, &call.name);
                    }
                    at += 1 + usize::from(matches!(
                        &text[..],
                        b"-o" | b"-O" | b"+O" | b"--rcfile" | b"--init-file"
                    ));
                }
                Some(_) if argument.text == b"-" => at += 1,
                _ => break,
            }
        }
        if let Some(file) = call.arguments.get(at).filter(|_| !from_input) {
            let path = self.path(&file.text);
            self.used(file.taint, b"");
            if file.taint.has(Taint::REMOTE) && self.files.get(&path).is_none_or(|f| !f.fetched) {
                self.fact(Fact::FetchToShell, b"");
            }
            self.run_file(&path, &call.arguments[at + 1..], call);
            return Value::unknown(Taint::OUTPUT);
        }
        if call.manner.connected || call.manner.to_fifo || call.input.taint.has(Taint::SOCKET) {
            self.fact(Fact::ReverseShell, &call.name);
            return Value::unknown(Taint::SHELL);
        }
        if call.input.taint.has(Taint::FIFO) || interactive && call.manner.fed && !call.input.is_known() {
            return Value::unknown(Taint::SHELL);
        }
        if call.manner.fed {
            let script = call.input.clone();
            self.evaluate(&script, false);
            return Value::unknown(Taint::OUTPUT.and(script.taint));
        }
        Value::unknown(Taint::SHELL)
    }

    fn language(&mut self, call: &Call<'_>) -> Value {
        let is_option = |a: &Value| a.text.len() > 1 && a.text[0] == b'-' && a.text[1] != b'-';
        let text = call.arguments.iter().position(|a| {
            is_option(a) && a.text.len() <= 5 && matches!(a.text.last(), Some(b'c' | b'e' | b'E' | b'r'))
        });
        // The code behind the letter: `-e'…'`.
        let glued = call
            .arguments
            .iter()
            .find(|a| is_option(a) && a.text.len() > 8 && matches!(a.text[1], b'c' | b'e' | b'r'));
        if let Some(glued) = glued {
            let code = Value { text: glued.text[2..].to_vec(), taint: glued.taint };
            self.code(&code, call);
        }
        let mut output = Value::unknown(Taint::OUTPUT.and(call.taint()));
        if let Some(at) = text {
            for argument in &call.arguments[at + 1..] {
                let code = argument.clone();
                output.taint = output.taint.and(self.code(&code, call));
            }
        } else if let Some(file) = call.operands().next() {
            let path = self.path(&file.text);
            if file.text.as_slice() == b"-" {
                let code = call.input.clone();
                self.code(&code, call);
            } else if call.option(&["-m"]).is_none() {
                self.run_file(&path, &[], call);
            }
        } else if call.manner.fed {
            let code = call.input.clone();
            if code.taint.has(Taint::REMOTE) {
                self.used(code.taint, b"");
                self.fact(Fact::FetchToShell, b"");
            }
            if code.taint.has(Taint::DECODED) {
                self.fact(Fact::RunsDecoded, b"");
            }
            output.taint = output.taint.and(self.code(&code, call));
        }
        if call.option(&["-m"]).is_some_and(|m| m.text == b"http.server" || m.text == b"SimpleHTTPServer") {
            self.fact(Fact::Listens, b"http.server");
        }
        output
    }

    /// Runs a file.
    pub(crate) fn run_file(&mut self, path: &[u8], arguments: &[Value], call: &Call<'_>) {
        let manner = call.manner;
        if matches!(path, b"/dev/stdin" | b"/dev/fd/0" | b"/proc/self/fd/0") {
            let script = call.input.clone();
            self.evaluate(&script, false);
            return;
        }
        // What is sourced is settings as often as not.
        let sourced = call.is(&["source", "."]);
        let temporary = place::is_temporary(path) && !sourced;
        let hidden = place::is_hidden(path) && !sourced;
        if temporary {
            self.fact(Fact::RunsTemporary, path);
        }
        if hidden {
            self.fact(Fact::RunsHidden, path);
        }
        if manner.background && manner.silent && (temporary || hidden || self.files.contains_key(path)) {
            self.fact(Fact::RunsSilently, path);
        }
        if contains(path, "/proc/self/fd") || contains(path, "/proc/$") && contains(path, "/fd/") {
            self.fact(Fact::RunsMemory, path);
        }
        if manner.connected && is_shell(base_name(path)) {
            self.fact(Fact::ReverseShell, path);
        }
        self.miner_words(&Call { name: base_name(path).to_vec(), arguments, input: call.input, manner });
        let Some(file) = self.files.get_mut(path) else { return };
        let again = std::mem::replace(&mut file.ran, true);
        let (fetched, written, content) = (file.fetched, file.written, file.content.clone());
        if fetched {
            if !again {
                self.tally.fetched_runs.insert(self.at);
            }
            self.fact(Fact::FetchRun, path);
            if temporary {
                self.fact(Fact::FetchTemporaryRun, path);
            }
            if manner.background {
                self.fact(Fact::FetchRunBackground, path);
            }
        }
        if again {
            return;
        }
        if let Some(content) = content {
            if content.taint.has(Taint::DECODED) {
                self.fact(Fact::RunsDecoded, path);
            }
            if content.taint.has(Taint::REMOTE) {
                self.used(content.taint, path);
                self.fact(Fact::FetchRun, path);
            }
            if content.taint.has(Taint::SOURCE) {
                self.fact(Fact::ExploitBuilt, path);
            }
            if written {
                self.fact(Fact::RunsWritten, path);
            }
            if content.is_known() || content.text.len() > 8 {
                let text = content.text.clone();
                self.script(&text, &Value::default());
            }
        }
    }
}

/// Does a command do nothing but run the one behind it?
fn is_plain_wrapper(name: &[u8]) -> bool {
    matches!(
        name,
        b"nohup"
            | b"setsid"
            | b"command"
            | b"builtin"
            | b"env"
            | b"exec"
            | b"time"
            | b"sudo"
            | b"doas"
            | b"busybox"
            | b"eval"
    )
}

/// Where a command without a path is looked for.
const BIN: [&str; 6] = ["/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/sbin/", "/usr/sbin/", "/sbin/"];

/// Does a command's name leave out letters, as in `/b?n/c*t`?
fn is_pattern(name: &[u8]) -> bool {
    let is_path = name
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'?' | b'*' | b'[' | b']' | b'-' | b'.'));
    let letters = name.iter().filter(|b| b.is_ascii_alphanumeric()).count();
    is_path
        && name.len() < 40
        && letters > 0
        && name.contains(&b'/')
        && name.iter().any(|b| matches!(b, b'?' | b'*'))
        && !name.ends_with(b"/*")
}

/// Is a path that of a program of the system?
pub(crate) fn is_system(path: &[u8]) -> bool {
    [
        "/bin/",
        "/sbin/",
        "/usr/bin/",
        "/usr/sbin/",
        "/usr/local/bin/",
        "/usr/local/sbin/",
        "/usr/lib",
        "/lib",
        "/snap/bin/",
    ]
    .iter()
    .any(|d| path.starts_with(d.as_bytes()))
}
