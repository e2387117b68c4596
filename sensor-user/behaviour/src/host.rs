//! What kinds of hosts a URL or an argument names.

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address,
    PrivateAddress,
    Own,
    Metadata,
    Paste,
    Raw,
    Tunnel,
    Hook,
    Onion,
    Vendor,
    Named,
    Unknown,
}

const PASTE: &[&str] = &[
    "pastebin.",
    "paste.ee",
    "hastebin.",
    "ix.io",
    "termbin.com",
    "0x0.st",
    "transfer.sh",
    "file.io",
    "temp.sh",
    "anonfiles",
    "bashupload",
    "oshi.at",
    "gofile.io",
    "rentry.co",
    "controlc.com",
    "dpaste.",
    "sprunge.us",
    "ghostbin",
    "pastebin",
    "paste.",
    "p.ip.fi",
    "catbox.moe",
    "mega.nz",
    "mediafire.com",
    "dropbox",
    "anonfile",
    "uguu.se",
    "tmpfiles.org",
    "filebin.net",
    "privatebin",
    "hastebin",
    "cl1p.net",
    "justpaste",
];
const RAW: &[&str] = &[
    "raw.githubusercontent.com",
    "gist.githubusercontent.com",
    "gist.github.com",
    "raw.github.com",
    "gitlab.com",
    "bitbucket.org",
    "gitee.com",
    "codeberg.org",
    "sourceforge.net",
    "cdn.jsdelivr.net",
];
const TUNNEL: &[&str] = &[
    "ngrok",
    "trycloudflare.com",
    "serveo.net",
    "localhost.run",
    "localtunnel",
    "loca.lt",
    "portmap.io",
    "duckdns.org",
    "no-ip",
    "ddns",
    "hopto.org",
    "zapto.org",
    "dyndns",
    "sytes.net",
    "myftp.",
    "pagekite",
    "playit.gg",
    "workers.dev",
    "bore.pub",
    "devtunnels",
    "servebeer",
    "gotdns",
    "3utilities",
];
const HOOK: &[&str] = &[
    "webhook.site",
    "requestbin",
    "pipedream",
    "burpcollaborator",
    "oastify",
    "oast.",
    "interact.sh",
    "interactsh",
    "discord.com/api",
    "discordapp.com/api",
    "api.telegram.org",
    "hooks.slack.com",
    "canarytokens",
    "dnslog",
    "ceye.io",
    "beeceptor",
    "requestcatcher",
    "hookbin",
    "postb.in",
    "ntfy.sh",
    "pushover",
];
const VENDOR: &[&str] = &[
    "github.com",
    "debian.org",
    "ubuntu.com",
    "docker.com",
    "k8s.io",
    "kubernetes.io",
    "googleapis.com",
    "google.com",
    "npmjs.org",
    "pypi.org",
    "pythonhosted.org",
    "hashicorp.com",
    "microsoft.com",
    "redhat.com",
    "fedoraproject.org",
    "gnu.org",
    "kernel.org",
    "apache.org",
    "rustup.rs",
    "rust-lang.org",
    "nodesource.com",
    "postgresql.org",
    "mysql.com",
    "elastic.co",
    "grafana.com",
    "python.org",
    "golang.org",
    "go.dev",
    "nodejs.org",
    "centos.org",
    "alpinelinux.org",
    "archlinux.org",
    "opensuse.org",
    "jenkins.io",
    "gradle.org",
    "maven.org",
    "docker.io",
    "gcr.io",
    "quay.io",
    "launchpad.net",
    "canonical.com",
    "oracle.com",
    "nvidia.com",
    "cloudflare.com",
    "amazonaws.com/amazon",
    "get.helm.sh",
    "githubusercontent.com/kubernetes",
    "tailscale.com",
    "datadoghq.com",
    "influxdata.com",
    "mongodb.org",
    "redis.io",
    "rubygems.org",
    "yarnpkg.com",
    "openssl.org",
    "sh.rustup.rs",
    "snapcraft.io",
    "gitlab.com/gitlab-org",
    "fluentbit.io",
    "istio.io",
    "rancher.io",
    "k3s.io",
    "install.python-poetry.org",
    "bun.sh",
    "deno.land",
    "aws.amazon.com",
    "awscli.amazonaws.com",
    "ghcr.io",
    "packages.",
    "deb.",
    "rpm.",
    "apt.",
    "mirrors.",
    "archive.",
    "download.",
    "releases.",
    "repo.",
];

/// A host that an argument names, the port behind it, and what it is; nothing for what names none.
pub(crate) fn of_url(word: &[u8]) -> Option<(Host, Option<u32>, Vec<u8>)> {
    let text = String::from_utf8_lossy(&word[..word.len().min(600)]).to_lowercase();
    let (scheme, rest) = match text.find("://") {
        Some(at) => (Some(&text[..at]), &text[at + 3..]),
        None => (None, &text[..]),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest[..end].rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u32>().ok()),
        None => (authority, None),
    };
    if scheme.is_none() && !is_address(host) && !is_name(host) {
        return None;
    }
    Some((classify(host, rest), port, authority.as_bytes().to_vec()))
}

fn classify(host: &str, rest: &str) -> Host {
    if matches!(
        host,
        "169.254.169.254" | "169.254.170.2" | "100.100.100.200" | "metadata.google.internal" | "metadata"
    ) || host.starts_with("metadata.")
    {
        return Host::Metadata;
    }
    if matches!(host, "localhost" | "0.0.0.0" | "::1" | "[::1]" | "host.docker.internal")
        || host.starts_with("127.") && is_address(host)
    {
        return Host::Own;
    }
    if is_address(host) {
        let octets: Vec<u32> = host.split('.').filter_map(|o| o.parse().ok()).collect();
        return match octets[..] {
            [10, ..] | [192, 168, ..] => Host::PrivateAddress,
            [172, second, ..] if (16..32).contains(&second) => Host::PrivateAddress,
            _ => Host::Address,
        };
    }
    // Addresses written in one number, or in hexadecimal digits.
    if host.len() >= 8 && host.bytes().all(|b| b.is_ascii_digit()) || host.starts_with("0x") {
        return Host::Address;
    }
    let any = |list: &[&str]| {
        list.iter().any(|part| host.contains(part) || part.contains('/') && rest.contains(part))
    };
    if host.contains(".onion") || host.contains("tor2web") {
        return Host::Onion;
    }
    if any(HOOK) {
        return Host::Hook;
    }
    if any(TUNNEL) {
        return Host::Tunnel;
    }
    if any(RAW) {
        return Host::Raw;
    }
    if any(PASTE) {
        return Host::Paste;
    }
    if any(VENDOR) {
        return Host::Vendor;
    }
    if host.is_empty() || host.contains(['\0', '$', '{', '<']) { Host::Unknown } else { Host::Named }
}

pub(crate) fn is_address(host: &str) -> bool {
    let mut parts = 0;
    for part in host.split('.') {
        parts += 1;
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
    }
    parts == 4
}

fn is_name(host: &str) -> bool {
    // A file's ending is none of a host's.
    const FILES: [&str; 54] = [
        "sh", "txt", "py", "gz", "conf", "log", "json", "c", "so", "tar", "zip", "service", "yml", "yaml",
        "tgz", "out", "bin", "xml", "html", "php", "pl", "key", "pem", "tmp", "bak", "local", "deb", "rpm",
        "cpp", "hpp", "rs", "go", "js", "ts", "md", "rst", "java", "jar", "war", "whl", "apk", "img", "iso",
        "sql", "csv", "css", "png", "jpg", "svg", "crt", "cer", "rb", "lua", "lock",
    ];
    let Some((rest, top)) = host.rsplit_once('.') else { return false };
    let label = |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
        && !FILES.contains(&top)
        && rest.split('.').all(label)
}

/// Is a port none that such a service usually has?
pub(crate) fn is_unusual(port: u32) -> bool {
    !matches!(
        port,
        80 | 443 | 8080 | 8443 | 22 | 21 | 5000 | 3000 | 9090 | 9200 | 6443 | 2375 | 2376 | 10250 | 8000
    )
}
