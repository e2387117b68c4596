//! Defences, logs and traces.

use crate::{
    commands::{Call, base_name, contains},
    fact::Fact,
    place::{self, Place},
    run::Run,
    value::Taint,
};

const DEFENCES: &[&str] = &[
    "auditd",
    "falco",
    "falcon",
    "osquery",
    "wazuh",
    "ossec",
    "clam",
    "fail2ban",
    "apparmor",
    "selinux",
    "sentinel",
    "mdatp",
    "cbagent",
    "cbdaemon",
    "ds_agent",
    "cylance",
    "mcafee",
    "sophos",
    "eset",
    "kesl",
    "drweb",
    "tripwire",
    "aide",
    "rkhunter",
    "chkrootkit",
    "samhain",
    "sysdig",
    "tetragon",
    "tracee",
    "kubearmor",
    "suricata",
    "snort",
    "zeek",
    "aegis",
    "aliyun",
    "alisec",
    "cloudmonitor",
    "qcloud",
    "stargate",
    "barad",
    "ydservice",
    "hostguard",
    "safedog",
    "traps_pmd",
    "xagt",
    "elastic-agent",
    "elastic-endpoint",
    "amazon-ssm",
    "guardduty",
    "lacework",
    "twistlock",
    "neuvector",
    "imunify",
    "maldet",
    "bcm-",
    "aliyundun",
    "assist_daemon",
    "monit",
    "zabbix",
    "datadog",
    "newrelic",
    "nessus",
    "qualys",
    "tanium",
    "defender",
    "crowdstrike",
    "carbonblack",
    "sysmon",
    "portsentry",
    "denyhosts",
    "psad",
];
/// Parts of the names of hosts that are told what happens on others, each between dots or dashes.
const WATCHERS: [&str; 6] = ["siem", "syslog", "splunk", "cloudsink", "graylog", "logcollector"];
/// Where logs are sent to: syslog, Wazuh, Beats, Splunk.
const LOG_PORTS: [&str; 7] = ["514", "601", "1514", "1515", "5044", "6514", "9997"];
const LOGGERS: &[&str] = &[
    "rsyslog",
    "syslog",
    "journald",
    "syslog-ng",
    "auditbeat",
    "filebeat",
    "packetbeat",
    "fluent",
    "td-agent",
    "splunk",
    "logstash",
    "promtail",
    "acct",
    "logrotate",
];
const FIREWALLS: &[&str] = &["firewalld", "ufw", "iptables", "nftables", "csf", "apf"];

/// Does a line name a host that is told what happens on others, or one of a security product?
pub(crate) fn names_watcher(line: &[u8]) -> bool {
    let lower = line.to_ascii_lowercase();
    let hosts = lower.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')));
    hosts.filter(|host| host.contains(&b'.')).any(|host| {
        DEFENCES.iter().any(|part| part.len() > 4 && is_word(host, part))
            || host
                .split(|b| matches!(b, b'.' | b'-'))
                .any(|label| WATCHERS.iter().any(|w| w.as_bytes() == label))
    })
}

/// Does a name hold a word as such, or begin with it?
fn is_word(name: &[u8], word: &str) -> bool {
    memchr::memmem::find_iter(name, word.as_bytes()).any(|at| {
        let letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let before = at.checked_sub(1).and_then(|i| name.get(i));
        // `clam` is the beginning of several; `monit` of `monitoring`, too.
        !letter(before)
            && (word.len() > 5
                || !letter(name.get(at + word.len()))
                || name.get(at + word.len()) == Some(&b'd')
                || word == "clam")
    })
}

/// Does a rule of a firewall keep logs from where they are sent to?
fn blocks_logs(call: &Call<'_>) -> bool {
    let ports = call.option(&["--dport", "--dports", "--destination-port"]);
    call.has(&["OUTPUT"])
        && (ports.is_some_and(|ports| {
            // Beside those of rsh it is that of rsh.
            let of_rsh = contains(&ports.text, "512")
                || contains(&ports.text, "513")
                || ports.text == b"514" && call.has(&["tcp"]);
            !of_rsh
                && ports
                    .text
                    .split(|b| *b == b',')
                    .any(|port| LOG_PORTS.iter().any(|log| log.as_bytes() == port))
        }) || call.option(&["-d", "--destination"]).is_some_and(|host| names_watcher(&host.text)))
}

impl Run {
    /// A service or a process was stopped.
    pub(crate) fn stopped(&mut self, name: &[u8]) {
        let is = |list: &[&str]| list.iter().any(|part| is_word(name, part));
        if is(DEFENCES) {
            self.fact(Fact::DefenceStopped, name);
        } else if is(LOGGERS) {
            self.fact(Fact::LoggingStopped, name);
        } else if is(FIREWALLS) {
            self.fact(Fact::FirewallOff, name);
        }
        if crate::impact::names_rival(name) {
            self.rival(name);
        }
        if self.tally.stops.len() < 64 {
            self.tally.stops.insert(name[..name.len().min(64)].to_vec());
        }
        if self.tally.stops.len() >= 4 {
            self.fact(Fact::StopsMany, name);
        }
    }

    pub(crate) fn evade(&mut self, call: &Call<'_>) {
        match &call.name[..] {
            b"history" if call.flag(b'c') => {
                self.fact(Fact::HistoryOff, b"history -c");
            }
            b"setenforce" if call.has(&["0", "permissive", "Permissive"]) => {
                self.fact(Fact::DefenceStopped, b"setenforce");
            }
            b"auditctl" if call.has(&["-D", "-e"]) && !call.has(&["1", "2"]) => {
                self.fact(Fact::DefenceStopped, b"auditctl");
            }
            b"aa-teardown" | b"aa-disable" | b"aa-complain" => self.fact(Fact::DefenceStopped, &call.name),
            b"ufw" if call.has(&["disable", "reset"]) => self.fact(Fact::FirewallOff, b"ufw"),
            b"ufw" if call.has(&["allow"]) => self.fact(Fact::FirewallOpened, b"ufw"),
            b"iptables" | b"ip6tables" | b"nft" => {
                if call.flag(b'F')
                    || call.has(&["-F", "-X", "--flush", "flush"])
                    || call.has(&["-P"]) && call.has(&["ACCEPT"])
                {
                    self.fact(Fact::FirewallOff, &call.name);
                } else if call.has(&["DROP", "REJECT"]) && blocks_logs(call) {
                    self.fact(Fact::LoggingStopped, &call.name);
                } else if call.has(&["ACCEPT"]) && call.has(&["-I", "-A"]) {
                    self.fact(Fact::FirewallOpened, &call.name);
                } else if call.has(&["DROP", "REJECT"]) && self.has(Fact::Miner) {
                    self.fact(Fact::ToolsRemoved, &call.name);
                }
            }
            b"firewall-cmd" if call.says(&["--add-port"]) => self.fact(Fact::FirewallOpened, b"firewall-cmd"),
            b"chattr" => {
                let path = call.operands().last().map(|a| self.path(&a.text)).unwrap_or_default();
                self.fact(Fact::Immutable, &path);
                if matches!(Place::of(&path), Place::AuthorizedKeys | Place::SshDirectory)
                    && self.has(Fact::KeyAdded)
                {
                    self.fact(Fact::KeyReplaced, &path);
                }
            }
            b"touch"
                if (call.has(&["-r", "-t"])
                    || call.says(&["--reference"])
                    || call.option(&["-d"]).is_some_and(|d| d.text.starts_with(b"20") && d.is_known())) =>
            {
                let path = call.operands().last().map(|a| self.path(&a.text)).unwrap_or_default();
                self.fact(Fact::TimeForged, &path);
            }
            b"touch" if call.taint().has(Taint::EVERY_FILE) => {
                self.fact(Fact::TimeForged, b"every file");
            }
            b"mount" => {
                let line = call.line();
                if contains(&line, "/proc/") && (call.has(&["--bind", "-o"]) || contains(&line, "bind")) {
                    self.fact(Fact::ProcessHidden, &line);
                }
                if contains(&line, "hidepid") {
                    self.fact(Fact::ProcessHidden, &line);
                }
            }
            b"journalctl" if call.says(&["--vacuum", "--rotate"]) => {
                self.emptied(b"/var/log/journal");
            }
            b"dmesg" if call.has(&["-c", "-C", "--clear"]) => {
                self.fact(Fact::LogsRemoved, b"dmesg");
            }
            b"insmod" | b"modprobe" | b"kmod" => {
                let path = call.operands().next().map(|a| self.path(&a.text)).unwrap_or_default();
                if !call.has(&["-r"]) {
                    self.fact(Fact::KernelModule, &path);
                }
            }
            b"rmmod" => {
                if call.taint().has(Taint::PROCESSES) && !self.tally.sought.is_empty() {
                    let sought = std::mem::take(&mut self.tally.sought);
                    self.stopped(&sought);
                }
                for name in call.operands().map(|a| a.text.to_ascii_lowercase()).collect::<Vec<_>>() {
                    self.stopped(&name);
                }
            }
            b"gcore" => self.secret(Fact::SecretEnvironment, b"gcore"),
            b"tdbdump" | b"secretsdump" | b"mimipenguin" => self.secret(Fact::SecretFile, &call.name),
            b"systemd-detect-virt" | b"virt-what" | b"dmidecode" => self.fact(Fact::SandboxCheck, &call.name),
            b"kill" | b"pkill" | b"killall" | b"fuser" | b"killall5" => self.kill(call),
            b"apt" | b"apt-get" | b"yum" | b"dnf" | b"rpm" | b"dpkg" | b"apk" | b"pip" | b"zypper"
                if call.has(&[
                    "remove",
                    "purge",
                    "erase",
                    "-e",
                    "--purge",
                    "del",
                    "autoremove",
                    "uninstall",
                ]) =>
            {
                for name in call.operands().map(|a| a.text.to_ascii_lowercase()).collect::<Vec<_>>() {
                    if DEFENCES.iter().any(|part| is_word(&name, part)) && !name.starts_with(b"lib") {
                        self.fact(Fact::DefenceStopped, &name);
                    }
                }
            }
            b"sysctl" => {
                let line = call.line();
                if contains(&line, "core_pattern")
                    && memchr::memchr(b'|', &line)
                        .and_then(|at| line[at + 1..].split(u8::is_ascii_whitespace).next())
                        .is_some_and(|helper| place::is_temporary(helper) || place::is_below_hidden(helper))
                {
                    self.fact(Fact::EscapeCgroup, &line);
                }
                if contains(&line, "nr_hugepages") || contains(&line, "nmi_watchdog") {
                    self.fact(Fact::MinerTuning, &line);
                }
                if contains(&line, "kptr_restrict=0") || contains(&line, "randomize_va_space=0") {
                    self.fact(Fact::DefenceStopped, &line);
                }
            }
            b"disown" => self.fact(Fact::RunsSilently, b"disown"),
            b"prctl" => self.fact(Fact::RunsRenamed, b"prctl"),
            _ => {}
        }
        if !call.is(&["ls", "cat", "rm", "cp", "mv", "grep", "find", "chmod"])
            && place::is_hidden(base_name(&call.name))
        {
            self.fact(Fact::RunsHidden, &call.name);
        }
    }

    fn kill(&mut self, call: &Call<'_>) {
        let taint = call.taint();
        if taint.has(Taint::RIVALS) {
            self.fact(Fact::RivalsKilled, &call.name);
        }
        if taint.has(Taint::PROCESSES) && !self.tally.sought.is_empty() {
            let sought = std::mem::take(&mut self.tally.sought);
            self.stopped(&sought);
        }
        let names: Vec<Vec<u8>> = call.operands().map(|a| a.text.to_ascii_lowercase()).collect();
        for name in names {
            if call.is(&["pkill", "killall", "kill"])
                && !name.iter().all(u8::is_ascii_digit)
                && !name.is_empty()
                && name[0] != 0
            {
                self.stopped(&name);
            }
        }
        if call.has(&["-1"]) && call.has(&["-9", "-KILL"]) && call.is(&["kill"]) {
            self.fact(Fact::StopsMany, b"kill -1");
        }
    }

    pub(crate) fn rival(&mut self, name: &[u8]) {
        if self.tally.rivals.len() < 64 {
            self.tally.rivals.insert(name[..name.len().min(64)].to_vec());
        }
        if self.tally.rivals.len() >= 2 {
            self.fact(Fact::RivalsKilled, name);
        }
    }
}
