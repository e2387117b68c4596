//! Commands that run another one.

use crate::{
    commands::{Call, contains},
    fact::Fact,
    place::Place,
    run::Run,
    value::{Taint, UNKNOWN, Value},
};

impl Run {
    /// A command that runs another one.
    pub(crate) fn wrapper(&mut self, call: &Call<'_>) -> Option<Value> {
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
            b"split" | b"tar" | b"gtar" => {
                let starts = |a: &Value, option: &[u8]| a.text.strip_prefix(option).map(<[u8]>::to_vec);
                let text = arguments
                    .iter()
                    .find_map(|a| starts(a, b"--filter=").or_else(|| starts(a, b"--to-command=")))?;
                self.script(&text, call.input);
                return None;
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
            name if name == b"ld.so"
                || name.starts_with(b"ld-linux") && name.contains(&b'.')
                || name.starts_with(b"ld-musl-") =>
            {
                skip(&["--argv0", "--preload", "--library-path"], 0)
            }
            _ => return None,
        };
        let inner = &arguments[at..];
        if inner.is_empty() && call.is(&["env"]) {
            // It prints the environment.
            return None;
        }
        Some(if inner.is_empty() { call.input.clone() } else { self.command(inner, call.input, call.manner) })
    }
}
