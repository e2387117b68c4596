//! Commands that pass on what they read, changed.

use crate::{
    commands::{Call, contains},
    fact::Fact,
    place::Place,
    run::Run,
    value::{Taint, UNKNOWN, Value},
    words,
};

/// What stands in a command that a line is made of and put into a file that others run.
const INSERTED: [&str; 5] = ["curl ", "wget ", "/dev/tcp/", "base64 -d", "/dev/shm/"];

/// Does a script of sed delete lines that hold some word or address? Old ones and empty ones may go.
fn deletes(call: &Call<'_>) -> bool {
    let names_some = |command: &[u8]| {
        let command = command.trim_ascii();
        let pattern = command.strip_suffix(b"d").map(|rest| rest.strip_suffix(b"I").unwrap_or(rest));
        pattern.is_some_and(|pattern| {
            pattern.len() > 3
                && pattern[0] == pattern[pattern.len() - 1]
                && !pattern[0].is_ascii_alphanumeric()
                && pattern.iter().filter(|b| b.is_ascii_alphanumeric() || matches!(b, 0 | b'$')).count() > 0
                && pattern != b"/^$/"
        }) || command.starts_with(b"\\")
    };
    let script = call.option(&["-e", "--expression"]).or_else(|| call.operands().next());
    script.is_some_and(|script| script.text.split(|b| matches!(b, b';' | b'\n')).any(names_some))
}

impl Run {
    pub(crate) fn decoded(value: &Value, how: &str) -> Value {
        let text: Vec<u8> =
            value.text.iter().copied().filter(|b| !b.is_ascii_whitespace() && *b != UNKNOWN).collect();
        let decoded = match how {
            "hex" => data_encoding::HEXLOWER_PERMISSIVE.decode(&text).ok(),
            "base32" => data_encoding::BASE32.decode(&text).ok(),
            _ => {
                let bare: Vec<u8> = text.iter().copied().filter(|b| *b != b'=').collect();
                data_encoding::BASE64_NOPAD.decode(&bare).ok()
            }
        };
        let text =
            decoded.map_or_else(|| vec![UNKNOWN], |d| d.into_iter().filter(|b| *b != UNKNOWN).collect());
        Value { text, taint: value.taint.and(Taint::DECODED) }
    }

    pub(crate) fn unescape(&mut self, value: &mut Value) {
        let mut codes = 0;
        let mut out = Vec::with_capacity(value.text.len());
        let mut i = 0;
        while i < value.text.len() {
            if value.text[i] == b'\\' {
                let rest = &value.text[i + 1..];
                codes += usize::from(matches!(rest.first(), Some(b'x' | b'0'..=b'7')));
                let (byte, used) = words::escape(rest);
                out.extend(byte);
                i += 1 + used;
            } else {
                out.push(value.text[i]);
                i += 1;
            }
        }
        value.text = out;
        if codes >= 4 {
            self.fact(Fact::HidesCode, b"");
            value.taint = value.taint.and(Taint::DECODED);
        }
    }

    pub(crate) fn sed(&mut self, call: &Call<'_>) {
        if !call
            .arguments
            .iter()
            .any(|a| a.text.starts_with(b"-i") || a.text.starts_with(b"--in-place") || a.text == b"-pi")
        {
            return;
        }
        let script = call.line();
        for file in call.operands().map(|a| a.text.clone()).collect::<Vec<_>>() {
            let path = self.path(&file);
            match Place::of(&path) {
                Place::SshdConfig => {
                    if contains(&script, "PermitRootLogin yes")
                        || contains(&script, "PasswordAuthentication yes")
                        || contains(&script, "PermitEmptyPasswords yes")
                        || contains(&script, "AuthorizedKeysCommand /tmp")
                    {
                        self.fact(Fact::SshLoosened, &path);
                    }
                }
                place @ (Place::Log | Place::History) => {
                    self.emptied(&path);
                    if place == Place::Log && deletes(call) {
                        self.fact(Fact::LogLines, &path);
                    }
                }
                Place::AuthorizedKeys if contains(&script, "ssh-") || contains(&script, "ecdsa-") => {
                    self.fact(Fact::KeyAdded, &path);
                    self.fact(Fact::KeyLiteral, &path);
                }
                Place::Accounts | Place::Shadow => self.fact(Fact::AccountAdded, &path),
                Place::Pam => {
                    self.fact(Fact::PamChanged, &path);
                    let replaces =
                        ["pam_deny", "pam_unix", "pam_rootok"].iter().any(|old| contains(&script, old));
                    let suffices = contains(&script, "auth sufficient")
                        && ["pam_permit", "pam_succeed_if", "pam_exec", "pam_rootok"]
                            .iter()
                            .any(|module| contains(&script, module));
                    if contains(&script, "pam_permit") && replaces || suffices {
                        self.fact(Fact::PamOpened, &path);
                    }
                }
                Place::Sudoers => self.fact(Fact::SudoersChanged, &path),
                place @ (Place::Hook | Place::Init | Place::Unit) => {
                    self.fact(
                        match place {
                            Place::Hook => Fact::HookAdded,
                            Place::Init => Fact::InitAdded,
                            _ => Fact::UnitAdded,
                        },
                        &path,
                    );
                    if INSERTED.iter().any(|part| contains(&script, part)) {
                        self.fact(
                            if place == Place::Unit { Fact::UnitStrange } else { Fact::ProfileStrange },
                            &path,
                        );
                    }
                }
                Place::Cron => {
                    self.fact(
                        if contains(&script, "/d") { Fact::CronRemoved } else { Fact::CronAdded },
                        &path,
                    );
                    if (contains(&script, "curl ") || contains(&script, "wget ")) && contains(&script, "sh") {
                        self.fact(Fact::CronFetches, &path);
                    }
                }
                Place::Profile => self.fact(Fact::ProfileAdded, &path),
                Place::Web => {}
                _ => {
                    if contains(&path, "selinux") && contains(&script, "disabled") {
                        self.fact(Fact::DefenceStopped, &path);
                    }
                    if (contains(&path, "syslog") || contains(&path, "auditd"))
                        && (contains(&script, "disable")
                            || contains(&script, "/dev/null")
                            || contains(&script, "/d"))
                    {
                        self.fact(Fact::LoggingStopped, &path);
                    }
                }
            }
        }
        if self.over_files > 0 && contains(&script, "<script") {
            self.fact(Fact::Defaces, b"");
        }
    }

    pub(crate) fn read_operands(&mut self, call: &Call<'_>) -> Value {
        let mut all = Value { text: vec![UNKNOWN], taint: call.input.taint };
        // What is looked for stands first.
        let pattern = usize::from(!call.is(&["cut", "column", "paste"]));
        for file in call.operands().skip(pattern).map(|a| a.text.clone()).take(8).collect::<Vec<_>>() {
            let path = self.path(&file);
            all.taint = all.taint.and(self.content(&path).taint);
        }
        all
    }

    pub(crate) fn filter(&mut self, call: &Call<'_>) -> Value {
        let line = call.line().to_ascii_lowercase();
        let recursive = call.is(&["rg", "ag"])
            || call.is(&["grep", "egrep", "fgrep"])
                && (call.flag(b'r') || call.flag(b'R') || call.has(&["--recursive"]));
        let secret_words = [
            "password",
            "passwd",
            "secret",
            "api_key",
            "apikey",
            "token",
            "private key",
            "aws_",
            "akia",
            "credential",
        ];
        let asks = secret_words.iter().any(|word| contains(&line, word));
        let mut out = self.read_operands(call);
        let is_grep = call.is(&["grep", "egrep", "fgrep"]);
        // Names of files that hold secrets are as good as these.
        if is_grep && call.flag(b'l') && contains(&line, "private key") {
            out.taint = out.taint.and(Taint::SECRET);
        }
        let logs: Vec<Vec<u8>> = call
            .operands()
            .take(8)
            .map(|a| self.path(&a.text))
            .filter(|path| Place::of(path) == Place::Log)
            .collect();
        let reads_log = !logs.is_empty();
        if reads_log && (is_grep && call.flag(b'v') || call.is(&["awk", "gawk"]) && call.says(&["!/"])) {
            out.taint = out.taint.and(Taint::LOG_LINES);
            if self.tally.logs_filtered.len() < 64 {
                self.tally.logs_filtered.extend(logs);
            }
        }
        if recursive && asks && !call.manner.fed {
            self.secret(Fact::SecretSearch, &line);
            out.taint = out.taint.and(Taint::SECRET);
        }
        if asks && call.input.taint.has(Taint::HOST) && call.is(&["grep", "egrep"]) {
            out.taint = out.taint.and(Taint::SECRET);
        }
        if call.input.taint.has(Taint::PROCESSES)
            && !call.flag(b'v')
            && let Some(sought) = call.operands().next()
        {
            self.tally.sought = sought.text.to_ascii_lowercase();
        }
        if call.input.taint.has(Taint::PROCESSES) {
            out.taint = out.taint.and(Taint::PROCESSES);
            if crate::impact::names_rival(&line)
                || call.is(&["awk", "gawk"])
                    && (contains(&line, "$3>")
                        || contains(&line, "$3 >")
                        || contains(&line, "$9>")
                        || contains(&line, "$9 >"))
            {
                out.taint = out.taint.and(Taint::RIVALS);
            }
        }
        if contains(&line, "known_hosts")
            || contains(&line, "([0-9]{1,3}")
            || contains(&line, "[0-9]\\{1,3\\}")
        {
            out.taint = out.taint.and(Taint::HOSTS);
        }
        if call.is(&["awk", "gawk"]) && (contains(&line, "system(") || contains(&line, "/inet/tcp")) {
            let code = Value::text(&line);
            out.taint = out.taint.and(self.code(&code, call));
            if contains(&line, "begin") && contains(&line, "system(\"/bin") {
                self.fact(Fact::ShellEscape, b"awk");
            }
        }
        if call.input.is_known() && call.manner.fed && call.is(&["cut"]) {
            out.taint = out.taint.and(call.input.taint);
        }
        out
    }
}
