//! Which command it is, behind what wraps it, and what its arguments are.

use crate::{
    fact::Fact,
    host,
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

    /// Arguments that are no options and no values of options, where all long options but these and `--no-…` take one. What names a
    /// place elsewhere (`s3://…`, `remote:…`) counts in any case: an option that is not known must not hide it.
    pub(crate) fn operands_of(&self, flags: &[&str]) -> impl Iterator<Item = &Value> {
        let takes_value = |text: &[u8]| {
            text.starts_with(b"--")
                && !text.starts_with(b"--no-")
                && !text.contains(&b'=')
                && !flags.iter().any(|flag| flag.as_bytes() == text)
        };
        let mut before: &[u8] = b"";
        self.arguments.iter().filter(move |argument| {
            let behind = std::mem::replace(&mut before, &argument.text);
            let is_elsewhere = argument.text.contains(&b':') && behind != b"--endpoint-url";
            argument.text.first() != Some(&b'-') && (is_elsewhere || !takes_value(behind))
        })
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
        // An interpreter that was looked for, likely.
        if first.text == [UNKNOWN]
            && first.taint.has(Taint::OUTPUT)
            && let Some(script) = rest.first().map(|argument| self.path(&argument.text))
            && self.files.get(&script).is_some_and(|file| file.fetched)
        {
            self.run_file(&script, &[], &call);
        }
        if first.text.contains(&b'/')
            && !matches!(
                name,
                b"iptables"
                    | b"ip6tables"
                    | b"ip"
                    | b"route"
                    | b"ping"
                    | b"ping6"
                    | b"nc"
                    | b"ncat"
                    | b"curl"
                    | b"wget"
                    | b"ssh"
                    | b"scp"
                    | b"rsync"
                    | b"dig"
                    | b"nslookup"
                    | b"host"
                    | b"traceroute"
                    | b"ifconfig"
                    | b"arp"
                    | b"arping"
                    | b"ipset"
                    | b"nft"
                    | b"tc"
                    | b"mount"
                    | b"nmap"
                    | b"fping"
                    | b"ntpdate"
                    | b"tcpdump"
                    | b"telnet"
                    | b"openssl"
                    | b"bash"
                    | b"sh"
            )
            && rest.iter().any(|argument| {
                host::of_url(&argument.text).is_some_and(|(host, ..)| host == host::Host::Address)
            })
        {
            self.fact(Fact::RunsToAddress, &first.text);
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
