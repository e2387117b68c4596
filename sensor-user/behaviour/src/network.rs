//! Commands that talk to other machines.

use crate::{
    commands::{Call, base_name, contains, is_shell},
    fact::Fact,
    host::{self, Host},
    run::Run,
    value::{Taint, Value},
};

impl Run {
    pub(crate) fn network(&mut self, call: &Call<'_>) -> Option<Value> {
        match &call.name[..] {
            b"curl" | b"wget" | b"fetch" | b"lwp-download" | b"aria2c" | b"axel" | b"lynx" | b"http"
            | b"https" | b"wget2" | b"get" | b"links" | b"elinks" | b"w3m" => Some(self.http(call)),
            b"tftp" | b"ftpget" | b"ncftpget" | b"ftp" | b"ftpput" | b"lftp" | b"smbclient" | b"sftp" => {
                Some(self.ftp(call))
            }
            b"scp" | b"rsync" | b"rclone" | b"gsutil" | b"s3cmd" | b"mc" | b"azcopy" => {
                Some(self.copy_away(call))
            }
            b"aws" | b"gcloud" | b"az" | b"doctl" | b"aliyun" | b"gh" => Some(self.cloud(call)),
            b"nc" | b"ncat" | b"netcat" | b"socat" | b"telnet" | b"nc.traditional" | b"nc.openbsd"
            | b"cryptcat" | b"sbd" | b"pwncat" => Some(self.socket(call)),
            b"openssl" if call.has(&["s_client"]) => {
                self.fact(Fact::SocketTool, b"openssl s_client");
                if call.input.taint.has(Taint::SHELL)
                    || call.manner.to_fifo
                    || call.input.taint.has(Taint::FIFO)
                {
                    self.fact(Fact::ReverseShell, b"openssl");
                }
                self.sent(call.input, b"");
                Some(Value::unknown(Taint::REMOTE))
            }
            b"ssh" | b"sshpass" | b"plink" | b"dbclient" | b"pdsh" | b"pssh" | b"ansible" | b"rsh"
            | b"autossh" => Some(self.ssh(call)),
            b"dig" | b"nslookup" | b"host" | b"drill" | b"getent" => {
                let sent = Taint::SECRET.and(Taint::OUTPUT).and(Taint::ARCHIVE).and(Taint::FILES);
                let secret = call.arguments.iter().any(|a| a.taint.has(sent) && contains(&a.text, "."));
                // Names that are put together and handed to it one after the other.
                let has_no_name = call.operands().next().is_none_or(|operand| operand.text == b"-");
                let fed = call.manner.fed
                    && has_no_name
                    && !call.input.is_known()
                    && contains(&call.input.text, ".");
                if (secret || fed && self.loops > 0) && !call.is(&["getent"]) {
                    self.fact(Fact::SendsDns, &call.name);
                }
                Some(Value::unknown(Taint::OUTPUT.and(if call.has(&["TXT", "txt", "-t=TXT", "-type=txt"]) {
                    Taint::REMOTE
                } else {
                    Taint::default()
                })))
            }
            b"ping" | b"ping6" => {
                if call.flag(b'f') || call.has(&["-p"]) {
                    self.fact(if call.has(&["-p"]) { Fact::SendsDns } else { Fact::Floods }, b"ping");
                }
                if call.arguments.iter().any(|a| a.taint.has(Taint::SECRET)) {
                    self.fact(Fact::SendsSecret, b"ping");
                }
                Some(Value::unknown(Taint::OUTPUT))
            }
            b"hping3" | b"hping" | b"slowloris" | b"mdk3" | b"mdk4" | b"ab" | b"siege" | b"wrk" | b"t50" => {
                self.fact(Fact::Floods, &call.name);
                Some(Value::default())
            }
            b"nmap" | b"masscan" | b"zmap" | b"pnscan" | b"rustscan" | b"zgrab" | b"fping" | b"arp-scan"
            | b"netdiscover" | b"nbtscan" => {
                self.fact(Fact::Scans, &call.name);
                Some(Value::unknown(Taint::HOSTS.and(Taint::OUTPUT)))
            }
            b"hydra" | b"medusa" | b"ncrack" | b"patator" | b"crowbar" | b"john" | b"hashcat"
            | b"sucrack" => {
                self.fact(Fact::BruteForce, &call.name);
                Some(Value::default())
            }
            b"ngrok" | b"chisel" | b"frpc" | b"frps" | b"cloudflared" | b"bore" | b"gost" | b"ligolo"
            | b"gs-netcat" | b"tor" | b"proxychains" | b"proxychains4" | b"revsocks" | b"iodine"
            | b"dnscat" | b"sshuttle" | b"plink.exe" => {
                self.fact(Fact::Tunnel, &call.name);
                Some(Value::default())
            }
            b"tailscale" if call.has(&["up"]) && call.says(&["--authkey", "--auth-key"]) => {
                self.fact(Fact::Tunnel, &call.name);
                Some(Value::default())
            }
            b"salt" | b"salt-ssh" | b"parallel-ssh" => {
                let text = call.operands().last().map(|last| last.text.clone()).unwrap_or_default();
                if call.says(&["cmd.run", "cmd.script"]) || call.is(&["parallel-ssh"]) {
                    self.fact(Fact::RemoteMany, &call.name);
                    let facts = self.later(&text);
                    if facts.contains(&Fact::Fetches) || facts.contains(&Fact::RunsTemporary) {
                        self.fact(Fact::RemoteSpreads, &call.name);
                    }
                }
                Some(Value::unknown(Taint::OUTPUT))
            }
            b"redis-cli" => {
                if call.has(&["set", "config", "SET", "CONFIG", "slaveof", "SLAVEOF", "-x", "eval", "module"])
                    && call.option(&["-h"]).is_some()
                {
                    self.fact(Fact::ServiceAbused, b"redis-cli");
                }
                if call.has(&["flushall", "FLUSHALL", "flushdb"]) {
                    self.fact(Fact::DeletesData, b"redis-cli");
                }
                Some(Value::unknown(Taint::OUTPUT))
            }
            b"ztcp" => {
                self.fact(Fact::SocketDevice, b"ztcp");
                Some(Value::default())
            }
            b"mail" | b"sendmail" | b"mutt" | b"mailx" | b"msmtp" | b"swaks" => {
                let mut all = call.input.clone();
                all.taint = call.taint();
                self.sent(&all, &call.name);
                Some(Value::default())
            }
            b"websocat" | b"wscat" => {
                self.fact(Fact::SocketTool, &call.name);
                if call.says(&[":10250/exec/", ":10250/run/", ":10250/attach/"]) {
                    self.fact(Fact::KubeletCommand, &call.name);
                }
                Some(Value::unknown(Taint::REMOTE))
            }
            b"tcpdump" | b"tshark" | b"dumpcap" | b"ettercap" | b"arpspoof" | b"bettercap" | b"responder" => {
                self.fact(Fact::Captures, &call.name);
                Some(Value::default())
            }
            _ => None,
        }
    }

    /// Something leaves the machine.
    pub(crate) fn sent(&mut self, value: &Value, about: &[u8]) {
        let taint = value.taint;
        // Words that the script says itself tell nobody anything.
        if taint == Taint::default() && value.is_known() {
            return;
        }
        self.fact(Fact::Sends, about);
        if taint.has(Taint::SECRET) {
            self.fact(Fact::SendsSecret, about);
        }
        if taint.has(Taint::NAMED_SECRET) {
            self.fact(Fact::SendsVariable, about);
        }
        if taint.has(Taint::HOST) {
            self.fact(Fact::SendsHostFacts, about);
        }
        if taint.has(Taint::ARCHIVE) {
            self.fact(Fact::SendsArchive, about);
        }
        if taint.has(Taint::EVERY_FILE.and(Taint::FILES)) {
            self.fact(Fact::SendsFiles, about);
        }
    }

    fn ftp(&mut self, call: &Call<'_>) -> Value {
        let text = [&call.line()[..], b" ", &call.input.text[..call.input.text.len().min(4096)]].concat();
        if call.is(&["ftpput"])
            || contains(&text, "put ")
            || contains(&text, "mput")
            || contains(&text, "mirror -R")
        {
            let mut all = call.input.clone();
            all.taint = call.taint();
            for argument in call.arguments {
                let path = self.path(&argument.text);
                all.taint = all.taint.and(self.content(&path).taint);
            }
            self.sent(&all, &call.name);
            self.fact(Fact::SendsFiles, &call.name);
        } else {
            self.fact(Fact::Fetches, &call.name);
            let mut taint = Taint::REMOTE;
            for argument in call.arguments {
                if let Some((host, port, about)) = host::of_url(&argument.text) {
                    if host == Host::Address {
                        taint = taint.and(Taint::ADDRESS);
                    }
                    self.fetched_from(host, port, &about);
                }
            }
            let names: Vec<Vec<u8>> = call
                .operands()
                .filter(|a| host::of_url(&a.text).is_none() && !a.text.is_empty())
                .map(|a| a.text.clone())
                .collect();
            for name in names.iter().take(4) {
                let path = self.path(name);
                self.used(taint, &path);
                self.fetched(&path);
                let tools = self.tally.fetchers.entry(base_name(name).to_vec()).or_default();
                tools.insert(call.name.clone());
                if tools.len() >= 2 {
                    self.fact(Fact::FetchAlternatives, name);
                }
            }
        }
        Value::unknown(Taint::REMOTE)
    }

    fn socket(&mut self, call: &Call<'_>) -> Value {
        self.fact(Fact::SocketTool, &call.name);
        let text = call.line();
        let listens = call.flag(b'l') || contains(&text, "-listen") || contains(&text, "--listen");
        if listens {
            self.fact(Fact::Listens, &call.name);
        }
        let executes = call.arguments.iter().any(|a| {
            let t = &a.text;
            is_shell(base_name(t))
                || contains(t, "exec:")
                || contains(t, "EXEC:")
                || contains(t, "system:")
                || contains(t, "SYSTEM:")
        }) || call.has(&["-e", "--exec", "--sh-exec", "-c"]) && call.says(&["sh"]);
        if executes || call.input.taint.has(Taint::SHELL) || call.manner.to_fifo && !call.is(&["socat"]) {
            self.fact(if listens { Fact::BindShell } else { Fact::ReverseShell }, &call.name);
        }
        if call.flag(b'z') {
            self.fact(Fact::Scans, &call.name);
        } else if !listens && !executes && call.manner.fed {
            self.sent(call.input, &call.name);
        }
        if self.endless > 0 && !listens {
            self.fact(Fact::PollsHost, &call.name);
        }
        Value::unknown(Taint::REMOTE.and(Taint::SOCKET))
    }
}
