//! The command line, and what it asks for.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, value_parser};

use ingest::{
    ClientLimits,
    keys::{self, Source},
    tls::Files,
    token,
};
use jetstream::Address;
use sink::{Filter, Format as SinkFormat, MinSeverity, SCC_ENDPOINT, SccOptions, WebhookOptions};
use store::{Cursor, Limits, State, moment};

use crate::{
    address::{StoreAddress, database},
    command::Format,
    outlets::{Outlets, WebOptions},
    server::{IndexOptions, Options as ServeOptions},
};

/// Takes findings from sensors, stores them and shows them.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where a command reads.
#[derive(Args)]
pub struct StorePath {
    /// The SQLite database.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_STORE", default_value = "scriptwatch.db", value_parser = database)]
    pub store: PathBuf,
}

/// Where findings go on to.
#[derive(Args)]
pub struct OutletArgs {
    /// Days after which a finding is deleted [default: never].
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_RETENTION_DAYS", value_parser = value_parser!(u64).range(1..))]
    retention_days: Option<u64>,
    /// Maximum size of the stored findings in MiB. The oldest are deleted [default: no limit].
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_RETENTION_MIB", value_parser = value_parser!(u64).range(1..))]
    retention_mib: Option<u64>,
    /// Append findings to this file as JSON Lines, for log agents. `-` is standard output.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_JSON_LINES", value_name = "FILE")]
    json_lines: Option<PathBuf>,
    /// Format of the JSON Lines: `scc` (Security Command Center's JSON), `ocsf` (Detection Finding) or
    /// `ocsf-script-activity`.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_JSON_LINES_FORMAT",
        default_value = "scc",
        value_name = "FORMAT",
        value_parser = sink_format
    )]
    json_lines_format: SinkFormat,
    #[command(flatten)]
    json_lines_filter: JsonLinesFilter,
    /// Write findings to Security Command Center, with the service account of this machine.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_SCC")]
    scc: bool,
    #[command(flatten)]
    scc_filter: SccFilter,
    /// Endpoint of the Security Command Center API.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_SCC_ENDPOINT", default_value = SCC_ENDPOINT, value_name = "URL")]
    scc_endpoint: String,
    /// Maximum number of API calls per minute. It should be below the quota of the project.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_SCC_PER_MINUTE", default_value = "300")]
    scc_per_minute: NonZeroU32,
    /// Maximum size in KiB of a script's contents in Security Command Center. The rest is in the collector's database only.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_SCC_CONTENTS_KIB", default_value_t = 100, value_name = "KIB")]
    scc_contents_kib: u32,
    /// Maximum amount of data per day in MiB. Findings beyond it wait [default: no limit].
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_SCC_MIB_PER_DAY", value_name = "MIB")]
    scc_mib_per_day: Option<NonZeroU32>,
    /// Post each finding as JSON to this URL, signed as in the Standard Webhooks specification.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_WEBHOOK", value_name = "URL", requires = "webhook_secret")]
    webhook: Option<String>,
    /// File with the signing secret: `whsec_`, followed by at least 24 random bytes in base64.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_WEBHOOK_SECRET", value_name = "FILE", requires = "webhook")]
    webhook_secret: Option<PathBuf>,
    /// PEM file with the certificate authorities to trust for the receiver [default: those of the system].
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_WEBHOOK_CA", value_name = "FILE", requires = "webhook")]
    webhook_ca: Option<PathBuf>,
    /// Format of what is posted: `scc`, `ocsf` or `ocsf-script-activity`.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_WEBHOOK_FORMAT",
        default_value = "scc",
        value_name = "FORMAT",
        value_parser = sink_format
    )]
    webhook_format: SinkFormat,
    #[command(flatten)]
    webhook_filter: WebhookFilter,
    /// Serve a read-only web page of the findings at this address. The page has no authentication.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_WEB_LISTEN", value_name = "ADDRESS")]
    web_listen: Option<SocketAddr>,
    /// Host name under which the page may be requested, besides localhost and IP addresses.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_WEB_HOST",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "web_listen"
    )]
    web_host: Vec<String>,
    /// Address of the admin server (/metrics, /healthz, /readyz). `off` disables it.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_ADMIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "off",
        value_parser = listen
    )]
    admin_listen: Listen,
}

/// Longest age of a stream that can be asked for: a year.
const STREAM_AGE_MAX: i64 = 366 * 24 * 3600;

/// The filter of one sink: three options that begin with its name.
macro_rules! filter {
    ($name:ident, $env:literal, $what:literal, $severity:ident, $namespace:ident, $urgent:ident) => {
        #[derive(Args)]
        #[allow(clippy::struct_field_names, reason = "the names are the options'")]
        struct $name {
            #[arg(
                long,
                env = concat!("SCRIPTWATCH_COLLECTOR_", $env, "_MIN_SEVERITY"),
                value_name = "SEVERITY",
                value_parser = min_severity,
                help = concat!("Only findings of this severity or higher go to ", $what, ": low, medium, high or critical [default: all]")
            )]
            $severity: Option<MinSeverity>,
            #[arg(
                long,
                env = concat!("SCRIPTWATCH_COLLECTOR_", $env, "_NAMESPACE"),
                value_name = "NAMESPACE",
                value_delimiter = ',',
                value_parser = namespace,
                help = concat!("Only findings of these Kubernetes namespaces go to ", $what, ". Several are separated by commas. What names no namespace goes there, too [default: all]")
            )]
            $namespace: Vec<String>,
            #[arg(
                long,
                env = concat!("SCRIPTWATCH_COLLECTOR_", $env, "_URGENT_ONLY"),
                help = concat!("Only findings of triage level `urgent` go to ", $what, ", and those that say what a sensor could not see")
            )]
            $urgent: bool,
        }

        impl From<$name> for Filter {
            fn from(args: $name) -> Self {
                Self { min_severity: args.$severity, namespaces: args.$namespace, urgent_only: args.$urgent }
            }
        }
    };
}

filter!(
    JsonLinesFilter,
    "JSON_LINES",
    "--json-lines",
    json_lines_min_severity,
    json_lines_namespace,
    json_lines_urgent_only
);
filter!(SccFilter, "SCC", "Security Command Center", scc_min_severity, scc_namespace, scc_urgent_only);
filter!(WebhookFilter, "WEBHOOK", "--webhook", webhook_min_severity, webhook_namespace, webhook_urgent_only);

impl OutletArgs {
    fn options(self) -> Outlets {
        let retention = Limits {
            age: self.retention_days.map(|days| Duration::from_secs(days * 86_400)),
            bytes: self.retention_mib.map(|mib| mib * 1024 * 1024),
        };
        let scc = self.scc.then_some(SccOptions {
            endpoint: self.scc_endpoint,
            per_minute: self.scc_per_minute,
            contents_bytes: self.scc_contents_kib as usize * 1024,
            mib_per_day: self.scc_mib_per_day,
        });
        let scc = scc.map(|options| (options, self.scc_filter.into()));
        let (format, filter) = (self.json_lines_format, self.json_lines_filter.into());
        let json_lines = self.json_lines.map(|file| (file, format, filter));
        let (authorities, format, filter) =
            (self.webhook_ca, self.webhook_format, self.webhook_filter.into());
        let webhook = self
            .webhook
            .zip(self.webhook_secret)
            .map(|(url, secret_file)| (WebhookOptions { url, secret_file, authorities, format }, filter));
        let hosts = self.web_host;
        let web = self.web_listen.map(|listen| WebOptions { listen, hosts });
        Outlets { retention, json_lines, scc, webhook, web, admin: self.admin_listen.0 }
    }
}

/// An address to listen at, or none.
#[derive(Clone, Copy)]
struct Listen(Option<SocketAddr>);

fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen(None));
    }
    let address =
        text.parse().map_err(|_| "an address such as 127.0.0.1:7601, or `off`, is expected".to_owned())?;
    Ok(Listen(Some(address)))
}

fn state(text: &str) -> Result<State, String> {
    named(State::ALL, State::name, text)
}

fn sink_format(text: &str) -> Result<SinkFormat, String> {
    named(SinkFormat::ALL, SinkFormat::name, text)
}

fn namespace(text: &str) -> Result<String, String> {
    let name = text.trim();
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=63).contains(&name.len()) && name.bytes().all(is_name) {
        Ok(name.to_owned())
    } else {
        Err("names of Kubernetes namespaces are expected, separated by commas".to_owned())
    }
}

fn min_severity(text: &str) -> Result<MinSeverity, String> {
    named(MinSeverity::ALL, MinSeverity::name, text)
}

fn named<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
    text: &str,
) -> Result<T, String> {
    all.into_iter().find(|one| name(*one) == text).ok_or_else(|| {
        let names = all.map(name);
        format!("there are {} and {}", names[..N - 1].join(", "), names[N - 1])
    })
}

/// How to take findings in.
#[derive(Args)]
pub struct ServeArgs {
    /// The SQLite database, or a stream of NATS JetStream that several collectors share:
    /// jetstream://HOST:PORT/STREAM, optionally with ?replicas=, credentials=, tls= and ca=.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_STORE", default_value = "scriptwatch.db")]
    store: StoreAddress,
    /// Address to listen on. Port 0 takes a free port.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_LISTEN", default_value = "127.0.0.1:7600")]
    listen: SocketAddr,
    /// PEM file with the collector's certificate. It is reloaded when it changes. TLS is required; --plaintext disables
    /// it explicitly.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the private key of that certificate.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// PEM file with the certificate authorities of sensors. If given, every sensor must have a certificate, and may send
    /// findings only of the node that its certificate names.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Where the public keys of the cluster's service account tokens are (RFC 7517): an https: address such as
    /// <https://kubernetes.default.svc/openid/v1/jwks>, or a file. If given, every sensor must have a token (`sensor run
    /// --token-file`), and may send findings only of the node that its token names (Kubernetes 1.30 or newer).
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_TOKEN_KEYS",
        value_name = "URL|FILE",
        requires = "tls_cert",
        requires = "token_subject"
    )]
    token_keys: Option<Source>,
    /// PEM file with the certificate authorities to trust for --token-keys [default: those of the system].
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_TOKEN_KEYS_CA", value_name = "FILE", requires = "token_keys")]
    token_keys_ca: Option<PathBuf>,
    /// File with the token to show where --token-keys points.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_TOKEN_KEYS_BEARER",
        value_name = "FILE",
        requires = "token_keys"
    )]
    token_keys_bearer: Option<PathBuf>,
    /// Audience that sensors' tokens must be made for.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_TOKEN_AUDIENCE", default_value = "scriptwatch-collector")]
    token_audience: String,
    /// Issuer that must have made sensors' tokens. Needed only where another cluster has the same keys.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_TOKEN_ISSUER", value_name = "URL", requires = "token_keys")]
    token_issuer: Option<String>,
    /// Service account of sensors, such as system:serviceaccount:scriptwatch:scriptwatch-sensor. Several are separated by
    /// commas.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_TOKEN_SUBJECT",
        value_name = "SUBJECT",
        value_delimiter = ',',
        requires = "token_keys"
    )]
    token_subject: Vec<String>,
    /// Disable TLS. Connections are then neither encrypted nor authenticated.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_PLAINTEXT")]
    plaintext: bool,
    /// Maximum number of streams per client. A client is a certificate or a node's token; without them it is an IP address, so
    /// all sensors behind one address count as one.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_CLIENT_STREAMS", default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    client_streams: u32,
    /// Maximum sustained number of findings per second and client. Faster clients are read more slowly. 0 is no limit.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_CLIENT_FINDINGS_PER_SECOND", default_value_t = 20_000)]
    client_findings_per_second: u32,
    /// Seconds after which a stream is ended, give or take a tenth, so that sensors spread over all collectors again. 0 is no limit.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_CLIENT_STREAM_AGE",
        default_value_t = 1800,
        value_name = "SECONDS",
        value_parser = value_parser!(u32).range(..=STREAM_AGE_MAX)
    )]
    client_stream_age: u32,
    /// Projects that findings may be filed under, separated by commas. Findings of others are rejected. Without it every project
    /// is taken.
    #[arg(
        long,
        env = "SCRIPTWATCH_COLLECTOR_PROJECTS",
        value_name = "PROJECT",
        value_delimiter = ',',
        value_parser = project
    )]
    projects: Vec<String>,
    #[command(flatten)]
    outlets: OutletArgs,
    /// File to create when the port is open. It contains the port number.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
}

impl ServeArgs {
    /// What was asked for. An error names what is missing.
    pub fn options(self) -> Result<ServeOptions, &'static str> {
        let clients = self.tls_client_ca;
        let tls =
            self.tls_cert.zip(self.tls_key).map(|(certificate, key)| Files { certificate, key, clients });
        // The environment may say `false`, so being given says nothing.
        match (&tls, self.plaintext) {
            (None, false) => {
                return Err("TLS is required: give --tls-cert and --tls-key, or disable it with --plaintext");
            }
            (Some(_), true) => {
                return Err("--plaintext and --tls-cert contradict each other: give one of them");
            }
            _ => {}
        }
        let (authorities, bearer) = (self.token_keys_ca, self.token_keys_bearer);
        let tokens = self.token_keys.map(|source| token::Options {
            keys: keys::Options { source, authorities, bearer },
            audience: self.token_audience,
            issuer: self.token_issuer,
            subjects: self.token_subject,
        });
        Ok(ServeOptions {
            listen: self.listen,
            store: self.store,
            outlets: self.outlets.options(),
            clients: ClientLimits {
                streams: self.client_streams as usize,
                findings_per_second: NonZeroU32::new(self.client_findings_per_second),
                stream_age: (self.client_stream_age > 0)
                    .then(|| Duration::from_secs(self.client_stream_age.into())),
            },
            tls,
            tokens,
            projects: self.projects,
            port_file: self.port_file,
        })
    }
}

/// A project's ID, as it stands in a finding's name.
fn project(text: &str) -> Result<String, String> {
    let is_id = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:_".contains(&b));
    let is_one = is_id && text != "-";
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "a project's ID or number is wanted, such as my-project-1".to_owned())
}

/// How to index.
#[derive(Args)]
pub struct IndexArgs {
    /// The stream that the collectors have as --store.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_FROM", value_name = "jetstream://…")]
    from: Address,
    /// Name of the durable consumer. Each database needs its own: two databases with the same consumer get half of the
    /// findings each.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR_CONSUMER", default_value = "index")]
    consumer: String,
    #[command(flatten)]
    store: StorePath,
    #[command(flatten)]
    outlets: OutletArgs,
}

impl IndexArgs {
    /// What was asked for.
    pub fn options(self) -> IndexOptions {
        IndexOptions {
            from: self.from,
            consumer: self.consumer,
            store: self.store.store,
            outlets: self.outlets.options(),
        }
    }
}

/// Which findings are listed, and how.
#[derive(Args)]
pub struct ListArgs {
    /// The store.
    #[command(flatten)]
    pub store: StorePath,
    /// Maximum number of findings.
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// Continue after the page that printed this token.
    #[arg(long, value_name = "TOKEN")]
    pub page_token: Option<Cursor>,
    /// Only findings of this pod: its name, or namespace/name.
    #[arg(long)]
    pub pod: Option<String>,
    /// Only findings of pods in this namespace.
    #[arg(long)]
    pub namespace: Option<String>,
    /// Only findings of images whose name begins with this.
    #[arg(long)]
    pub image: Option<String>,
    /// Only findings of scripts whose SHA-256 begins with these hex digits.
    #[arg(long)]
    pub sha256: Option<String>,
    /// Only findings with this ATT&CK technique, such as T1105, or a sub-technique of it.
    #[arg(long)]
    pub technique: Option<String>,
    /// Only findings of scripts that came to their shell so: file, command, stdin, sourced, eval, environment, interactive, session.
    #[arg(long)]
    pub origin: Option<String>,
    /// Only findings of script files that came from there: image, written, memory, volume.
    #[arg(long)]
    pub provenance: Option<String>,
    /// Only findings of scripts that a process of this name wrote, such as curl.
    #[arg(long, value_name = "NAME")]
    pub written_by: Option<String>,
    /// Only findings of this node.
    #[arg(long)]
    pub node: Option<String>,
    /// Only findings since this time, such as 2027-01-31T10:00Z, or since so long ago, such as 1h or 7d.
    #[arg(long, value_parser = moment)]
    pub since: Option<i64>,
    /// Only findings before this time.
    #[arg(long, value_parser = moment)]
    pub until: Option<i64>,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// What the collector can do.
#[derive(Subcommand)]
pub enum Command {
    /// Receive findings until SIGINT or SIGTERM.
    Serve(Box<ServeArgs>),
    /// Write the findings of a JetStream stream into a database.
    Index(Box<IndexArgs>),
    /// List findings, newest first, page by page.
    List(Box<ListArgs>),
    /// Copy the store to a file. The store may be in use.
    Backup {
        /// The store.
        #[command(flatten)]
        store: StorePath,
        /// The file. It must not exist.
        to: PathBuf,
    },
    /// Show one finding in full.
    Show {
        /// The store.
        #[command(flatten)]
        store: StorePath,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
        /// Only of this node: two nodes' findings can have one name.
        #[arg(long)]
        node: Option<String>,
        /// Its id, or its full name.
        finding: String,
    },
    /// List the sensors heard of in the last three days, the worst first. A sensor is silent after five minutes without word, impaired when
    /// it could not see or judge something in the last ten minutes, and behind when findings wait for more than a minute.
    Nodes {
        /// The store.
        #[command(flatten)]
        store: StorePath,
        /// Only sensors in these states: silent, impaired, behind, outdated, stopped, ok.
        #[arg(long, value_delimiter = ',', value_parser = state)]
        state: Vec<State>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Wait for a finding of a pod, and print it. Fails when none comes in time.
    Wait {
        /// The store.
        #[command(flatten)]
        store: StorePath,
        /// Name of the pod.
        #[arg(long)]
        pod: String,
        /// Namespace of the pod.
        #[arg(long)]
        namespace: String,
        /// A finding that is so many seconds old will do.
        #[arg(long, default_value_t = 0, value_name = "SECONDS")]
        recent: u32,
        /// How long to wait.
        #[arg(long, default_value_t = 60, value_name = "SECONDS")]
        timeout: u32,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Print findings as they arrive.
    Tail {
        /// The store.
        #[command(flatten)]
        store: StorePath,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}
