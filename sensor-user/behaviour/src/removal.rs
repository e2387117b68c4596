//! Commands that delete and overwrite, and the search for what to delete.

use crate::{
    commands::{Call, base_name, contains, is_shell},
    fact::Fact,
    place::{self, Place},
    run::Run,
    value::{Taint, UNKNOWN, Value},
};

impl Run {
    pub(crate) fn remove(&mut self, call: &Call<'_>) {
        let recursive = call.flag(b'r') || call.flag(b'R') || call.has(&["--recursive"]);
        let overwrites = call.is(&["shred", "srm", "wipe"]);
        let operands: Vec<Value> = call.operands().take(64).cloned().collect();
        if operands.iter().any(|o| o.taint.has(Taint::EVERY_FILE))
            || self.over_files > 0
                && operands.iter().any(|o| o.taint.has(Taint::FILES.and(Taint::EVERY_FILE)))
        {
            if overwrites {
                self.fact(Fact::WipesFiles, &call.name);
            }
            if self.has(Fact::EncryptsMany) {
                self.fact(Fact::EncryptsDeletes, &call.name);
            }
        }
        if self.loops > 0 && self.has(Fact::EncryptsMany) && operands.iter().any(|o| !o.is_known()) {
            self.fact(Fact::EncryptsDeletes, &call.name);
        }
        if call.has(&["--no-preserve-root"]) {
            self.fact(Fact::DeletesBroadly, b"--no-preserve-root");
        }
        for operand in &operands {
            let path = self.path(&operand.text);
            if path == b"$0" || path.ends_with(b"/$0") {
                self.fact(Fact::DeletesItself, b"");
            }
            if recursive && place::is_broad(&path) && call.is(&["rm"]) || path == b"/*" {
                self.fact(Fact::DeletesBroadly, &path);
            }
            match Place::of(&path) {
                Place::Disk => self.fact(Fact::WipesDevice, &path),
                Place::Log | Place::History => self.emptied(&path),
                Place::SshDirectory | Place::AuthorizedKeys
                    if (recursive || call.is(&["rm"])) && Place::of(&path) == Place::SshDirectory =>
                {
                    self.tally.keys_removed = true;
                    self.fact(Fact::KeyReplaced, &path);
                }
                Place::Cron => self.fact(Fact::CronRemoved, &path),
                Place::Accounts | Place::Shadow | Place::Sudoers if path.starts_with(b"/etc/") => {
                    self.fact(Fact::LocksOut, &path);
                }
                Place::SystemProgram if is_tool(&path) => self.fact(Fact::ToolsRemoved, &path),
                _ => {}
            }
            if contains(&path, "backup") && recursive || contains(&path, ".snapshot") {
                self.fact(Fact::DeletesBackups, &path);
            }
            if overwrites && !place::is_temporary(&path) && recursive {
                self.fact(Fact::WipesFiles, &path);
            }
            if let Some(file) = self.files.get(&path)
                && (file.fetched || file.written)
                && file.ran
            {
                if file.fetched {
                    self.fact(Fact::FetchRunDelete, &path);
                }
                if overwrites {
                    self.fact(Fact::FetchRunDelete, &path);
                }
            }
        }
    }

    pub(crate) fn dd(&mut self, call: &Call<'_>) -> Value {
        let part = |name: &str| {
            call.arguments.iter().find_map(|a| a.text.strip_prefix(name.as_bytes()).map(<[u8]>::to_vec))
        };
        let from = part("if=").map(|p| self.path(&p));
        let content = match &from {
            Some(path) => self.content(path),
            None => call.input.clone(),
        };
        if let Some(to) = part("of=") {
            let to = self.path(&to);
            if Place::of(&to) == Place::Disk {
                self.fact(Fact::WipesDevice, &to);
            } else if content.taint.has(Taint::NOISE) && self.over_files > 0 {
                self.fact(Fact::WipesFiles, &to);
            } else if content.taint.has(Taint::NOISE) && self.endless > 0 && !to.starts_with(b"/dev/") {
                self.fact(Fact::FillsDisk, &to);
            } else {
                self.write(&to, &content, false);
            }
            return Value::default();
        }
        content
    }

    pub(crate) fn find(&mut self, call: &Call<'_>) -> Value {
        self.fact(Fact::Searches, b"find");
        let line = call.line();
        let root = call.operands().next().map(|a| self.path(&a.text)).unwrap_or_default();
        let broad = place::is_broad(&root) || call.is(&["locate"]);
        let mut taint = if broad { Taint::EVERY_FILE.and(Taint::FILES) } else { Taint::FILES };
        if contains(&line, "-4000")
            || contains(&line, "-u=s")
            || contains(&line, "/4000")
            || contains(&line, "-2000")
            || contains(&line, "6000")
        {
            self.fact(Fact::SetuidSearch, b"find");
            taint = taint.and(Taint::HOST);
        }
        let names = [
            "id_rsa",
            "id_dsa",
            "id_ed25519",
            "*.pem",
            "*.key",
            ".env",
            "credentials",
            "*.kdbx",
            "wallet",
            "*pass*",
            "password",
            ".aws",
            "shadow",
            ".pgpass",
            "wp-config",
            "*.ovpn",
            ".netrc",
            "id_*",
            "authorized_keys",
            "kubeconfig",
            "*secret*",
            "_history",
        ];
        if names.iter().any(|name| contains(&line, name)) {
            self.secret(Fact::SecretSearch, &line);
            taint = taint.and(Taint::SECRET);
        }
        if call.has(&["-delete"]) {
            if broad && !contains(&line, "-mtime") && !contains(&line, "-name")
                || root == b"/" && !contains(&line, "-mtime") && !contains(&line, "__pycache__")
            {
                self.fact(Fact::DeletesBroadly, &root);
            }
            if Place::of(&root) == Place::Log {
                self.emptied(&root);
            }
        }
        let exec = call.arguments.iter().position(|a| matches!(&a.text[..], b"-exec" | b"-execdir" | b"-ok"));
        if let Some(at) = exec {
            let end = call.arguments[at + 1..]
                .iter()
                .position(|a| a.text == b";" || a.text == b"+")
                .map_or(call.arguments.len(), |n| at + 1 + n);
            self.spend(call.arguments.iter().map(|argument| 64 + argument.text.len()).sum());
            let mut inner: Vec<Value> = call.arguments[at + 1..end].to_vec();
            for argument in &mut inner {
                if contains(&argument.text, "{}") {
                    argument.taint = argument.taint.and(taint);
                }
            }
            if inner.first().is_some_and(|a| is_shell(base_name(&a.text)))
                && (inner.len() == 1 || inner.get(1).is_some_and(|a| a.text == b"-p" || a.text == b"-i"))
            {
                self.fact(Fact::ShellEscape, b"find");
            }
            if Place::of(&root) == Place::Log
                && inner.first().is_some_and(|a| {
                    matches!(
                        base_name(&a.text),
                        b"rm" | b"truncate" | b"shred" | b"sh" | b"bash" | b"cp" | b"dd"
                    )
                })
            {
                self.emptied(&root);
            }
            let secret = taint.has(Taint::SECRET);
            if inner.first().is_some_and(|a| a.text == b"rm")
                && broad
                && !contains(&line, "-name")
                && !contains(&line, "-mtime")
            {
                self.fact(Fact::DeletesBroadly, &root);
            }
            self.over_files += 1;
            let input = Value::unknown(taint);
            let output = self.command(&inner, &input, call.manner);
            self.over_files -= 1;
            return Value {
                text: vec![UNKNOWN],
                taint: output.taint.and(if secret { Taint::SECRET } else { taint }),
            };
        }
        Value::unknown(taint)
    }
}

/// Is it a program that people need to see and undo what happens, or to go on at all? (Others, such as /bin/sh, are put elsewhere by those who
/// build images.)
pub(crate) fn is_tool(path: &[u8]) -> bool {
    Place::of(path) == Place::SystemProgram
        && matches!(
            base_name(path),
            b"wget"
                | b"curl"
                | b"ps"
                | b"top"
                | b"netstat"
                | b"chattr"
                | b"passwd"
                | b"ping"
                | b"kill"
                | b"rm"
                | b"chmod"
                | b"bash"
                | b"sudo"
                | b"su"
                | b"login"
                | b"ls"
                | b"cat"
                | b"cp"
                | b"mv"
                | b"systemctl"
                | b"kubectl"
        )
}
