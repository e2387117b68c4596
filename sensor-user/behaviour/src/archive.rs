//! Commands that pack and encrypt.

use std::rc::Rc;

use crate::{
    commands::Call,
    fact::Fact,
    place::{self, Place},
    run::{File, Run},
    value::{Taint, UNKNOWN, Value},
};

impl Run {
    pub(crate) fn pack(&mut self, call: &Call<'_>) -> Value {
        let mut taint = call.input.taint;
        let decompresses = call.flag(b'd')
            || call.is(&["gunzip"])
            || call.has(&["-x", "x"])
            || call.is(&["tar"])
                && call.arguments.first().is_some_and(|a| a.text.len() < 8 && a.text.contains(&b'x'));
        if decompresses {
            let mut out = Value {
                text: vec![UNKNOWN],
                taint: taint.and(if taint.has(Taint::DECODED) { Taint::DECODED } else { Taint::default() }),
            };
            for file in call.operands().map(|a| a.text.clone()).take(6).collect::<Vec<_>>() {
                let path = self.path(&file);
                if self.files.get(&path).is_some_and(|f| f.fetched) {
                    // Whatever it unpacks came from there.
                    out.taint = out.taint.and(Taint::REMOTE);
                    self.tally.fetchers.entry(b"\0unpacked".to_vec()).or_default().insert(path);
                }
            }
            return out;
        }
        if call.says(&[
            "--checkpoint-action=exec",
            "--to-command",
            "--use-compress-program=sh",
            "--use-compress-program=bash",
            "--use-compress-program=/bin/",
            "-I /bin/sh",
        ]) {
            self.fact(Fact::ShellEscape, &call.name);
        }
        self.fact(Fact::Packs, &call.name);
        let mut operands: Vec<Vec<u8>> = call.operands().map(|a| a.text.clone()).collect();
        // `tar czf`: options without a dash.
        if call.is(&["tar"])
            && operands.first().is_some_and(|o| o.len() < 8 && o.iter().all(|b| b"cvfzjJpPhs".contains(b)))
        {
            operands.remove(0);
        }
        let mut broad = false;
        for file in &operands {
            let path = self.path(file);
            broad |= place::is_broad(&path);
            if Place::of(&path).is_secret() || Place::of(&path) == Place::SshDirectory {
                let content = self.content(&path);
                taint = taint.and(content.taint).and(Taint::SECRET);
            }
        }
        taint = taint.and(Taint::ARCHIVE).and(if broad { Taint::EVERY_FILE } else { Taint::FILES });
        for argument in call.arguments {
            taint = taint.and(argument.taint);
        }
        if call.has(&["-P", "--password"])
            || call.arguments.iter().any(|a| a.text.starts_with(b"-p") && call.is(&["7z", "7za", "rar"]))
        {
            taint = taint.and(Taint::ENCRYPTED);
            if self.over_files > 0 || broad {
                self.fact(Fact::EncryptsMany, &call.name);
            }
            self.fact(Fact::Encrypts, &call.name);
        }
        let content = Value { text: vec![UNKNOWN], taint };
        // The archive is what follows -f, or the first operand.
        if let Some(archive) = operands.first() {
            let path = self.path(archive);
            self.remember(&path, File { content: Some(Rc::new(content.clone())), ..File::default() });
        }
        content
    }

    pub(crate) fn encrypt(&mut self, call: &Call<'_>) -> Value {
        // openssl's options are words: `-pbkdf2` is no `-d`.
        let decrypts = if call.is(&["openssl"]) {
            call.has(&["-d"])
        } else {
            call.flag(b'd') || call.has(&["--decrypt"])
        };
        let symmetric = call.is(&["openssl"])
            && (call.has(&["enc", "smime", "cms", "rsautl", "pkeyutl", "des3", "rc4", "chacha20"])
                || call.arguments.iter().any(|a| {
                    ["-cbc", "-ctr", "-cfb", "-ofb", "-ecb"]
                        .iter()
                        .any(|mode| a.text.ends_with(mode.as_bytes()))
                }))
            || call.is(&["gpg", "gpg2"])
                && (call.has(&["-c", "-e", "--symmetric", "--encrypt"])
                    || call.flag(b'c')
                    || call.flag(b'e'))
            || call.is(&["age", "ccrypt", "mcrypt"]);
        let mut taint = call.taint();
        for name in ["-in", "-i"] {
            if let Some(file) = call.option(&[name]) {
                let path = self.path(&file.text);
                taint = taint.and(self.content(&path).taint).and(file.taint);
            }
        }
        if call.has(&["--verify"]) {
            self.fact(Fact::FetchVerified, &call.name);
        }
        if call.is(&["openssl"]) && call.has(&["base64"])
            || call.is(&["openssl"])
                && call.has(&["enc"])
                && call.has(&["-base64", "-a"])
                && !call.says(&["aes", "des", "chacha"])
        {
            return if decrypts { Self::decoded(call.input, "base64") } else { call.input.clone() };
        }
        if !symmetric {
            return Value { text: vec![UNKNOWN], taint };
        }
        if decrypts {
            return Value { text: vec![UNKNOWN], taint: taint.and(Taint::DECODED) };
        }
        self.fact(Fact::Encrypts, &call.name);
        if taint.has(Taint::EVERY_FILE) || self.over_files > 0 && !call.is(&["gpg", "gpg2"]) {
            self.fact(Fact::EncryptsMany, &call.name);
        }
        let out = Value { text: vec![UNKNOWN], taint: taint.and(Taint::ENCRYPTED) };
        for name in ["-out", "-o", "--output"] {
            if let Some(file) = call.option(&[name]) {
                let path = self.path(&file.text);
                self.remember(&path, File { content: Some(Rc::new(out.clone())), ..File::default() });
            }
        }
        out
    }
}
