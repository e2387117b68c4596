//! Commands on other hosts, copies to them, and the clouds' tools.

use crate::{
    commands::{Call, base_name, contains},
    fact::Fact,
    run::Run,
    value::{Taint, Value},
};

/// Long options of rclone and of the clouds' tools that take no value.
const TRANSFER_FLAGS: &[&str] = &[
    "--recursive",
    "--quiet",
    "--dryrun",
    "--dry-run",
    "--delete",
    "--follow-symlinks",
    "--only-show-errors",
    "--progress",
    "--verbose",
    "--debug",
    "--public",
    "--overwrite",
    "--ignore-existing",
    "--update",
    "--checksum",
    "--links",
    "--copy-links",
    "--fast-list",
    "--use-json-log",
];

impl Run {
    pub(crate) fn ssh(&mut self, call: &Call<'_>) -> Value {
        let line = call.line();
        if call.is(&["sshpass"]) {
            self.fact(Fact::RemotePassword, b"sshpass");
            if self.over_passwords > 0 {
                self.fact(Fact::BruteForce, b"sshpass");
            }
            let at = call
                .arguments
                .iter()
                .position(|a| matches!(base_name(&a.text), b"ssh" | b"scp" | b"rsync" | b"sftp"));
            if let Some(at) = at {
                return self.command(&call.arguments[at..], call.input, call.manner);
            }
        }
        if call.arguments.iter().any(|a| {
            a.text.starts_with(b"-R")
                || a.text.starts_with(b"-D")
                || a.text.starts_with(b"-fNR")
                || a.text.starts_with(b"-NR")
                || a.text.starts_with(b"-fNT")
                || a.text.starts_with(b"-fN")
        }) && call.is(&["ssh", "autossh"])
        {
            self.fact(Fact::Tunnel, &line);
        }
        let mut at = 0;
        let mut host = None;
        while let Some(argument) = call.arguments.get(at) {
            let text = &argument.text[..];
            if matches!(
                text,
                b"-i"
                    | b"-p"
                    | b"-o"
                    | b"-l"
                    | b"-F"
                    | b"-J"
                    | b"-L"
                    | b"-R"
                    | b"-D"
                    | b"-c"
                    | b"-b"
                    | b"-E"
                    | b"-w"
                    | b"-W"
                    | b"-S"
            ) {
                at += 2;
            } else if text.first() == Some(&b'-') {
                at += 1;
            } else {
                host = Some(argument.clone());
                at += 1;
                break;
            }
        }
        let many = self.over_hosts > 0
            || host.as_ref().is_some_and(|h| h.taint.has(Taint::HOSTS))
            || call.is(&["pdsh", "pssh"]);
        let mut text: Vec<u8> = Vec::new();
        for argument in call.arguments.get(at..).unwrap_or_default() {
            text.extend_from_slice(&argument.text);
            text.push(b' ');
        }
        if text.is_empty() && call.manner.fed {
            text.extend_from_slice(&call.input.text);
        }
        if !text.is_empty() {
            self.fact(Fact::RemoteCommand, host.as_ref().map_or(b"", |h| &h.text[..]));
            if many {
                self.fact(Fact::RemoteMany, b"");
                let facts = self.later(&text);
                if facts.contains(&Fact::Fetches)
                    || facts.contains(&Fact::RunsTemporary)
                    || contains(&text, "base64")
                {
                    self.fact(Fact::RemoteSpreads, b"");
                }
            } else {
                self.script(&text, &Value::default());
                if call.manner.fed {
                    self.sent(call.input, host.as_ref().map_or(b"", |h| &h.text[..]));
                }
            }
        }
        Value::unknown(Taint::OUTPUT)
    }

    pub(crate) fn copy_away(&mut self, call: &Call<'_>) -> Value {
        let operands: Vec<Value> = if call.is(&["rclone"]) {
            call.operands_of(TRANSFER_FLAGS).cloned().collect()
        } else {
            call.operands().cloned().collect()
        };
        let is_remote = |v: &Value| {
            let text = &v.text;
            let colon = text.iter().position(|b| *b == b':');
            let slash = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
            colon.is_some_and(|c| c < slash || text.get(c + 1..c + 3) == Some(b"//"))
        };
        let Some(last) = operands.last() else { return Value::default() };
        if is_remote(last) {
            let mut all = Value::default();
            for source in &operands[..operands.len() - 1] {
                let path = self.path(&source.text);
                let content = self.content(&path);
                all.taint = all.taint.and(content.taint).and(source.taint);
                if self.over_hosts > 0 || last.taint.has(Taint::HOSTS) {
                    if source.text.starts_with(b"$0") || self.files.get(&path).is_some_and(|f| f.fetched) {
                        self.fact(Fact::RemoteSpreads, &path);
                    }
                    self.fact(Fact::RemoteMany, b"");
                }
            }
            self.sent(&all, &last.text);
            self.fact(Fact::SendsFiles, &last.text);
        } else if operands.iter().any(is_remote) {
            self.fact(Fact::Fetches, &call.name);
            let path = self.path(&last.text);
            self.fetched(&path);
        } else {
            let copied: Vec<Value> = operands;
            self.copied(&copied, false);
        }
        Value::default()
    }

    pub(crate) fn cloud(&mut self, call: &Call<'_>) -> Value {
        self.fact(Fact::Orchestrates, &call.name);
        let line = call.line();
        let has = |part: &str| contains(&line, part);
        if has("s3 cp")
            || has("s3 sync")
            || has("s3 mv")
            || has("storage cp")
            || has("blob upload")
            || has("gist create")
        {
            let mut all = Value::default();
            for source in call.operands() {
                let path = self.path(&source.text);
                all.taint = all.taint.and(self.content(&path).taint).and(source.taint);
            }
            let to = call.operands_of(TRANSFER_FLAGS).last();
            if to.is_none_or(|to| contains(&to.text, "://")) {
                self.sent(&all, b"object storage");
            } else if let Some(to) = to.filter(|_| call.operands().any(|a| contains(&a.text, "://"))) {
                let path = self.path(&to.text.clone());
                self.fact(Fact::Fetches, b"object storage");
                self.fetched(&path);
            }
        }
        if has("secretsmanager get")
            || has("ssm get-parameter")
            || has("secrets versions access")
            || has("keyvault secret show")
            || has("sts get-session")
            || has("configure get")
            || has("print-access-token")
            || has("create-access-key")
            || has("get-caller-identity")
            || has("get-credentials")
        {
            self.secret(Fact::SecretCloud, &line);
            let from_store = has("secretsmanager get")
                || has("get-parameter")
                || has("versions access")
                || has("secret show");
            let listed = |argument: &Value| !argument.is_known() && argument.taint.has(Taint::OUTPUT);
            if from_store && self.loops > 0 && call.arguments.iter().any(listed) {
                self.fact(Fact::SecretStore, &line);
            }
            return Value::unknown(Taint::SECRET.and(Taint::OUTPUT));
        }
        if has("s3 rm") && has("--recursive")
            || has("s3 rb")
            || has("delete-bucket")
            || has("delete-db")
            || has("terminate-instances")
            || has("storage rm -r")
            || has("group delete")
        {
            self.fact(Fact::DeletesData, &line);
        }
        if has("delete-snapshot")
            || has("snapshots delete")
            || has("delete-backup")
            || has("delete-recovery-point")
        {
            self.fact(Fact::DeletesBackups, &line);
        }
        if has("stop-logging")
            || has("delete-trail")
            || has("delete-detector")
            || has("delete-flow-logs")
            || has("put-event-selectors")
            || has("sinks delete")
            || has("delete-alarms")
        {
            self.fact(Fact::LoggingStopped, &line);
        }
        if has("create-user")
            || has("attach-user-policy")
            || has("put-user-policy")
            || has("create-login-profile")
            || has("add-iam-policy-binding")
            || has("update-assume-role-policy")
            || has("attach-role-policy")
        {
            self.fact(Fact::AccountAdded, &line);
        }
        Value::unknown(Taint::OUTPUT)
    }
}
