//! Damage, mining and the looks that come before.

use crate::{
    commands::{Call, contains},
    fact::Fact,
    place::Place,
    run::Run,
    syntax::Script,
    value::{Taint, Value},
};

const RIVALS: &[&str] = &[
    "xmrig",
    "kdevtmpfsi",
    "kinsing",
    "minerd",
    "cpuminer",
    "xmr",
    "monero",
    "cryptonight",
    "stratum",
    "minergate",
    "nanopool",
    "supportxmr",
    "sustes",
    "watchbog",
    "ddgs",
    "kthreaddk",
    "qw3xt",
    "t-rex",
    "ethminer",
    "nicehash",
    "cryptojack",
    "zgrab",
    "pnscan",
    "sysrv",
    "kerberods",
    "khugepageds",
    "bioset",
    "crypto-pool",
    "hashvault",
    "minexmr",
    "xig",
    "pwnrig",
    "crond64",
    "tsm32",
    "dbused",
    "networkservice",
    "sysupdate",
    "biosetjenkins",
    "loligang",
    "miner",
];

/// Does a text name a miner?
pub(crate) fn names_rival(text: &[u8]) -> bool {
    RIVALS.iter().any(|name| contains(text, name))
}

impl Run {
    /// The script looks at its machine.
    pub(crate) fn looked(&mut self, what: &'static str) {
        self.fact(Fact::Discovers, what.as_bytes());
        self.tally.discovery_commands += 1;
        self.tally.discoveries.insert(what);
        if self.tally.discoveries.len() >= 5 {
            self.fact(Fact::DiscoversMuch, what.as_bytes());
        }
    }

    pub(crate) fn discover(&mut self, call: &Call<'_>) {
        let what = match &call.name[..] {
            b"uname" | b"hostnamectl" | b"lsb_release" | b"arch" => "system",
            b"whoami" | b"id" | b"groups" => "user",
            b"hostname" | b"domainname" => "host name",
            b"w" | b"who" | b"last" | b"lastlog" | b"users" | b"finger" => "sessions",
            b"ifconfig" | b"ip" | b"route" | b"arp" => "network",
            b"netstat" | b"ss" | b"lsof" => "connections",
            b"ps" | b"top" | b"htop" | b"pstree" | b"pgrep" | b"pidof" => "processes",
            b"lscpu" | b"nproc" | b"lspci" | b"lsusb" | b"lshw" | b"nvidia-smi" | b"free" => "hardware",
            b"df" | b"lsblk" | b"fdisk" | b"blkid" | b"findmnt" => "disks",
            b"env" | b"printenv" => "environment",
            b"uptime" | b"dmesg" => "time",
            b"capsh" | b"amicontained" | b"getcap" => "capabilities",
            _ => return,
        };
        self.looked(what);
    }

    /// What the commands that look print.
    fn looks(call: &Call<'_>) -> Taint {
        match &call.name[..] {
            b"env" | b"printenv" => Taint::HOST.and(Taint::SECRET).without(Taint::default()),
            b"ps" | b"top" | b"netstat" | b"ss" | b"lsof" | b"pgrep" | b"pidof" | b"lsmod" => {
                Taint::PROCESSES.and(Taint::HOST)
            }
            b"arp" | b"ip" | b"route" => Taint::HOST.and(Taint::HOSTS),
            _ => Taint::HOST,
        }
    }

    pub(crate) fn impact(&mut self, call: &Call<'_>) {
        self.miner_words(call);
        match &call.name[..] {
            b"mkfs" | b"mke2fs" | b"wipefs" | b"blkdiscard" | b"hdparm" | b"sgdisk" | b"cryptsetup"
            | b"mkfs.ext4" | b"mkfs.xfs" | b"mkfs.ext3" | b"badblocks" => {
                let disk = call.operands().any(|a| Place::of(&a.text) == Place::Disk || a.text.contains(&0));
                if disk {
                    self.fact(Fact::WipesDevice, &call.name);
                }
            }
            b"shutdown" | b"reboot" | b"halt" | b"poweroff" | b"init" | b"telinit" => {
                self.fact(Fact::ShutsDown, &call.name);
            }
            b"vgremove" | b"lvremove" | b"zfs" | b"btrfs" | b"vssadmin" | b"restic" | b"borg"
            | b"timeshift" | b"snapper" | b"velero"
                if call.has(&["destroy", "delete", "forget", "-f", "remove", "subvolume"])
                    && call.has(&["destroy", "delete", "forget", "-f"]) =>
            {
                self.fact(Fact::DeletesBackups, &call.name);
            }
            b"dropdb" => self.fact(Fact::DeletesData, &call.name),
            b"mysql" | b"psql" | b"mongo" | b"mongosh" | b"mariadb" => {
                let text = [&call.line()[..], &call.input.text[..call.input.text.len().min(4096)]]
                    .concat()
                    .to_ascii_lowercase();
                if contains(&text, "drop database")
                    || contains(&text, "dropdatabase")
                    || contains(&text, "drop schema")
                    || contains(&text, "truncate ")
                    || contains(&text, "delete from") && !contains(&text, "where")
                {
                    self.fact(Fact::DeletesData, &call.name);
                }
                // Whoever clears up by age names none.
                let of_somebody = ["actor", "login", "addr", "ip", "username"]
                    .iter()
                    .any(|column| contains(&text, &format!("where {column}")));
                if contains(&text, "delete from") && contains(&text, "audit") && of_somebody {
                    self.fact(Fact::LogLines, &call.name);
                }
                if contains(&text, "pgaudit.log = 'none'")
                    || contains(&text, "general_log=off")
                    || contains(&text, "log_statement = 'none'")
                    || contains(&text, "server_audit_logging=off")
                {
                    self.fact(Fact::LoggingStopped, &call.name);
                }
                if contains(&text, "into outfile")
                    || contains(&text, "to program")
                    || contains(&text, "sys_exec")
                {
                    self.fact(Fact::ServiceAbused, &call.name);
                }
            }
            b"mysqldump" | b"pg_dump" | b"pg_dumpall" | b"mongodump" => self.fact(Fact::Packs, &call.name),
            b"fallocate" | b"yes" | b"stress" | b"stress-ng"
                if (self.endless > 0 || call.manner.background) =>
            {
                self.fact(Fact::FillsDisk, &call.name);
            }
            b"strace" | b"ltrace" if call.flag(b'p') => self.fact(Fact::Captures, &call.name),
            b"evtest" => self.fact(Fact::Captures, &call.name),
            b"wall" if call.says(&["encrypted", "hacked", "pwned", "HACKED", "PWNED"]) => {
                self.fact(Fact::Defaces, b"wall");
            }
            b"wrmsr" => self.fact(Fact::MinerTuning, b"wrmsr"),
            b"script" | b"xinput" | b"showkey" | b"logkeys" | b"scrot" | b"import" | b"ffmpeg"
            | b"arecord" | b"xwd"
                if (self.endless > 0
                    || call.manner.background
                    || call.is(&["logkeys", "xinput", "showkey"])) =>
            {
                self.fact(Fact::Captures, &call.name);
            }
            _ => {}
        }
    }

    /// Words that only a miner's command line has.
    pub(crate) fn miner_words(&mut self, call: &Call<'_>) {
        let line = call.line().to_ascii_lowercase();
        if contains(&line, "stratum+")
            || contains(&line, "--donate-level")
            || contains(&line, "--coin=")
            || contains(&line, "-a rx/0")
            || contains(&line, "randomx")
            || contains(&line, "--rig-id")
        {
            self.fact(Fact::Miner, &line);
        }
        let name = &call.name;
        if contains(name, "xmrig")
            || contains(name, "minerd")
            || contains(name, "cpuminer")
            || contains(name, "ethminer")
            || contains(name, "nbminer")
            || contains(name, "t-rex")
            || contains(name, "srbminer")
        {
            self.fact(Fact::Miner, name);
        }
    }

    /// What people who write for others do.
    pub(crate) fn habit(&mut self, call: &Call<'_>) {
        match &call.name[..] {
            b"make" | b"cmake" | b"npm" | b"yarn" | b"pnpm" | b"cargo" | b"go" | b"mvn" | b"gradle"
            | b"pip" | b"pip3" | b"apt" | b"apt-get" | b"yum" | b"dnf" | b"apk" | b"brew" | b"dpkg"
            | b"rpm" | b"bundle" | b"composer" | b"poetry" | b"rustup" | b"meson" | b"ninja" | b"bazel"
            | b"conda" => {
                self.fact(Fact::BuildsPackage, &call.name);
            }
            b"kubectl" | b"helm" | b"docker" | b"docker-compose" | b"podman" | b"terraform"
            | b"ansible-playbook" | b"kustomize" | b"kubeadm" | b"minikube" | b"kind" | b"buildah"
            | b"skopeo" | b"crictl" | b"oc" => {
                self.fact(Fact::Orchestrates, &call.name);
            }
            b"git" | b"svn" | b"hg" => self.fact(Fact::VersionControl, &call.name),
            b"getopts" | b"getopt" => self.fact(Fact::ReadsOptions, b""),
            b"exit" | b"return" if call.operands().next().is_some_and(|a| a.text != b"0") => {
                self.fact(Fact::Reports, b"");
            }
            b"test" | b"[" | b"[[" => self.fact(Fact::TestsFirst, b""),
            _ => {}
        }
    }

    /// What the text says of itself.
    pub(crate) fn remarks(&mut self, script: &Script) {
        let head = &script.text[..script.text.len().min(6000)];
        let lower = head.to_ascii_lowercase();
        if [
            "licensed under",
            "copyright (c)",
            "spdx-license",
            "gnu general public",
            "apache license",
            "mit license",
        ]
        .iter()
        .any(|l| contains(&lower, l))
        {
            self.fact(Fact::Licensed, b"");
        }
        if contains(head, "Generated by GNU Autoconf")
            || contains(&script.text, "ac_cv_") && contains(&script.text, "as_echo")
            || contains(head, "Generated automatically by") && contains(head, "libtool")
            || contains(&script.text, "makeself") && contains(&script.text, "MS_")
        {
            self.fact(Fact::Configures, b"");
        }
        if contains(&lower, "usage:") {
            self.fact(Fact::Helps, b"");
        }
        if let Some(at) = memchr::memmem::find(&script.text, b"/dev/tcp/") {
            let near = &script.text[at.saturating_sub(40)..script.text.len().min(at + 80)];
            if contains(near, "-i") && contains(near, "0>&1") {
                // Also where it is an argument of something that runs it elsewhere.
                self.fact(Fact::ReverseShell, &near[..near.len().min(60)]);
            }
        }
        let wallet = script.text.split(|b| !b.is_ascii_alphanumeric()).any(|word| {
            matches!(word.len(), 95 | 106)
                && matches!(word[0], b'4' | b'8')
                && word.iter().any(u8::is_ascii_lowercase)
                && word.iter().any(u8::is_ascii_uppercase)
        });
        if wallet {
            self.fact(Fact::Miner, b"a wallet");
        }
        let blob = script
            .text
            .split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')))
            .any(|word| word.len() > 200 && !word[..200].contains(&b'/') || word.len() > 600);
        if blob {
            self.fact(Fact::HidesBlob, b"");
        }
    }

    /// What is known only at the end.
    pub(crate) fn sum_up(&mut self) {
        if self.tally.fetched_runs.len() >= 2 {
            self.fact(Fact::FetchManyRuns, b"");
        }
        if self.tally.assembled >= 8 {
            self.fact(Fact::HidesCommand, b"");
        }
        let commands = self.tally.commands.saturating_sub(self.tally.prints).max(1);
        if self.tally.discovery_commands * 2 >= commands && self.tally.discoveries.len() >= 3 {
            self.fact(Fact::OnlyDiscovers, b"");
        }
    }

    /// The output of what no other room knows.
    pub(crate) fn seen(&mut self, call: &Call<'_>) -> Option<Value> {
        let is_look = matches!(
            &call.name[..],
            b"uname"
                | b"hostnamectl"
                | b"lsb_release"
                | b"arch"
                | b"whoami"
                | b"id"
                | b"groups"
                | b"hostname"
                | b"w"
                | b"who"
                | b"last"
                | b"ifconfig"
                | b"ip"
                | b"route"
                | b"arp"
                | b"netstat"
                | b"ss"
                | b"lsof"
                | b"lsmod"
                | b"ps"
                | b"top"
                | b"pgrep"
                | b"pidof"
                | b"lscpu"
                | b"nproc"
                | b"free"
                | b"df"
                | b"env"
                | b"printenv"
                | b"uptime"
        );
        if !is_look {
            return None;
        }
        if call.is(&["pgrep", "pidof"])
            && let Some(sought) = call.operands().last()
        {
            self.tally.sought = sought.text.to_ascii_lowercase();
        }
        let mut taint = Self::looks(call).and(Taint::OUTPUT);
        if call.is(&["env", "printenv"]) {
            taint = taint.and(Taint::SECRET);
        }
        if call.is(&["pgrep", "pidof"])
            && call.arguments.iter().any(|a| names_rival(&a.text.to_ascii_lowercase()))
        {
            taint = taint.and(Taint::RIVALS);
        }
        Some(Value::unknown(taint))
    }
}
