//! What it means that something is written to a file.

use std::rc::Rc;

use crate::{
    commands::{base_name, contains, is_shell, is_system},
    fact::Fact,
    place::{self, Place},
    run::{File, Run},
    value::{Taint, Value},
};

/// Parts of the names that attackers send elsewhere: those of updates, of security, and of other miners' pools.
const REDIRECTED: [&str; 12] = [
    "update",
    "security",
    "pool",
    "xmr",
    "minexmr",
    "pastebin",
    "virustotal",
    "clamav",
    "kaspersky",
    "sophos",
    "aegis",
    "aliyun",
];

/// What encryptors for ransom like to end names with.
const LOCKED: [&[u8]; 7] = [b".enc", b".locked", b".crypt", b".encrypted", b".crypted", b".lock", b".ransom"];

impl Run {
    /// Something is written to a file.
    pub(crate) fn write(&mut self, path: &[u8], value: &Value, append: bool) {
        if matches!(path, b"/dev/null" | b"/dev/stdout" | b"/dev/stderr" | b"/dev/tty") {
            return;
        }
        if !self.spend(256 + 2 * value.text.len()) {
            return;
        }
        let place = Place::of(path);
        if place == Place::HostRoot {
            self.fact(Fact::EscapeMount, path);
        }
        if offers_shell(path, &value.text) {
            self.fact(Fact::BindShell, path);
        }
        if let Some(helper) = core_helper(&value.text)
            && (place::is_temporary(helper) || place::is_below_hidden(helper))
        {
            self.fact(Fact::EscapeCgroup, path);
        }
        if contains(path, "ld.so.conf")
            && value.text.split(|b| *b == b'\n').any(|line| {
                place::is_temporary(line) || line.starts_with(b"/opt/.") || line.starts_with(b"/usr/lib/.")
            })
        {
            self.fact(Fact::PreloadAdded, path);
        }
        match place {
            Place::Socket => {
                self.sent(value, path);
                return;
            }
            Place::AuthorizedKeys => {
                self.fact(Fact::KeyAdded, path);
                if ["ssh-rsa ", "ssh-ed25519 ", "ecdsa-sha2", "ssh-dss "]
                    .iter()
                    .any(|kind| contains(&value.text, kind))
                {
                    self.fact(Fact::KeyLiteral, path);
                    if self.tally.keys_removed {
                        self.fact(Fact::KeyOnly, path);
                    }
                }
                if value.taint.has(Taint::REMOTE) {
                    self.fact(Fact::KeyLiteral, path);
                }
                if self.has(Fact::KeyReplaced) || !append && contains(&value.text, "ssh-rsa ") {
                    self.fact(Fact::KeyReplaced, path);
                }
            }
            Place::Cron => self.cron(value, path),
            Place::Unit => self.unit(value, path),
            Place::Init | Place::Profile => {
                self.fact(if place == Place::Init { Fact::InitAdded } else { Fact::ProfileAdded }, path);
                if contains(&value.text, "exec script -") {
                    self.fact(Fact::Captures, path);
                    self.fact(Fact::ProfileStrange, path);
                }
                self.strange(value, Fact::ProfileStrange, path);
            }
            Place::Hook => {
                self.fact(Fact::HookAdded, path);
                if contains(path, "polkit")
                    && contains(&value.text, "Result.YES")
                    && (!contains(&value.text, "action.id") || contains(&value.text, "policykit.exec"))
                    && !is_for_administrators(&value.text)
                {
                    self.fact(Fact::PolkitOpened, path);
                }
                self.strange(value, Fact::ProfileStrange, path);
            }
            Place::Pam => {
                self.fact(Fact::PamChanged, path);
                if opens(&value.text) || path.ends_with(b".so") && value.taint.has(Taint::REMOTE) {
                    self.fact(Fact::PamOpened, path);
                }
            }
            Place::Preload => self.fact(Fact::PreloadAdded, path),
            Place::Sudoers => self.fact(Fact::SudoersChanged, path),
            Place::SshdConfig
                if [
                    "PermitRootLogin yes",
                    "PasswordAuthentication yes",
                    "PermitEmptyPasswords yes",
                    "AuthorizedKeysFile /",
                    "AuthorizedKeysCommand /tmp",
                    "AuthorizedKeysCommand /var",
                    "AuthorizedKeysCommand /dev",
                ]
                .iter()
                .any(|setting| contains(&value.text, setting)) =>
            {
                self.fact(Fact::SshLoosened, path);
            }
            Place::Accounts | Place::Shadow => {
                self.fact(Fact::AccountAdded, path);
                if contains(&value.text, ":0:0:")
                    || contains(&value.text, ":0:0")
                    || contains(&value.text, "root:")
                {
                    self.fact(Fact::AccountRoot, path);
                }
            }
            Place::Hosts
                if path.ends_with(b"hosts")
                    && value.text.split(|b| *b == b'\n').any(|line| {
                        (line.starts_with(b"0.0.0.0") || line.starts_with(b"127."))
                            && (REDIRECTED.iter().any(|name| contains(line, name))
                                || crate::evasion::names_watcher(line))
                    }) =>
            {
                self.fact(Fact::HostsForged, path);
            }
            Place::History if !append => self.emptied(path),
            Place::Log
                if !append
                    && (value.text.is_empty() || value.text == b"\n" || value.taint.has(Taint::NOISE)) =>
            {
                self.emptied(path);
            }
            // Only what goes back to where it came from.
            Place::Log
                if !append
                    && value.taint.has(Taint::LOG_LINES)
                    && (self.tally.logs_filtered.contains(path)
                        || matches!(base_name(path), b"wtmp" | b"btmp" | b"utmp")) =>
            {
                self.fact(Fact::LogLines, path);
            }
            Place::Disk => self.fact(Fact::WipesDevice, path),
            Place::SystemProgram if is_usual(base_name(path)) => self.fact(Fact::SystemReplaced, path),
            Place::KernelHelper
                if value.text.starts_with(b"|")
                    || !value.is_known() && !path.ends_with(b"sysrq")
                    || value.text.starts_with(b"/") =>
            {
                self.fact(Fact::EscapeCgroup, path);
            }
            Place::CgroupAgent => self.fact(Fact::EscapeCgroup, path),
            Place::Web
                if contains(&value.text, "hacked")
                    || contains(&value.text, "defaced")
                    || contains(&value.text, "HACKED")
                    || contains(&value.text, "pwned") =>
            {
                self.fact(Fact::Defaces, path);
            }
            Place::Web
                if contains(&value.text, "<?php")
                    && (contains(&value.text, "system(")
                        || contains(&value.text, "eval(")
                        || contains(&value.text, "passthru")
                        || contains(&value.text, "exec(")) =>
            {
                self.fact(Fact::WebShell, path);
            }
            _ => {}
        }
        if place == Place::Web && value.taint.has(Taint::SECRET) && value.taint.has(Taint::ARCHIVE) {
            self.fact(Fact::SendsToWeb, path);
        }
        let lower = value.text.to_ascii_lowercase();
        let note = base_name(path).to_ascii_lowercase();
        if (contains(&lower, "bitcoin")
            || contains(&lower, "btc")
            || contains(&lower, "monero")
            || contains(&lower, ".onion")
            || contains(&lower, "ransom"))
            && (contains(&lower, "encrypted")
                || contains(&lower, "decrypt")
                || contains(&lower, "recover")
                || contains(&lower, "pay"))
            || contains(&lower, "your files have been")
            || contains(&lower, "files are encrypted")
            || contains(&lower, "files have been encrypted")
        {
            self.fact(Fact::Ransom, path);
        }
        if (contains(&note, "readme") || contains(&note, "recover") || contains(&note, "decrypt"))
            && contains(&lower, "encrypted")
        {
            self.fact(Fact::Ransom, path);
        }
        if (contains(&value.text, "setuid(0)")
            || contains(&value.text, "execve(")
            || contains(&value.text, "setgid(0)")
            || contains(&value.text, "__attribute__((constructor))"))
            && contains(&value.text, "#include")
        {
            let content = Rc::new(value.clone().with(Taint::SOURCE));
            self.remember(path, File { content: Some(content), written: true, ..File::default() });
            return;
        }
        if self.over_files > 0 && value.taint.has(Taint::ITSELF) && !is_system(path) {
            self.fact(Fact::Infects, path);
        }
        if self.over_files > 0 && value.taint.has(Taint::ENCRYPTED) {
            self.fact(Fact::EncryptsMany, path);
        }
        if self.endless > 0 && value.taint.has(Taint::NOISE) {
            self.fact(Fact::FillsDisk, path);
        }
        if place == Place::Other || place == Place::SystemProgram {
            let mut all = match (append, self.files.get(path).and_then(|f| f.content.clone())) {
                (true, Some(before)) => Value::clone(&before),
                _ => Value::default(),
            };
            all.append(value);
            let fetched = value.taint.has(Taint::REMOTE) && value.taint.has(Taint::OUTPUT);
            if fetched {
                self.used(value.taint, path);
                self.fetched(path);
            }
            let executable = self.files.get(path).is_some_and(|f| f.executable);
            // Commands of its own names, in a directory that stands first in PATH.
            if matches!(
                base_name(path),
                b"id"
                    | b"cat"
                    | b"ls"
                    | b"ps"
                    | b"service"
                    | b"sudo"
                    | b"ssh"
                    | b"tar"
                    | b"curl"
                    | b"netstat"
            ) && (!is_system(path) || path.starts_with(b"/usr/local/"))
                && contains(&all.text, "sh")
            {
                self.fact(Fact::CommandForged, path);
            }
            self.remember(
                path,
                File {
                    content: Some(Rc::new(all)),
                    fetched,
                    again_and_again: fetched && self.endless > 0,
                    executable,
                    written: true,
                    ..File::default()
                },
            );
        }
    }

    /// Text that others will run: is it strange?
    fn strange(&mut self, value: &Value, fact: Fact, path: &[u8]) {
        if value.taint.has(Taint::REMOTE) || value.taint.has(Taint::DECODED) {
            self.fact(fact, path);
            return;
        }
        let text = value.text.clone();
        let mut facts = self.later(&text);
        let settings =
            if Place::of(path) == Place::Hook { commands_of_settings(path, &text) } else { Vec::new() };
        for command in settings {
            let program = command.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            if place::is_temporary(program) || place::is_below_hidden(program) {
                self.fact(fact, path);
            }
            facts.extend(self.later(&command));
        }
        if facts.iter().any(|f| is_strange(*f)) {
            self.fact(fact, path);
        }
    }

    fn cron(&mut self, value: &Value, path: &[u8]) {
        self.fact(Fact::CronAdded, path);
        if value.taint.has(Taint::REMOTE) {
            self.fact(Fact::CronFetches, path);
        }
        let lines: Vec<Vec<u8>> = value.text.split(|b| *b == b'\n').take(50).map(<[u8]>::to_vec).collect();
        for line in lines {
            let mut rest = &line[..];
            let fields = if rest.trim_ascii_start().starts_with(b"@") { 1 } else { 5 };
            for _ in 0..fields {
                rest = rest.trim_ascii_start();
                let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
                rest = &rest[end..];
            }
            let mut rest = rest.trim_ascii_start();
            if let Some(behind) = rest.strip_prefix(b"root ") {
                rest = behind;
            }
            let facts = self.later(rest);
            if facts.iter().any(|f| is_strange(*f)) {
                self.fact(Fact::CronFetches, path);
            }
        }
    }

    fn unit(&mut self, value: &Value, path: &[u8]) {
        self.fact(Fact::UnitAdded, path);
        let lines: Vec<Vec<u8>> = value
            .text
            .split(|b| *b == b'\n')
            .filter(|l| l.starts_with(b"Exec") || l.starts_with(b"command="))
            .take(10)
            .map(<[u8]>::to_vec)
            .collect();
        for line in lines {
            let at = memchr::memchr(b'=', &line).map_or(0, |i| i + 1);
            let command = line[at..].trim_ascii_start();
            let facts = self.later(command);
            let program = command.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            if facts.iter().any(|f| is_strange(*f))
                || place::is_temporary(program)
                || place::is_below_hidden(program)
                || self.files.get(program).is_some_and(|f| f.fetched && self.has(Fact::FetchAddress))
            {
                self.fact(Fact::UnitStrange, path);
            }
        }
        if value.taint.has(Taint::DECODED) || place::is_hidden(path) {
            self.fact(Fact::UnitStrange, path);
        }
    }

    /// A log or a history was emptied or removed.
    pub(crate) fn emptied(&mut self, path: &[u8]) {
        match Place::of(path) {
            Place::History => self.fact(Fact::HistoryOff, path),
            Place::Log => {
                self.fact(Fact::LogsRemoved, path);
                if self.tally.logs.len() < 64 {
                    self.tally.logs.insert(path.to_vec());
                }
                if self.tally.logs.len() >= 3
                    || path == b"/var/log"
                    || path == b"/var/log/"
                    || path.ends_with(b"/log/*")
                    || path.ends_with(b"wtmp")
                {
                    self.fact(Fact::LogsMany, path);
                }
            }
            _ => {}
        }
    }

    /// Where a file goes: into a directory it keeps its name.
    pub(crate) fn target(&self, source: &[u8], target: &[u8]) -> Vec<u8> {
        const DIRECTORIES: [&[u8]; 14] = [
            b"/bin",
            b"/sbin",
            b"/usr/bin",
            b"/usr/sbin",
            b"/usr/local/bin",
            b"/usr/local/sbin",
            b"/tmp",
            b"/var/tmp",
            b"/dev/shm",
            b"/etc/systemd/system",
            b"/etc/cron.d",
            b"/etc/cron.hourly",
            b"/etc/cron.daily",
            b"/etc/init.d",
        ];
        let mut to = self.path(target);
        if to.ends_with(b"/") || DIRECTORIES.contains(&&to[..]) {
            if !to.ends_with(b"/") {
                to.push(b'/');
            }
            to.extend_from_slice(base_name(source));
        }
        to
    }

    /// Files were copied or moved: the last operand is where to.
    pub(crate) fn copied(&mut self, operands: &[Value], moves: bool) {
        let Some((target, sources)) = operands.split_last() else { return };
        for source in sources.iter().take(64) {
            let to = self.target(&source.text, &target.text);
            let from = self.path(&source.text);
            if moves && to == b"/dev/null" && place::is_broad(&from) {
                self.fact(Fact::DeletesBroadly, &from);
            }
            if from == b"$0" && self.over_files > 0 {
                self.fact(Fact::Infects, &to);
            }
            if base_name(&from) == b"pam_permit.so" && Place::of(&to) == Place::Pam {
                self.fact(Fact::PamOpened, &to);
            }
            if matches!(Place::of(&to), Place::Log | Place::History) && from == b"/dev/null" {
                self.emptied(&to);
                continue;
            }
            if moves && self.loops > 0 && LOCKED.iter().any(|end| to.ends_with(end)) {
                self.fact(Fact::EncryptsMany, &to);
            }
            let content = self.content(&from);
            if is_shell(base_name(&from)) && is_system(&from) {
                self.remember(
                    &to,
                    File {
                        executable: true,
                        content: Some(Rc::new(Value::text(b"shell"))),
                        ..File::default()
                    },
                );
                continue;
            }
            if moves && is_system(&from) && Place::of(&from) == Place::SystemProgram {
                let name = base_name(&from);
                if matches!(
                    name,
                    b"wget"
                        | b"curl"
                        | b"ps"
                        | b"top"
                        | b"ls"
                        | b"netstat"
                        | b"chattr"
                        | b"passwd"
                        | b"sshd"
                        | b"ping"
                        | b"kill"
                        | b"find"
                        | b"lsof"
                        | b"chpasswd"
                        | b"apt"
                        | b"apt-get"
                        | b"iptables"
                ) {
                    self.fact(Fact::ToolsRemoved, &from);
                }
            }
            let file = self.files.get(&from).cloned();
            let place = Place::of(&to);
            if place != Place::Other || content.taint.has(Taint::SECRET) {
                self.write(&to, &content, false);
            }
            if let Some(file) = file {
                if (place == Place::SystemProgram || is_system(&to)) && is_usual(base_name(&to)) {
                    self.fact(Fact::SystemReplaced, &to);
                }
                self.remember(&to, file);
            } else if content.taint.has(Taint::SECRET) {
                self.remember(&to, File { content: Some(Rc::new(content)), ..File::default() });
            }
            if from == b"$0" && (is_system(&to) || place::is_hidden(&to) || place::is_temporary(&to)) {
                self.fact(Fact::RunsRenamed, &to);
            }
        }
    }
}

/// Settings by which a server answers who connects with a shell: of inetd, xinetd, or a socket of systemd.
fn offers_shell(path: &[u8], text: &[u8]) -> bool {
    let lines = || text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let server = || lines().find(|line| line.starts_with(b"server") && !line.starts_with(b"server_"));
    let arguments = || lines().find(|line| line.starts_with(b"server_args"));
    // What is run in it stands behind it.
    let runs_nothing = |line: &[u8]| {
        line.split(|b| *b == b'=')
            .nth(1)
            .unwrap_or_default()
            .split(u8::is_ascii_whitespace)
            .all(|word| word.is_empty() || word.starts_with(b"-"))
    };
    contains(text, "StandardInput=socket")
        && lines().any(|line| line.starts_with(b"Exec") && ends_in_shell(line))
        || contains(path, "xinetd")
            && server().is_some_and(ends_in_shell)
            && arguments().is_none_or(runs_nothing)
        || contains(path, "inetd.conf") && lines().any(ends_in_shell)
}

/// Does a line end with a shell that is given nothing to run?
fn ends_in_shell(line: &[u8]) -> bool {
    let mut words = line.split(|b| b.is_ascii_whitespace() || *b == b'=').filter(|word| !word.is_empty());
    words.any(|word| word.contains(&b'/') && is_shell(base_name(word)))
        && words.all(|word| word.starts_with(b"-") || is_shell(word))
}

/// The program that is to get what crashes, in settings of the kernel.
fn core_helper(text: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(text, b"core_pattern")?;
    let line = text[at..].split(|b| *b == b'\n').next().unwrap_or_default();
    let bar = memchr::memchr(b'|', line)?;
    line[bar + 1..].split(u8::is_ascii_whitespace).next()
}

/// Is a rule of polkit for those who may be root anyway?
fn is_for_administrators(text: &[u8]) -> bool {
    [
        "isInGroup(\"sudo",
        "isInGroup(\"wheel",
        "isInGroup(\"admin",
        "isInGroup('sudo",
        "isInGroup('wheel",
        "org.libvirt",
        "NetworkManager",
        "systemd1.manage-units",
    ]
    .iter()
    .any(|part| contains(text, part))
}

/// Commands in settings that are no script: what stands behind a key or a word that says so.
fn commands_of_settings(path: &[u8], text: &[u8]) -> Vec<Vec<u8>> {
    const KEYS: [&str; 9] = [
        "Exec=",
        "ExecStart=",
        "RUN+=\"",
        "RUN=\"",
        "Pre-Invoke",
        "Post-Invoke",
        "action=",
        "actionstart = ",
        "UserParameter=",
    ];
    let mut found = Vec::new();
    for line in text.split(|b| *b == b'\n').take(50) {
        let line = line.trim_ascii_start();
        // `install MODULE COMMAND` of modprobe.d.
        if let Some(rest) = line.strip_prefix(b"install ").filter(|_| contains(path, "modprobe.d")) {
            let at = rest.iter().position(|b| *b == b' ').map_or(rest.len(), |at| at + 1);
            found.push(rest[at..].to_vec());
            continue;
        }
        if let Some((at, key)) =
            KEYS.iter().find_map(|key| memchr::memmem::find(line, key.as_bytes()).map(|at| (at, key)))
        {
            let rest = line[at + key.len()..].trim_ascii_start();
            found.push(rest.split(|b| *b == b'"').find(|part| !part.is_empty()).unwrap_or_default().to_vec());
        }
    }
    found
}

/// Lines of PAM that let in whoever asks, or ask a program of one's own.
fn opens(text: &[u8]) -> bool {
    let auth =
        || text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_start).filter(|line| line.starts_with(b"auth"));
    let asks_others = auth().any(|line| contains(line, "pam_exec")) || contains(text, "expose_authtok");
    // Distributions end their stack with it, behind modules that ask.
    let permits = auth().any(|line| contains(line, "pam_permit")) && !contains(text, "pam_unix");
    asks_others || permits
}

/// Is it the name of a program that every system has, and that an attacker likes to be taken for?
pub(crate) fn is_usual(name: &[u8]) -> bool {
    matches!(
        name,
        b"ls"
            | b"ps"
            | b"top"
            | b"netstat"
            | b"ss"
            | b"lsof"
            | b"find"
            | b"cat"
            | b"sh"
            | b"bash"
            | b"dash"
            | b"su"
            | b"sudo"
            | b"login"
            | b"passwd"
            | b"ssh"
            | b"sshd"
            | b"id"
            | b"who"
            | b"w"
            | b"last"
            | b"crontab"
            | b"kill"
            | b"systemctl"
            | b"chattr"
            | b"mount"
            | b"ping"
            | b"pgrep"
            | b"pstree"
            | b"echo"
    )
}

/// Facts that make text strange where it is run by others later.
pub(crate) fn is_strange(fact: Fact) -> bool {
    matches!(
        fact,
        Fact::FetchAddress
            | Fact::FetchPaste
            | Fact::FetchTunnel
            | Fact::FetchRun
            | Fact::FetchToShell
            | Fact::ReverseShell
            | Fact::BindShell
            | Fact::SocketDevice
            | Fact::SocketTool
            | Fact::RunsDecoded
            | Fact::RunsTemporary
            | Fact::RunsHidden
            | Fact::SendsSecret
            | Fact::Sends
            | Fact::Miner
            | Fact::HistoryOff
            | Fact::SecretPrompt
            | Fact::AliasAdded
            | Fact::SetuidShell
            | Fact::KeyAdded
            | Fact::AccountAdded
    )
}
