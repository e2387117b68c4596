//! Code of other languages that stands in a script: what it does is told by what it names.

use crate::{
    commands::{Call, contains},
    fact::Fact,
    run::Run,
    value::{Taint, Value},
};

impl Run {
    /// Looks at code; what it prints comes from there.
    pub(crate) fn code(&mut self, code: &Value, call: &Call<'_>) -> Taint {
        let text = code.text.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| contains(&text, part));
        let mut taint = code.taint;
        let socket = has(&[
            "socket",
            "fsockopen",
            "tcpsocket",
            "/inet/tcp",
            "net.connect",
            "createserver",
            "s_client",
        ]);
        for call_of in [
            "system(",
            "popen(",
            "check_output(",
            "subprocess.run(",
            "subprocess.call(",
            "execsync(",
            "shell_exec(",
        ] {
            for at in memchr::memmem::find_iter(&text, call_of.as_bytes()).take(4) {
                let rest = &code.text[at + call_of.len()..];
                let Some((quote @ (b'"' | b'\''), rest)) = rest.split_first() else { continue };
                let end = memchr::memchr(*quote, rest).unwrap_or(rest.len());
                let script = rest[..end].to_vec();
                self.script(&script, &Value::default());
            }
        }
        let runs = has(&[
            "/bin/sh",
            "/bin/bash",
            "subprocess",
            "os.system",
            "pty.spawn",
            "exec(",
            "popen",
            "child_process",
            "system(",
            "execve",
            "spawn(",
        ]);
        if has(&["/inet/tcp"]) && has(&["getline", "while"]) {
            self.fact(Fact::ReverseShell, &call.name);
        } else if socket
            && has(&[
                "/bin/sh",
                "/bin/bash",
                "pty.spawn",
                "\"sh\"",
                "'sh'",
                "sh -i",
                "dup2",
                "cmd.exe",
                "exec(",
                "child_process",
                "popen",
                "check_output",
                "processbuilder",
                "bash <&3",
            ])
        {
            if has(&["bind(", "listen(", "createserver"]) && !has(&["connect("]) {
                self.fact(Fact::BindShell, &call.name);
            } else {
                self.fact(Fact::ReverseShell, &call.name);
            }
        } else if socket {
            self.fact(Fact::SocketTool, &call.name);
        }
        let fetches = has(&[
            "urlopen",
            "urlretrieve",
            "requests.get",
            "urllib",
            "file_get_contents(",
            "lwp::",
            "net/http",
            "http.get",
            "https.get",
            "open-uri",
        ]);
        if fetches {
            self.fact(Fact::Fetches, &call.name);
            taint = taint.and(Taint::REMOTE);
            if runs || has(&["eval("]) {
                self.fact(Fact::FetchToShell, &call.name);
            }
        }
        if has(&[
            "b64decode",
            "base64_decode",
            "decode('base64",
            "fromhex",
            "unhexlify",
            "codecs.decode",
            "zlib.decompress",
            "pack(\"h*\"",
            "decode_base64",
            "frombase64",
        ]) {
            taint = taint.and(Taint::DECODED);
            if has(&["exec(", "eval(", "system("]) {
                self.fact(Fact::RunsDecoded, &call.name);
            }
        }
        if has(&["setuid(0", "setuid(geteuid", "setresuid(0", "setreuid(0", "cap_setuid"]) {
            self.fact(Fact::SetuidShell, &call.name);
        } else if has(&[
            "pty.spawn",
            "os.system(\"/bin/",
            "os.system('/bin/",
            "exec \"/bin/",
            "exec '/bin/",
            "os.execl(\"/bin/",
            "os.execute(\"/bin/",
            "os.execl('/bin/",
            "os.execute('/bin/",
        ]) && !socket
        {
            self.fact(Fact::ShellEscape, &call.name);
        }
        if has(&["memfd_create", "syscall(319", "syscall(279"]) {
            self.fact(Fact::RunsMemory, &call.name);
        }
        if has(&["requests.post", "http.post", "urlopen(", "sendmail", "smtplib"])
            && has(&["environ", "passwd", "shadow", "id_rsa", ".aws", "token", "getenv"])
        {
            self.fact(Fact::SendsSecret, &call.name);
        }
        if has(&["/proc/"]) && has(&["/mem'", "/mem\"", "/environ'", "/environ\""]) && !has(&["/proc/self/"])
        {
            self.secret(Fact::SecretEnvironment, &call.name);
            taint = taint.and(Taint::SECRET);
            if fetches || socket {
                self.fact(Fact::SendsSecret, &call.name);
            }
        }
        if has(&["/etc/shadow", "id_rsa", ".aws/credentials"]) {
            self.fact(Fact::SecretFile, &call.name);
            taint = taint.and(Taint::SECRET);
        }
        if has(&["fernet", "aes.new", "cryptography"]) && has(&["os.walk", "glob"]) {
            self.fact(Fact::EncryptsMany, &call.name);
        }
        taint
    }
}
