//! What files hold, and which of them are secrets.

use crate::{
    commands::contains,
    fact::Fact,
    place::{self, Place},
    run::Run,
    value::{Taint, Value},
};

impl Run {
    /// Notes a secret that is read.
    pub(crate) fn secret(&mut self, fact: Fact, about: &[u8]) {
        self.fact(fact, about);
        self.tally.secrets.insert(fact as u8);
        if self.tally.secrets.len() >= 3 {
            self.fact(Fact::SecretMany, about);
        }
    }

    /// What a file holds.
    pub(crate) fn content(&mut self, path: &[u8]) -> Value {
        if let Some(file) = self.files.get(path) {
            if file.fifo {
                return Value::unknown(Taint::FIFO);
            }
            if let Some(content) = &file.content {
                let content = Value::clone(content);
                self.spend(content.text.len());
                return content;
            }
        }
        if path == b"$0" {
            return Value::unknown(Taint::FILES.and(Taint::ITSELF));
        }
        let place = Place::of(path);
        let fact = match place {
            Place::SshSecret | Place::SshDirectory => Some(Fact::SecretKey),
            Place::CloudSecret => Some(Fact::SecretCloud),
            Place::ClusterSecret => Some(Fact::SecretCluster),
            Place::Token => Some(Fact::SecretToken),
            Place::Shadow => Some(Fact::SecretShadow),
            Place::History => Some(Fact::SecretHistory),
            Place::PasswordFile => Some(Fact::SecretFile),
            Place::BrowserSecret => Some(Fact::SecretBrowser),
            Place::ProcessSecret => Some(Fact::SecretEnvironment),
            _ => None,
        };
        if let Some(fact) = fact {
            self.secret(fact, path);
            return Value::unknown(Taint::SECRET.and(Taint::OUTPUT));
        }
        match place {
            Place::KnownHosts => {
                self.fact(Fact::KnownHosts, path);
                Value::unknown(Taint::HOSTS)
            }
            Place::Accounts => {
                self.looked("accounts");
                Value::unknown(Taint::HOST.and(Taint::SECRET).without(Taint::SECRET))
            }
            Place::Hosts => Value::unknown(Taint::HOST.and(Taint::HOSTS)),
            Place::SshdConfig => Value::unknown(Taint::HOST),
            Place::Disk => Value::unknown(Taint::ARCHIVE),
            Place::HostRoot => {
                self.fact(Fact::EscapeMount, path);
                Value::unknown(Taint::HOST)
            }
            Place::Proc => {
                let text = String::from_utf8_lossy(path);
                if text.contains("cpuinfo")
                    || text.contains("meminfo")
                    || text.contains("version")
                    || text.contains("mounts")
                    || text.contains("cgroup")
                {
                    self.looked("proc");
                }
                if text.contains("/self/environ") {
                    self.secret(Fact::SecretEnvironment, path);
                    return Value::unknown(Taint::SECRET);
                }
                Value::unknown(Taint::HOST)
            }
            _ => {
                let taint = match path {
                    b"/dev/zero" | b"/dev/urandom" | b"/dev/random" | b"/dev/null" => Taint::NOISE,
                    b"/dev/tty" => Taint::TYPED,
                    b"/etc/hostname"
                    | b"/etc/os-release"
                    | b"/etc/issue"
                    | b"/etc/lsb-release"
                    | b"/etc/redhat-release"
                    | b"/etc/machine-id" => {
                        self.looked("system");
                        Taint::HOST
                    }
                    _ if path.contains(&b'*') && place::is_broad_pattern(path) => Taint::EVERY_FILE,
                    _ if contains(path, "pass")
                        && (contains(path, ".txt")
                            || contains(path, ".lst")
                            || contains(path, "wordlist"))
                        || contains(path, "rockyou") =>
                    {
                        Taint::PASSWORDS.and(Taint::FILES)
                    }
                    _ if contains(path, "hosts")
                        || contains(path, "targets")
                        || contains(path, "ips.")
                        || contains(path, "ip.txt") =>
                    {
                        Taint::HOSTS
                    }
                    _ => Taint::FILES,
                };
                Value::unknown(taint)
            }
        }
    }
}
