//! What files and directories are for, by their names.

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A private SSH key, or the directory of all.
    SshSecret,
    /// Credentials of a cloud.
    CloudSecret,
    /// Credentials of a cluster or a registry.
    ClusterSecret,
    /// The service account's token of a pod.
    Token,
    /// `/etc/shadow` and what is like it.
    Shadow,
    /// A shell's history.
    History,
    /// Another file with passwords.
    PasswordFile,
    /// A browser's or a wallet's.
    BrowserSecret,
    /// A process's environment or memory.
    ProcessSecret,
    /// `/etc/passwd`.
    Accounts,
    /// Keys that may log in.
    AuthorizedKeys,
    /// Hosts that were logged in to.
    KnownHosts,
    /// `~/.ssh`.
    SshDirectory,
    /// Settings of the SSH server.
    SshdConfig,
    /// Cron's tables.
    Cron,
    /// A unit of systemd, or of what is like it.
    Unit,
    /// Commands that run as the system starts.
    Init,
    /// Commands that run as a shell starts.
    Profile,
    /// Commands that run at another event.
    Hook,
    /// How users are authenticated.
    Pam,
    /// Libraries that the dynamic linker loads everywhere.
    Preload,
    /// Who may be root.
    Sudoers,
    /// Which names are which hosts.
    Hosts,
    /// A log.
    Log,
    /// A disk as a whole.
    Disk,
    /// A program or a library of the system.
    SystemProgram,
    /// What the kernel runs, on the node.
    KernelHelper,
    /// The same of cgroups.
    CgroupAgent,
    /// The node's file system, seen from a container.
    HostRoot,
    /// The container runtime's socket.
    RuntimeSocket,
    /// Pages that a server shows.
    Web,
    /// Anything else below `/proc`.
    Proc,
    /// bash's own connections.
    Socket,
    /// Anything else.
    Other,
}

/// The beginning of a path that is looked at, in bytes.
const PATH_MAX: usize = 512;

/// How a path is recognised; letters are lower-case.
enum Sign {
    /// It begins with that.
    Below(&'static str),
    /// It holds that.
    Part(&'static str),
    /// Its last part is that.
    Name(&'static str),
    /// Its last part ends with that.
    Ending(&'static str),
    /// It holds the first and ends with the second.
    Both(&'static str, &'static str),
}

use Sign::{Below, Both, Ending, Name, Part};

/// The first that fits counts.
const SIGNS: &[(Place, &[Sign])] = &[
    (Place::Socket, &[Below("/dev/tcp/"), Below("/dev/udp/")]),
    (Place::AuthorizedKeys, &[Part("authorized_keys")]),
    (Place::KnownHosts, &[Part("known_hosts")]),
    (Place::SshdConfig, &[Part("sshd_config")]),
    (
        Place::SshSecret,
        &[
            Ending(".ppk"),
            Part(".ssh/*"),
            Name("id_rsa"),
            Name("id_dsa"),
            Name("id_ecdsa"),
            Name("id_ed25519"),
            Name("id_*"),
            Name("ssh_host_rsa_key"),
            Name("ssh_host_ed25519_key"),
            Name("ssh_host_ecdsa_key"),
        ],
    ),
    (Place::SshDirectory, &[Name(".ssh")]),
    (Place::Token, &[Part("/serviceaccount"), Part("/run/secrets")]),
    (
        Place::CloudSecret,
        &[
            Part(".aws/"),
            Name(".aws"),
            Part("/gcloud"),
            Part(".azure"),
            Part("application_default_credentials"),
            Part("credentials.db"),
            Part(".boto"),
            Part(".s3cfg"),
            Part(".ossutilconfig"),
            Part(".oci/config"),
            Part("doctl/config"),
            Part("terraform.tfstate"),
        ],
    ),
    (
        Place::ClusterSecret,
        &[
            Part(".kube/config"),
            Name(".kube"),
            Part("/etc/kubernetes/admin"),
            Part("kubeconfig"),
            Part("k3s.yaml"),
            Part(".docker/config"),
            Part("kubelet.conf"),
            Part("kubelet/pki"),
            Part("kubernetes/pki"),
            Name(".dockercfg"),
        ],
    ),
    (
        Place::Shadow,
        &[
            Both("etc/", "shadow"),
            Both("etc/", "shadow-"),
            Name("shadow"),
            Name("gshadow"),
            Name("master.passwd"),
            Name("opasswd"),
        ],
    ),
    (
        Place::History,
        &[
            Ending("_history"),
            Name(".history"),
            Name("fish_history"),
            Ending("histfile"),
            Part("_history*"),
            Part("*history"),
        ],
    ),
    (
        Place::BrowserSecret,
        &[
            Part(".mozilla"),
            Part("google-chrome"),
            Name("login data"),
            Part("cookies.sqlite"),
            Part("logins.json"),
            Name("wallet.dat"),
            Part("wallets/"),
            Part(".electrum"),
            Part(".bitcoin"),
            Part(".ethereum"),
            Part(".monero"),
            Part("keychain"),
        ],
    ),
    (Place::ProcessSecret, &[Both("/proc/", "/environ"), Both("/proc/", "/mem"), Both("/proc/", "/maps")]),
    (
        Place::PasswordFile,
        &[
            Name(".netrc"),
            Name(".pgpass"),
            Name(".my.cnf"),
            Name(".git-credentials"),
            Name(".env"),
            Part("/.env."),
            Name(".npmrc"),
            Name(".pypirc"),
            Part("wp-config"),
            Name("secrets.yml"),
            Name("secrets.yaml"),
            Name("database.yml"),
            Name("config.php"),
            Name(".vault-token"),
            Name(".htpasswd"),
            Name("credentials"),
            Name("passwords.txt"),
            Name("credentials.json"),
            Name(".rediscli_auth"),
            Name("debian.cnf"),
            Name("filezilla.xml"),
            Name("recentservers.xml"),
            Name(".smbcredentials"),
            Name("krb5.keytab"),
            Name("tomcat-users.xml"),
            Part(".gnupg"),
            Part(".password-store"),
            Part("krb5cc_"),
            Part(".kdbx"),
        ],
    ),
    (Place::Accounts, &[Part("etc/passwd"), Name("passwd-")]),
    (
        Place::Cron,
        &[
            Part("/etc/cron"),
            Part("spool/cron"),
            Below("cron.d/"),
            Part("/crontabs"),
            Part("/anacrontab"),
            Part("spool/at"),
        ],
    ),
    (
        Place::Unit,
        &[
            Both("systemd/", ".service"),
            Both("systemd/", ".timer"),
            Both("systemd/", ".path"),
            Both("systemd/", ".socket"),
            Both("systemd/", ".d/override.conf"),
            Part("system-generators"),
            Part("/etc/supervisor"),
            Part("/etc/init/"),
            Part("launchdaemons"),
            Part("launchagents"),
        ],
    ),
    (
        Place::Init,
        &[
            Part("rc.local"),
            Part("/etc/init.d"),
            Part("/etc/rc"),
            Part("/etc/inittab"),
            Part("xdg/autostart"),
            Part(".config/autostart"),
            Part("local.d/"),
            Part("modules-load.d"),
        ],
    ),
    (
        Place::Profile,
        &[
            Ending("bashrc"),
            Name(".profile"),
            Name(".bash_profile"),
            Part("/etc/profile"),
            Ending("zshrc"),
            Name(".zshenv"),
            Name(".zprofile"),
            Name(".bash_login"),
            Name(".bash_logout"),
            Name(".bash_aliases"),
            Name(".cshrc"),
            Name(".login"),
            Ending("config.fish"),
            Part("/etc/environment"),
            Name(".xinitrc"),
            Name(".xprofile"),
            Name(".kshrc"),
            Name(".mkshrc"),
        ],
    ),
    (
        Place::Hook,
        &[
            Part("update-motd.d"),
            Part("udev/rules.d"),
            Part("apt.conf.d"),
            Part("yum/pluginconf"),
            Part("dispatcher.d"),
            Part(".git/hooks/"),
            Part("ssh/rc"),
            Part("if-up.d"),
            Part("dpkg.cfg.d"),
            Part("sitecustomize"),
            Part("usercustomize"),
            Part("polkit-1/rules"),
            Part("dbus-1/system"),
            Part("binfmt"),
            Part("sleep.d"),
            Part("dhclient-exit-hooks"),
            Part("acpi/events"),
            Part(".tmux.conf"),
            Part("logrotate.d"),
            Part("fail2ban/action.d"),
            Part("modprobe.d/"),
            Part("initramfs-tools/"),
            Part("dracut/modules.d"),
            Part("facts.d/"),
            Part("if-pre-up.d"),
            Part("if-post-down.d"),
            Part("ppp/ip-up"),
            Part("hotplug.d/"),
            Part("dhclient-enter-hooks"),
            Part("xinetd.d/"),
            Part("inetd.conf"),
            Part("zabbix_agentd"),
            Part("nrpe.d/"),
            Part("dpkg/info/"),
            Part("xsession.d"),
            Part("system-sleep/"),
            Part("kernel/postinst.d"),
        ],
    ),
    (Place::Pam, &[Part("/pam.d"), Both("pam_", ".so")]),
    (Place::Preload, &[Part("ld.so.preload")]),
    (Place::Sudoers, &[Part("/sudoers")]),
    (Place::Hosts, &[Ending("hosts"), Ending("resolv.conf")]),
    (
        Place::Log,
        &[
            Below("/var/log"),
            Below("/var/adm"),
            Name("wtmp"),
            Name("btmp"),
            Name("utmp"),
            Name("lastlog"),
            Name("faillog"),
            Name("auth.log"),
            Name("audit.log"),
            Name("syslog"),
        ],
    ),
    (
        Place::Disk,
        &[
            Below("/dev/sd"),
            Below("/dev/nvme"),
            Below("/dev/vd"),
            Below("/dev/xvd"),
            Below("/dev/hd"),
            Below("/dev/mmcblk"),
            Below("/dev/mapper/"),
            Below("/dev/disk/"),
            Below("/dev/md"),
            Below("/dev/dm-"),
        ],
    ),
    (
        Place::KernelHelper,
        &[Part("core_pattern"), Part("/proc/sys/kernel/modprobe"), Part("uevent_helper"), Part("sysrq")],
    ),
    (Place::CgroupAgent, &[Part("release_agent"), Part("notify_on_release")]),
    (
        Place::RuntimeSocket,
        &[Part("docker.sock"), Part("containerd.sock"), Part("crio.sock"), Part("podman.sock")],
    ),
    (
        Place::HostRoot,
        &[
            Part("/proc/1/root"),
            Name("host"),
            Below("/host/"),
            Below("/hostfs"),
            Below("/rootfs/"),
            Below("/host_"),
            Below("/host-"),
            Below("/mnt/host"),
            Below("/node-fs"),
        ],
    ),
    (Place::Web, &[Below("/var/www"), Part("/htdocs"), Below("/srv/www"), Part("/nginx/html")]),
    (Place::Proc, &[Below("/proc/")]),
    (Place::Other, &[Below("/usr/lib/systemd"), Below("/lib/systemd")]),
    (
        Place::SystemProgram,
        &[
            Below("/bin/"),
            Below("/sbin/"),
            Below("/usr/bin/"),
            Below("/usr/sbin/"),
            Below("/lib/"),
            Below("/usr/lib/"),
            Below("/lib64/"),
        ],
    ),
];

impl Place {
    /// Is what stands there a secret?
    pub(crate) fn is_secret(self) -> bool {
        matches!(
            self,
            Self::SshSecret
                | Self::CloudSecret
                | Self::ClusterSecret
                | Self::Token
                | Self::Shadow
                | Self::History
                | Self::PasswordFile
                | Self::BrowserSecret
                | Self::ProcessSecret
        )
    }

    /// What is at that path; unknown bytes of it are 0.
    pub(crate) fn of(path: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&path[..path.len().min(PATH_MAX)]).to_lowercase();
        let path = text.trim_end_matches('/');
        let name = path.rsplit('/').next().unwrap_or(path);
        let fits = |sign: &Sign| match sign {
            Below(start) => path.starts_with(start),
            Part(part) => path.contains(part),
            Name(whole) => name == *whole,
            Ending(end) => name.ends_with(end),
            Both(part, end) => path.contains(part) && path.ends_with(end),
        };
        let place =
            SIGNS.iter().find(|(_, signs)| signs.iter().any(fits)).map_or(Self::Other, |(place, _)| *place);
        match place {
            // Its own environment is no other's; a name that only ends in `hosts` is none of the resolver's.
            Self::ProcessSecret if path.contains("/self/") => Self::Proc,
            Self::Hosts if !path.contains("etc/") => Self::Other,
            Self::HostRoot if name == "host" && path != "/host" => Self::Other,
            place => place,
        }
    }
}

/// What `mktemp` says: nobody can guess it, so that it is as good as any private place.
pub(crate) const MKTEMP: &[u8] = b"/tmp/mktemp.nobody-can-guess";

/// Is a path below a directory that anybody can write to?
pub(crate) fn is_temporary(path: &[u8]) -> bool {
    const DIRECTORIES: [&[u8]; 10] = [
        b"/tmp",
        b"/var/tmp",
        b"/dev/shm",
        b"/run/shm",
        b"/dev/mqueue",
        b"/data/local/tmp",
        b"/run/user",
        b"/var/run/",
        b"/var/lock",
        b"/run/lock",
    ];
    !path.starts_with(MKTEMP) && DIRECTORIES.iter().any(|directory| path.starts_with(directory))
}

/// Is a file's own name hidden, other than those of settings, or where anybody can write that of a directory above it?
pub(crate) fn is_hidden(path: &[u8]) -> bool {
    const USUAL: [&[u8]; 24] = [
        b".",
        b"..",
        b"...",
        b".config",
        b".local",
        b".cache",
        b".ssh",
        b".bashrc",
        b".profile",
        b".bash_profile",
        b".git",
        b".npm",
        b".cargo",
        b".kube",
        b".docker",
        b".aws",
        b".nvm",
        b".rustup",
        b".zshrc",
        b".github",
        b".venv",
        b".env",
        b".vim",
        b".gnupg",
    ];
    let strange = |name: &[u8]| {
        name.len() > 1
            && name[0] == b'.'
            && !USUAL.contains(&name)
            && !name.ends_with(b"rc")
            && name[1] != b'*'
    };
    let blank = |name: &[u8]| name.len() > 2 && name.iter().all(|b| matches!(b, b' ' | b'.'));
    let mut parts = path.rsplit(|b| *b == b'/');
    let name = parts.next().unwrap_or_default();
    strange(name) || blank(name) || parts.any(|name| strange(name) && is_temporary(path) || blank(name))
}

/// Is a file hidden, or a directory above it that no tool is known to make?
pub(crate) fn is_below_hidden(path: &[u8]) -> bool {
    const TOOLS: [&[u8]; 18] = [
        b".pyenv",
        b".rbenv",
        b".nodenv",
        b".asdf",
        b".sdkman",
        b".dotnet",
        b".deno",
        b".bun",
        b".volta",
        b".virtualenvs",
        b".linuxbrew",
        b".pm2",
        b".m2",
        b".gradle",
        b".foundry",
        b".ollama",
        b".go",
        b".opt",
    ];
    let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at).chain([path.len()]);
    ends.take(32).any(|end| {
        let above = &path[..end];
        let name = above.rsplit(|b| *b == b'/').next().unwrap_or_default();
        is_hidden(above) && !TOOLS.contains(&name)
    })
}

/// Does a path mean nearly everything on a machine?
pub(crate) fn is_broad(path: &[u8]) -> bool {
    const BROAD: [&[u8]; 23] = [
        b"/",
        b"/home",
        b"/root",
        b"~",
        b"/var",
        b"/etc",
        b"/usr",
        b"/boot",
        b"/bin",
        b"/lib",
        b"/sbin",
        b"/opt",
        b"/srv",
        b"/mnt",
        b"/var/www",
        b"/var/www/html",
        b"/data",
        b"/media",
        b"/var/lib",
        b"/usr/bin",
        b"/var/lib/mysql",
        b"/var/lib/docker",
        b"~/Documents",
    ];
    let path = path.strip_suffix(b"*").unwrap_or(path);
    let trimmed = if path.len() > 1 { path.strip_suffix(b"/").unwrap_or(path) } else { path };
    BROAD.contains(&trimmed)
}

/// Is what a pattern stands for nearly everything on a machine?
pub(crate) fn is_broad_pattern(path: &[u8]) -> bool {
    let star = path.iter().position(|b| *b == b'*').unwrap_or(path.len());
    is_broad(&path[..star])
}
