//! Users, their rights, and what a shell is told about itself.

use crate::{
    commands::{Call, contains},
    fact::Fact,
    place::{self, Place},
    run::Run,
    value::{UNKNOWN, Value},
};

impl Run {
    pub(crate) fn account(&mut self, call: &Call<'_>) {
        let line = call.line();
        match &call.name[..] {
            b"useradd" | b"adduser" => {
                self.fact(Fact::AccountAdded, &line);
                if call.option(&["-u", "--uid"]).is_some_and(|u| u.text == b"0")
                    || call.says(&["-ou", "-o -u"])
                    || call.option(&["-ou"]).is_some_and(|u| u.text == b"0")
                {
                    self.fact(Fact::AccountRoot, &line);
                }
                if call.option(&["-G", "-g", "--groups", "-aG"]).is_some_and(|g| {
                    contains(&g.text, "sudo")
                        || contains(&g.text, "wheel")
                        || contains(&g.text, "root")
                        || contains(&g.text, "docker")
                }) {
                    self.fact(Fact::SudoersChanged, &line);
                }
                if call.option(&["-p", "--password"]).is_some_and(super::value::Value::is_known) {
                    self.fact(Fact::PasswordLiteral, b"");
                }
            }
            b"usermod" | b"gpasswd" | b"groupmod" => {
                if call.says(&["sudo", "wheel", "root", "docker", "admin"]) {
                    self.fact(Fact::SudoersChanged, &line);
                }
                if call.has(&["-L", "--lock"]) {
                    self.fact(Fact::LocksOut, &line);
                }
                if call.option(&["-u"]).is_some_and(|u| u.text == b"0") {
                    self.fact(Fact::AccountRoot, &line);
                }
            }
            b"chpasswd" | b"passwd" => {
                if call.has(&["-l", "--lock", "-d"]) {
                    self.fact(if call.has(&["-d"]) { Fact::PasswordSet } else { Fact::LocksOut }, &line);
                    return;
                }
                self.fact(Fact::PasswordSet, &line);
                if call.manner.fed && call.input.is_known() && call.input.text.len() > 2 {
                    self.fact(Fact::PasswordLiteral, b"");
                }
            }
            b"userdel" | b"deluser" if self.loops > 0 => {
                self.fact(Fact::LocksOut, &line);
            }
            b"chmod" => self.mode(call),
            b"setcap"
                if (contains(&line, "setuid")
                    || contains(&line, "=ep")
                    || contains(&line, "cap_sys_admin")) =>
            {
                let interpreter =
                    call.says(&["python", "perl", "bash", "ruby", "php", "node", "vim", "tar", "gdb"]);
                self.fact(if interpreter { Fact::SetuidShell } else { Fact::SetuidSet }, &line);
            }
            b"crontab" => self.crontab(call),
            b"at" | b"batch" if call.option(&["-f"]).is_some() => {
                let file = call.option(&["-f"]).map(|file| self.path(&file.text)).unwrap_or_default();
                let value = self.content(&file);
                self.write(b"/etc/cron.d/at", &value, true);
            }
            b"at" | b"batch" if call.manner.fed => {
                let value = call.input.clone();
                self.write(b"/etc/cron.d/at", &value, true);
            }
            b"systemctl" | b"service" | b"rc-update" | b"chkconfig" | b"update-rc.d" | b"initctl"
            | b"rc-service" => self.service(call),
            b"ssh-copy-id" => self.fact(Fact::RemoteSpreads, &line),
            b"vim" | b"vi" | b"ed" | b"ftp" | b"gdb" | b"awk" | b"man" | b"less" | b"nmap" | b"mysql"
            | b"tar" | b"zip" | b"env" | b"git" | b"pkexec" | b"docker-runc" | b"ionice" | b"expect"
                if (call.says(&[
                    ":!/bin",
                    ":!sh",
                    ":!bash",
                    "!/bin/sh",
                    "!sh",
                    "exec=/bin",
                    "/bin/sh -p",
                    "sh -c 'sh",
                    "-ex !",
                    "system(\"/bin",
                ]) || call.is(&["pkexec"]) && call.says(&["/bin/sh", "/bin/bash"])) =>
            {
                self.fact(Fact::ShellEscape, &line);
            }
            b"sudoedit" => self.fact(Fact::ShellEscape, &line),
            b"gcc" | b"cc" | b"clang" | b"tcc" | b"g++" | b"musl-gcc" => self.compile(call),
            _ => {}
        }
    }

    fn mode(&mut self, call: &Call<'_>) {
        if call.has(&["-x", "-rx", "-rwx", "-wx"]) {
            for file in call.operands().take(64).cloned().collect::<Vec<_>>() {
                let path = self.path(&file.text);
                if crate::removal::is_tool(&path) {
                    self.fact(Fact::ToolsRemoved, &path);
                }
            }
        }
        let mut operands = call.operands().take(64).cloned();
        let Some(mode) = operands.next() else { return };
        let setuid = contains(&mode.text, "u+s")
            || mode.text.starts_with(b"+s")
            || contains(&mode.text, "+xs")
            || mode.text.len() == 4 && matches!(mode.text[0], b'4' | b'6')
            || mode.text.starts_with(b"a+s");
        let executable = contains(&mode.text, "x")
            || mode.text.iter().any(|d| matches!(d, b'1' | b'3' | b'5' | b'7'))
                && mode.text.iter().all(u8::is_ascii_digit);
        let symbolic = mode.text.starts_with(b"-");
        for file in operands.chain(symbolic.then(|| mode.clone())).collect::<Vec<_>>() {
            let path = self.path(&file.text);
            let known = self.files.get_mut(&path);
            if executable && let Some(known) = known {
                known.executable = true;
                let fetched = known.fetched;
                if fetched {
                    self.fact(Fact::FetchExecutable, &path);
                }
            }
            if setuid {
                let shell = self
                    .files
                    .get(&path)
                    .is_some_and(|f| f.content.as_ref().is_some_and(|c| c.text == b"shell"))
                    || crate::commands::is_shell(crate::commands::base_name(&path))
                    || contains(&path, "python")
                    || contains(&path, "perl");
                self.fact(
                    if shell || place::is_temporary(&path) || self.over_files > 0 {
                        Fact::SetuidShell
                    } else {
                        Fact::SetuidSet
                    },
                    &path,
                );
            }
            if matches!(Place::of(&path), Place::Accounts | Place::Shadow | Place::Sudoers)
                && contains(&mode.text, "7")
            {
                self.fact(Fact::SudoersChanged, &path);
            }
            if Place::of(&path) == Place::SystemProgram
                && (mode.text == b"000" || mode.text == b"-x" || mode.text == b"0" || mode.text == b"a-x")
            {
                self.fact(Fact::ToolsRemoved, &path);
            }
        }
    }

    fn crontab(&mut self, call: &Call<'_>) {
        if call.flag(b'r') {
            self.fact(Fact::CronRemoved, b"crontab -r");
        } else if call.flag(b'l') {
            self.looked("cron");
        } else if call.manner.fed || call.has(&["-"]) {
            let value = call.input.clone();
            self.write(b"/var/spool/cron/crontabs/user", &value, false);
        } else if let Some(file) = call.operands().last() {
            let path = self.path(&file.text);
            let value = self.content(&path);
            self.write(b"/var/spool/cron/crontabs/user", &value, false);
        }
    }

    fn service(&mut self, call: &Call<'_>) {
        let stops = call.has(&["stop", "disable", "mask", "off", "kill", "remove"]);
        let names: Vec<Vec<u8>> = call.operands().map(|a| a.text.to_ascii_lowercase()).collect();
        // One after the other, whatever they are called.
        if stops && self.loops > 0 && call.operands().any(|name| name.text.first() == Some(&UNKNOWN)) {
            self.fact(Fact::StopsMany, b"every service");
        }
        for name in &names {
            if stops && !matches!(&name[..], b"stop" | b"disable" | b"mask" | b"off" | b"kill" | b"remove") {
                self.stopped(name);
            }
        }
        if call.has(&["enable", "start", "defaults"]) && self.has(Fact::UnitAdded) && self.has(Fact::FetchRun)
        {
            self.fact(Fact::UnitStrange, b"");
        }
    }

    fn compile(&mut self, call: &Call<'_>) {
        let mut exploit = false;
        for file in call.operands().map(|a| a.text.clone()).collect::<Vec<_>>() {
            let path = self.path(&file);
            exploit |= self
                .files
                .get(&path)
                .and_then(|f| f.content.clone())
                .is_some_and(|c| c.taint.has(crate::value::Taint::SOURCE));
        }
        exploit |=
            call.input.taint.has(crate::value::Taint::SOURCE) || contains(&call.input.text, "setuid(0)");
        if exploit {
            self.fact(Fact::ExploitBuilt, &call.name);
        }
        if call.has(&["-shared"]) && exploit {
            self.fact(Fact::LibraryForged, &call.name);
        }
    }

    /// A variable that means something to the shell or the loader was given a value.
    pub(crate) fn assigned(&mut self, name: &[u8], value: &Value) {
        match name {
            b"HISTFILE" if value.text.is_empty() || value.text == b"/dev/null" => {
                self.fact(Fact::HistoryOff, b"HISTFILE");
            }
            b"HISTSIZE" | b"HISTFILESIZE" | b"SAVEHIST" if value.text == b"0" => {
                self.fact(Fact::HistoryOff, name);
            }
            b"HISTCONTROL" if contains(&value.text, "ignorespace") || contains(&value.text, "ignoreboth") => {
            }
            b"LD_PRELOAD" if place::is_temporary(&value.text) || place::is_hidden(&value.text) => {
                self.fact(Fact::LibraryForged, &value.text);
            }
            b"PATH"
                if place::is_temporary(&value.text)
                    || value.text.starts_with(b".:")
                    || value.text == b"." =>
            {
                self.fact(Fact::CommandForged, &value.text);
            }
            b"PROMPT_COMMAND" => {
                let text = value.text.clone();
                let facts = self.later(&text);
                if facts.iter().any(|f| crate::writing::is_strange(*f)) {
                    self.fact(Fact::ProfileStrange, b"PROMPT_COMMAND");
                }
            }
            _ => {}
        }
    }

    pub(crate) fn shell_settings(&mut self, call: &Call<'_>) {
        let line = call.line();
        if call.is(&["unset"]) && (contains(&line, "HISTFILE") || contains(&line, "HISTORY"))
            || call.is(&["set"]) && (contains(&line, "+o history"))
        {
            self.fact(Fact::HistoryOff, &line);
        }
        if call.is(&["set"]) && (call.flag(b'e') || contains(&line, "errexit")) {
            self.fact(Fact::StopsOnError, b"");
        }
    }
}
