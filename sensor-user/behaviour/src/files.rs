//! Commands that read, write and move files.

use crate::{
    commands::{Call, base_name, contains},
    fact::Fact,
    place::{self, Place},
    run::{File, Run},
    value::{Taint, UNKNOWN, Value},
};

impl Run {
    /// Words that ask for a password in another program's name.
    fn prompted(&mut self, text: &[u8]) {
        if contains(text, "[sudo] password") {
            self.fact(Fact::PromptForged, b"[sudo] password");
        }
    }

    /// The environment, in a form that no mask of a log fits.
    fn encoded(&mut self, value: &Value, how: &[u8]) {
        if value.taint.has(Taint::SECRET) && value.taint.has(Taint::HOST) {
            self.fact(Fact::SecretEncoded, how);
        }
    }

    pub(crate) fn file_tool(&mut self, call: &Call<'_>) -> Value {
        let input = call.input;
        let passes = || Value { text: vec![UNKNOWN], taint: call.taint() };
        match &call.name[..] {
            b"echo" | b"print" => {
                self.tally.prints += 1;
                let mut all = Value::default();
                let (mut escapes, mut newline) = (false, true);
                for argument in call.arguments.iter().skip_while(|a| {
                    let option = a.text.len() >= 2
                        && a.text[0] == b'-'
                        && a.text[1..].iter().all(|b| b"neE".contains(b));
                    escapes |= option && a.text.contains(&b'e');
                    newline &= !(option && a.text.contains(&b'n'));
                    option
                }) {
                    if !all.text.is_empty() {
                        all.text.push(b' ');
                    }
                    all.append(argument);
                }
                if escapes {
                    self.unescape(&mut all);
                }
                self.prompted(&all.text);
                if newline {
                    all.text.push(b'\n');
                }
                all
            }
            b"printf" => {
                self.tally.prints += 1;
                let into = call.option(&["-v"]).map(|name| name.text.clone());
                let at = match call.arguments.first().map(|a| &a.text[..]) {
                    Some(b"-v") => 2,
                    Some(b"--") => 1,
                    _ => 0,
                };
                let Some(format) = call.arguments.get(at) else { return Value::default() };
                let mut all = format.clone();
                self.unescape(&mut all);
                let mut rest = call.arguments[at + 1..].iter();
                let mut out = Value { text: Vec::new(), taint: all.taint };
                let mut i = 0;
                while i < all.text.len() {
                    if all.text[i] == b'%' {
                        let end = all.text[i + 1..]
                            .iter()
                            .position(u8::is_ascii_alphabetic)
                            .map_or(all.text.len() - 1, |n| i + 1 + n);
                        if let Some(argument) = rest.next() {
                            let mut argument = argument.clone();
                            if all.text.get(end) == Some(&b'b') {
                                self.unescape(&mut argument);
                            }
                            out.append(&argument);
                        }
                        i = end + 1;
                    } else {
                        out.text.push(all.text[i]);
                        i += 1;
                    }
                }
                for argument in rest {
                    out.text.push(b' ');
                    out.append(argument);
                }
                self.prompted(&out.text);
                if let Some(name) = into {
                    self.set(&name, out);
                    return Value::default();
                }
                out
            }
            b"cat" | b"head" | b"tail" | b"tac" | b"less" | b"more" | b"strings" | b"nl" | b"pv"
            | b"zcat" | b"bat" | b"xxd" | b"od" | b"hexdump" | b"readlink" | b"unzip" | b"sort" | b"uniq"
            | b"shuf" => {
                let files: Vec<Value> =
                    call.operands().filter(|a| !a.text.iter().all(u8::is_ascii_digit)).cloned().collect();
                let mut all = Value::default();
                for file in &files {
                    let path = self.path(&file.text);
                    let mut content = self.content(&path);
                    content.taint = content.taint.and(file.taint.without(Taint::OUTPUT));
                    all.append(&content);
                }
                if call.is(&["xxd"]) && (call.flag(b'r')) {
                    all.append(input);
                    return Self::decoded(&all, "hex");
                }
                if call.is(&["xxd", "od", "hexdump"]) {
                    self.encoded(input, &call.name);
                }
                if files.is_empty() {
                    return input.clone();
                }
                if !call.is(&["cat"]) && !all.is_known() {
                    all.text = vec![UNKNOWN];
                }
                all
            }
            b"tee" => {
                let append = call.flag(b'a') || call.has(&["--append"]);
                for file in call.operands().take(64).cloned().collect::<Vec<_>>() {
                    let path = self.path(&file.text);
                    self.write(&path, input, append);
                }
                input.clone()
            }
            b"base64" | b"base32" | b"basenc" | b"uudecode" | b"base58" => {
                let decodes = call.flag(b'd')
                    || call.flag(b'D')
                    || call.has(&["--decode", "-di"])
                    || call.is(&["uudecode"]);
                let mut all = input.clone();
                for file in call.operands().cloned().collect::<Vec<_>>() {
                    let path = self.path(&file.text);
                    let content = self.content(&path);
                    all.append(&content);
                }
                if decodes {
                    Self::decoded(&all, if call.is(&["base32"]) { "base32" } else { "base64" })
                } else {
                    self.encoded(&all, &call.name);
                    Value { text: vec![UNKNOWN], taint: all.taint }
                }
            }
            // What is chosen of it by name is a workload.
            b"kubectl" | b"oc" if call.has(&["get"]) && !call.says(&["secret"]) => {
                Value::unknown(Taint::OUTPUT.and(Taint::PROCESSES))
            }
            // It makes a log of what was made of one.
            b"utmpdump" => Value::unknown(if call.flag(b'r') { Taint::LOG_LINES } else { Taint::OUTPUT }),
            b"rev" => {
                self.encoded(input, b"rev");
                let text = input
                    .text
                    .split(|b| *b == b'\n')
                    .map(|l| l.iter().rev().copied().collect::<Vec<u8>>())
                    .collect::<Vec<_>>()
                    .join(&b'\n');
                Value { text, taint: input.taint.and(Taint::DECODED) }
            }
            b"tr" => {
                let mut out = input.clone();
                let sets: Vec<&Value> = call.operands().collect();
                if let [from, to, ..] = &sets[..] {
                    if contains(&from.text, "A-Z") && contains(&to.text, "N-Z")
                        || contains(&from.text, "a-zA-Z") && contains(&to.text, "n-za-m")
                    {
                        for b in &mut out.text {
                            *b = match *b {
                                b'a'..=b'z' => (*b - b'a' + 13) % 26 + b'a',
                                b'A'..=b'Z' => (*b - b'A' + 13) % 26 + b'A',
                                other => other,
                            };
                        }
                        out.taint = out.taint.and(Taint::DECODED);
                    } else if from.text.len() == to.text.len()
                        && from.text.len() > 1
                        && !from.text.contains(&b'-')
                    {
                        let mut table: [u8; 256] = std::array::from_fn(|b| b as u8);
                        for (from, to) in from.text.iter().zip(&to.text).rev() {
                            table[usize::from(*from)] = *to;
                        }
                        for b in &mut out.text {
                            *b = table[usize::from(*b)];
                        }
                        out.taint = out.taint.and(Taint::DECODED);
                    }
                } else if let ([set], true) = (&sets[..], call.flag(b'd')) {
                    let mut gone = [false; 256];
                    set.text.iter().for_each(|b| gone[usize::from(*b)] = true);
                    out.text.retain(|b| !gone[usize::from(*b)]);
                }
                out
            }
            b"sed" | b"perl" => {
                self.sed(call);
                if call.says(&["s/./", "s/\\(.\\)/"]) {
                    self.encoded(input, b"sed");
                }
                if input.text.len() > 1 && call.manner.fed {
                    Value { text: input.text.clone(), taint: input.taint }
                } else {
                    self.read_operands(call)
                }
            }
            b"grep" | b"egrep" | b"fgrep" | b"rg" | b"zgrep" | b"ag" | b"awk" | b"gawk" | b"cut"
            | b"column" | b"jq" | b"yq" | b"ack" => self.filter(call),
            b"gzip" | b"gunzip" | b"bzip2" | b"xz" | b"zstd" | b"lz4" | b"7z" | b"7za" | b"zip" | b"tar"
            | b"rar" | b"cpio" => self.pack(call),
            b"openssl" | b"gpg" | b"gpg2" | b"age" | b"ccrypt" | b"mcrypt" => self.encrypt(call),
            b"cp" | b"mv" | b"install" | b"ln" | b"rename" => {
                let mut operands: Vec<Value> = call.operands().cloned().collect();
                if let Some(mode) = call.option(&["-m", "-o", "-g", "-t"]) {
                    operands.retain(|operand| operand != mode);
                }
                if call.is(&["ln"]) && operands.len() >= 2 {
                    let to = self.target(&operands[0].text, &operands[1].text);
                    let from = self.path(&operands[0].text);
                    if let Some(file) = self.files.get(&from).cloned() {
                        self.remember(&to, file);
                    }
                    if matches!(
                        Place::of(&to),
                        Place::Cron | Place::Unit | Place::Init | Place::Profile | Place::Hook
                    ) {
                        let content = self.content(&from);
                        self.write(&to, &content, false);
                    }
                    if operands[0].text == b"/dev/null" {
                        self.emptied(&to);
                    }
                    if base_name(&operands[0].text) == b"sshd" && base_name(&to) == b"su" {
                        self.fact(Fact::PamChanged, &to);
                    }
                    return Value::default();
                }
                self.copied(&operands, call.is(&["mv"]));
                if let Some(mode) = call.option(&["-m"])
                    && matches!(&mode.text[..], [b'4' | b'6', _, _, _])
                    && let Some(last) = operands.last()
                {
                    let path = self.path(&last.text);
                    let is_shell = operands[..operands.len() - 1].iter().any(|from| {
                        from.text.contains(&b'/') && crate::commands::is_shell(base_name(&from.text))
                    });
                    self.fact(if is_shell { Fact::SetuidShell } else { Fact::SetuidSet }, &path);
                }
                Value::default()
            }
            b"rm" | b"unlink" | b"shred" | b"srm" | b"wipe" | b"truncate" | b"rmdir" => {
                self.remove(call);
                Value::default()
            }
            b"dd" => self.dd(call),
            b"mkfifo" | b"mknod" => {
                for path in call.operands().map(|a| a.text.clone()).collect::<Vec<_>>() {
                    let path = self.path(&path);
                    self.remember(
                        &path,
                        File { fifo: call.is(&["mkfifo"]) || call.has(&["p"]), ..File::default() },
                    );
                }
                if call.is(&["mknod"]) && call.has(&["b"]) {
                    self.fact(Fact::EscapeMount, b"mknod");
                }
                Value::default()
            }
            b"cd" | b"pushd" => {
                // The first of `cd a || cd b || …` is where it goes.
                if let Some(to) = call.operands().next()
                    && (!call.manner.otherwise || self.directory.is_empty())
                {
                    self.changes += 1;
                    self.directory = self.path(&to.text);
                    if self.directory.contains(&UNKNOWN) {
                        self.directory.clear();
                    }
                }
                Value::default()
            }
            b"find" | b"locate" | b"fd" => self.find(call),
            b"read" => {
                if call.flag(b's') {
                    self.fact(Fact::SecretPrompt, b"read -s");
                }
                for argument in call.arguments {
                    self.prompted(&argument.text);
                }
                let names: Vec<Vec<u8>> = call.operands().map(|a| a.text.clone()).collect();
                let taint = if call.manner.fed || input.taint != Taint::default() {
                    input.taint
                } else {
                    Taint::TYPED
                };
                for name in names.iter().take(8) {
                    let text = input.text.split(|b| *b == b'\n').next().unwrap_or_default().to_vec();
                    let text = if text.is_empty() { vec![UNKNOWN] } else { text };
                    self.set(name, Value { text, taint });
                }
                Value::default()
            }
            b"export" | b"declare" | b"typeset" | b"set"
                if call.arguments.is_empty()
                    || call.arguments.len() == 1 && call.has(&["-p", "-x", "-xp", "-px"]) =>
            {
                Value::unknown(Taint::HOST.and(Taint::SECRET))
            }
            b"export" | b"declare" | b"typeset" | b"local" | b"readonly" | b"set" | b"unset" => {
                for argument in call.arguments {
                    if let Some(at) = memchr::memchr(b'=', &argument.text) {
                        let name = argument.text[..at].to_vec();
                        let value = Value { text: argument.text[at + 1..].to_vec(), taint: argument.taint };
                        self.assigned(&name, &value);
                        self.set(&name, value);
                    }
                }
                self.shell_settings(call);
                Value::default()
            }
            b"alias" => {
                for argument in call.arguments {
                    let Some(at) = memchr::memchr(b'=', &argument.text) else { continue };
                    let (name, text) = (argument.text[..at].to_vec(), argument.text[at + 1..].to_vec());
                    self.set(&[b"alias ", &name[..]].concat(), Value::text(&text));
                    if matches!(
                        &name[..],
                        b"sudo" | b"su" | b"ssh" | b"passwd" | b"cat" | b"ps" | b"ls" | b"cd"
                    ) && !text.starts_with(&name)
                    {
                        let facts = self.later(&text);
                        if facts.iter().any(|f| crate::writing::is_strange(*f))
                            || matches!(&name[..], b"sudo" | b"su" | b"ssh" | b"passwd")
                        {
                            self.fact(Fact::AliasAdded, &name);
                        }
                    }
                }
                Value::default()
            }
            b"which" if call.arguments.len() == 1 && is_name(&call.arguments[0].text) => {
                Value::text(&[b"/usr/bin/", &call.arguments[0].text[..]].concat())
            }
            b"mktemp" => Value::text(place::MKTEMP),
            b"dirname" | b"basename" | b"realpath" => {
                let mut value = call.operands().next().cloned().unwrap_or_default();
                if call.is(&["basename"]) {
                    value.text = base_name(&value.text).to_vec();
                } else if call.is(&["dirname"]) {
                    let end = memchr::memrchr(b'/', &value.text).unwrap_or(0);
                    value.text.truncate(end);
                }
                value
            }
            b"pwd" => Value::text(if self.directory.is_empty() { b"." } else { &self.directory }),
            b"stat" | b"file" | b"wc" | b"test" | b"[" | b"[[" | b"true" | b"false" | b":" | b"sleep"
            | b"exit" | b"return" | b"shift" | b"break" | b"continue" => Value::default(),
            b"md5sum" | b"sha256sum" | b"sha1sum" | b"sha512sum" | b"cosign" => {
                if call.flag(b'c') || call.has(&["--check", "verify", "verify-blob"]) {
                    self.fact(Fact::FetchVerified, &call.name);
                }
                Value::unknown(Taint::OUTPUT)
            }
            _ => self.seen(call).unwrap_or_else(|| {
                // A tool that nobody knows passes on what it is given to read.
                let mut out = passes().with(Taint::OUTPUT);
                for operand in call.operands().take(8).cloned().collect::<Vec<_>>() {
                    let path = self.path(&operand.text);
                    if Place::of(&path).is_secret() {
                        out.taint = out.taint.and(self.content(&path).taint);
                    }
                }
                out
            }),
        }
    }
}

/// Is it the name of a command without a path?
fn is_name(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'))
}
