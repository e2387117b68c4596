//! What is fetched and sent over HTTP.

use std::rc::Rc;

use crate::{
    commands::{Call, base_name, contains},
    fact::Fact,
    host::{self, Host},
    place::{self, Place},
    run::{File, Run},
    value::{Taint, UNKNOWN, Value},
};

/// Letters of curl's options that take a value (curl(1)).
const WITH_VALUE: &[u8] = b"AbcCdDeEFHKmoPQrtTuUwxXyYz";

/// The arguments of curl with each short option by itself: `-sXPUT` is `-s -X PUT`.
fn one_by_one(arguments: &[Value]) -> Vec<Value> {
    let mut all = Vec::with_capacity(arguments.len());
    let mut is_value = false;
    for argument in arguments {
        let is_cluster = argument.text.len() > 2 && argument.text[0] == b'-' && argument.text[1] != b'-';
        if is_value || !is_cluster {
            is_value = !is_value
                && argument.text.len() == 2
                && argument.text[0] == b'-'
                && WITH_VALUE.contains(&argument.text[1]);
            all.push(argument.clone());
            continue;
        }
        for (at, letter) in argument.text.iter().enumerate().skip(1) {
            all.push(Value { text: vec![b'-', *letter], taint: Taint::default() });
            if WITH_VALUE.contains(letter) {
                let rest = &argument.text[at + 1..];
                is_value = rest.is_empty();
                if !is_value {
                    all.push(Value { text: rest.to_vec(), taint: argument.taint });
                }
                break;
            }
        }
    }
    all
}

/// Who answers with the address that one comes from.
const TELLS_ADDRESS: &[&str] = &[
    "api.ipify.org",
    "ifconfig.me",
    "ifconfig.co",
    "icanhazip.com",
    "ipinfo.io",
    "checkip.amazonaws.com",
    "ipecho.net",
    "ident.me",
    "ip-api.com",
];

/// Is it a header by which one logs in?
fn is_credential(header: &[u8]) -> bool {
    let name = header.split(|b| *b == b':').next().unwrap_or_default().to_ascii_lowercase();
    ["authorization", "token", "key", "cookie"].iter().any(|part| contains(&name, part))
}

impl Run {
    pub(crate) fn http(&mut self, call: &Call<'_>) -> Value {
        let mut urls: Vec<Vec<u8>> = Vec::new();
        let mut target: Option<Vec<u8>> = None;
        let mut own_name = false;
        let mut prefix: Option<Vec<u8>> = None;
        let mut body = Value::default();
        let (mut uploads, mut deletes) = (false, false);
        let is_wget = call.is(&["wget", "wget2"]);
        let own;
        let arguments = if call.is(&["curl"]) {
            own = one_by_one(call.arguments);
            &own[..]
        } else {
            call.arguments
        };
        let mut at = 0;
        let mut all = Taint::default();
        while let Some(argument) = arguments.get(at) {
            at += 1;
            let text = &argument.text[..];
            let next = arguments.get(at);
            all = all.and(argument.taint);
            let mut sends = |run: &mut Self, value: &Value| {
                uploads = true;
                if let Some(file) = value.text.iter().position(|b| *b == b'@').map(|i| &value.text[i + 1..])
                    && !file.is_empty()
                {
                    let file = file.split(|b| *b == b';').next().unwrap_or(file);
                    if file == b"-" {
                        body.append(call.input);
                    } else {
                        let path = run.path(file);
                        body.append(&run.content(&path));
                        run.fact(Fact::SendsFiles, &path);
                    }
                }
                body.append(value);
            };
            match text {
                b"-d" | b"--data" | b"--data-binary" | b"--data-raw" | b"--data-urlencode" | b"-F"
                | b"--form" | b"--json" | b"--post-data" | b"--body-data" => {
                    if let Some(value) = next {
                        sends(self, value);
                        at += 1;
                    }
                }
                b"-T" | b"--upload-file" | b"--post-file" | b"--body-file" if !(is_wget && text == b"-T") => {
                    if let Some(value) = next {
                        sends(self, &Value { text: [b"@", &value.text[..]].concat(), taint: value.taint });
                        at += 1;
                    }
                }
                _ if text.starts_with(b"--post-file=") || text.starts_with(b"--body-file=") => {
                    sends(self, &Value { text: [b"@", &text[12..]].concat(), taint: argument.taint });
                }
                _ if text.starts_with(b"--post-data=")
                    || text.starts_with(b"--data=")
                    || text.starts_with(b"-d") && text.len() > 2 && !is_wget && !text.starts_with(b"-d=")
                    || text.starts_with(b"-F") && text.len() > 2 && !is_wget =>
                {
                    sends(self, argument);
                }
                _ if !is_wget && text.starts_with(b"-o") && text.len() > 2 => {
                    target = Some(text[2..].to_vec());
                }
                b"-o" | b"--output" if !is_wget => {
                    target = next.map(|v| v.text.clone());
                    at += 1;
                }
                b"-O" | b"--output-document" if is_wget => {
                    target = next.map(|v| v.text.clone());
                    at += 1;
                }
                b"-P" | b"--directory-prefix" if is_wget => {
                    prefix = next.map(|v| [&v.text[..], b"/"].concat());
                    at += 1;
                }
                b"-O" | b"--remote-name" | b"-OL" | b"-LO" | b"-sO" | b"-LJO" | b"-fO" | b"-sSO"
                | b"-fsSLO" | b"-SLO" | b"-sLO" | b"-kO" => own_name = true,
                b"-H" | b"--header" | b"-A" | b"--user-agent" | b"-e" | b"--referer" | b"-b"
                | b"--cookie" => {
                    if let Some(value) = next {
                        if value.taint.has(Taint::SECRET) && !is_credential(&value.text) {
                            body.append(value);
                            uploads = true;
                        }
                        all = all.and(value.taint);
                        at += 1;
                    }
                }
                b"-X" | b"--request" | b"--method" => {
                    deletes |= next.is_some_and(|v| v.text == b"DELETE");
                    at += 1;
                }
                b"-C" | b"-D" | b"-E" | b"-K" | b"-P" | b"-Q" | b"-r" | b"-U" | b"-y" | b"-Y" | b"-z"
                    if !is_wget =>
                {
                    at += 1;
                }
                b"-u" | b"--user" | b"-m" | b"--max-time" | b"--connect-timeout" | b"--retry" | b"-w"
                | b"-x" | b"--proxy" | b"-T" | b"-t" | b"--tries" | b"--timeout" | b"--cacert" | b"-c"
                | b"--retry-delay" => at += 1,
                b"-k" | b"--insecure" | b"--no-check-certificate" => {
                    self.fact(Fact::FetchUnchecked, &call.name);
                }
                b"--unix-socket" => {
                    if let Some(value) = next {
                        let path = value.text.clone();
                        if Place::of(&path) == Place::RuntimeSocket {
                            self.fact(Fact::RuntimeSocket, &path);
                        }
                    }
                    at += 1;
                }
                b"--socks5-hostname" | b"--socks5" => {
                    self.fact(Fact::FetchOnion, b"socks");
                    at += 1;
                }
                _ if text.first() == Some(&b'-') && text.len() > 1 => {
                    if let Some(name) = text.strip_prefix(b"--output-document=") {
                        target = Some(name.to_vec());
                    } else if is_wget && !text.starts_with(b"--") && text.contains(&b'O') {
                        // -qO-, -qO FILE
                        let behind = text.rsplit(|b| *b == b'O').next().unwrap_or_default();
                        if behind.is_empty() {
                            target = next.map(|v| v.text.clone());
                            at += 1;
                        } else {
                            target = Some(behind.to_vec());
                        }
                    } else if !is_wget && !text.starts_with(b"--") && text.ends_with(b"o") {
                        target = next.map(|v| v.text.clone());
                        at += 1;
                    } else if !is_wget && !text.starts_with(b"--") && text.contains(&b'O') {
                        own_name = true;
                    }
                    if !text.starts_with(b"--") && text.contains(&b'k') {
                        self.fact(Fact::FetchUnchecked, &call.name);
                    }
                }
                _ => urls.push(text.to_vec()),
            }
        }
        let mut taint = Taint::default();
        let mut external = false;
        for url in &urls {
            if TELLS_ADDRESS.iter().any(|host| contains(url, host)) {
                self.looked("public address");
            }
            let (host, port, about) = host::of_url(url).unwrap_or((Host::Unknown, None, url.clone()));
            match host {
                Host::Metadata => {
                    if contains(url, "credential")
                        || contains(url, "token")
                        || contains(url, "user-data")
                        || contains(url, "attributes")
                        || contains(url, "iam")
                        || contains(url, "identity")
                        || contains(url, "kube-env")
                    {
                        self.secret(Fact::SecretMetadata, url);
                        taint = taint.and(Taint::SECRET);
                    } else {
                        taint = taint.and(Taint::HOST);
                    }
                }
                Host::Own => {}
                _ => {
                    external = true;
                    if contains(url, "ifconfig")
                        || contains(url, "ipinfo")
                        || contains(url, "icanhazip")
                        || contains(url, "ipify")
                        || contains(url, "ip-api")
                        || contains(url, "checkip")
                        || contains(url, "api.ip")
                    {
                        taint = taint.and(Taint::HOST);
                        self.tally.discoveries.insert("address");
                    } else {
                        taint = taint.and(Taint::REMOTE);
                        if host == Host::Address {
                            taint = taint.and(Taint::ADDRESS);
                        }
                        self.fact(Fact::Fetches, &about);
                        self.fetched_from(host, port, &about);
                    }
                }
            }
            if contains(url, "docker") && contains(url, "/containers/")
                || contains(url, ":2375")
                || contains(url, ":2376")
                || contains(url, "/containers/create")
                || contains(url, "/v1.2") && contains(url, "/exec")
            {
                self.fact(Fact::RuntimeSocket, url);
            }
            if contains(url, "/api/v1/")
                && (all.has(Taint::SECRET) || contains(url, "secrets") || contains(url, "kubernetes"))
                || contains(url, "10255")
                || contains(url, "2379/v")
            {
                self.fact(Fact::ClusterReach, url);
            }
            if [":10250/run/", ":10250/exec/", ":10250/attach/"].iter().any(|part| contains(url, part)) {
                self.fact(Fact::KubeletCommand, url);
            }
            if uploads && contains(url, "authorized_keys") {
                self.fact(Fact::KeyLiteral, url);
            }
            if external || host == Host::Own {
                let key = if host == Host::Address { base_name(url) } else { &url[..] };
                if !key.contains(&UNKNOWN)
                    && !key.is_empty()
                    && key.len() < 256
                    && self.tally.fetchers.len() < 256
                {
                    let names = self.tally.fetchers.entry(key.to_vec()).or_default();
                    names.insert(call.name.clone());
                    if names.len() >= 2 {
                        self.fact(Fact::FetchAlternatives, url);
                    }
                }
            }
            if all.has(Taint::SECRET) && !uploads && external && contains(url, "?") {
                uploads = true;
            }
            let of_url = call
                .arguments
                .iter()
                .filter(|a| a.text == *url)
                .fold(Taint::default(), |t, a| t.and(a.taint));
            let told = Taint::SECRET.and(Taint::NAMED_SECRET);
            if (uploads || contains(url, "?") || of_url.has(told)) && external {
                let mut whole = body.clone();
                whole.taint = whole.taint.and(of_url);
                if uploads || whole.taint.has(told.and(Taint::HOST)) {
                    self.sent(&whole, &about);
                    if matches!(host, Host::Hook | Host::Paste | Host::Tunnel) {
                        self.fact(Fact::SendsToDrop, &about);
                    }
                    if host == Host::Hook {
                        self.fact(Fact::Bot, &about);
                    }
                }
            }
            if contains(url, "getUpdates") {
                self.fact(Fact::Bot, &about);
                taint = taint.and(Taint::REMOTE);
            }
            if deletes && external {
                self.fact(Fact::DeletesData, &about);
            }
        }
        if self.endless > 0 && external {
            self.fact(Fact::PollsHost, urls.last().map_or(b"", |u| &u[..]));
        }
        if self.over_hosts > 0 && external && uploads {
            self.fact(Fact::ServiceAbused, b"");
        }
        let output = Value { text: vec![UNKNOWN], taint: taint.and(Taint::OUTPUT) };
        let name = match target {
            Some(name) if name == b"-" || name == b"/dev/stdout" => return output,
            Some(name) if name == b"/dev/null" => return Value::default(),
            Some(name) => Some(name),
            None if is_wget || own_name || call.is(&["aria2c", "axel", "lwp-download", "fetch"]) => {
                urls.last().map(|url| base_name(url.split(|b| *b == b'?').next().unwrap_or(url)).to_vec())
            }
            None => None,
        };
        let name = name.map(|name| [prefix.as_deref().unwrap_or_default(), &name].concat());
        match name {
            Some(name) if !name.is_empty() => {
                let path = self.path(&name);
                if taint.has(Taint::REMOTE) {
                    self.used(taint, &path);
                    self.fetched(&path);
                }
                if matches!(
                    Place::of(&path),
                    Place::Cron
                        | Place::AuthorizedKeys
                        | Place::Unit
                        | Place::Profile
                        | Place::Preload
                        | Place::Sudoers
                        | Place::Init
                        | Place::Hook
                        | Place::Pam
                        | Place::SystemProgram
                ) {
                    self.write(&path, &output, false);
                    self.fetched(&path);
                }
                Value::default()
            }
            _ => output,
        }
    }

    /// A host that something comes from.
    pub(crate) fn fetched_from(&mut self, host: Host, port: Option<u32>, about: &[u8]) {
        let fact = match host {
            Host::Address => Some(Fact::AsksAddress),
            Host::PrivateAddress => Some(Fact::FetchPrivateAddress),
            Host::Paste => Some(Fact::FetchPaste),
            Host::Raw => Some(Fact::FetchRaw),
            Host::Tunnel => Some(Fact::FetchTunnel),
            Host::Onion => Some(Fact::FetchOnion),
            Host::Vendor => Some(Fact::FetchVendor),
            Host::Hook => Some(Fact::Bot),
            _ => None,
        };
        if let Some(fact) = fact {
            self.fact(fact, about);
        }
        if port.is_some_and(host::is_unusual) && !matches!(host, Host::Own | Host::Vendor) {
            self.fact(Fact::FetchPort, about);
        }
    }

    /// What was fetched is kept or run.
    pub(crate) fn used(&mut self, taint: Taint, about: &[u8]) {
        if taint.has(Taint::ADDRESS) {
            self.fact(Fact::FetchAddress, about);
        }
    }

    /// A file came from another machine.
    pub(crate) fn fetched(&mut self, path: &[u8]) {
        if place::is_temporary(path) {
            self.fact(Fact::FetchToTemporary, path);
        }
        if place::is_hidden(path) {
            self.fact(Fact::FetchHidden, path);
        }
        let content = Rc::new(Value::unknown(Taint::REMOTE));
        let again_and_again = self.endless > 0;
        self.remember(
            path,
            File { fetched: true, again_and_again, content: Some(content), ..File::default() },
        );
    }
}
