//! The command line, and what it asks for.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, value_parser};

use crate::{
    address::{StoreAddress, database},
    clients::ClientLimits,
    command::{Format, moment},
    jetstream::Address,
    outlets::Outlets,
    retention::Limits,
    search::Cursor,
    server::{IndexOptions, Options as ServeOptions},
    sink::{SCC_ENDPOINT, SccOptions, WebhookOptions},
    tls::Files,
    web,
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
    /// The `SQLite` database.
    #[arg(long, env = "SCRIPTWATCH_STORE", default_value = "scriptwatch.db", value_parser = database)]
    pub store: PathBuf,
}

/// Where findings go on to.
#[derive(Args)]
pub struct OutletArgs {
    /// Days that a finding is kept [default: for ever].
    #[arg(long, env = "SCRIPTWATCH_RETENTION_DAYS", value_parser = value_parser!(u64).range(1..))]
    retention_days: Option<u64>,
    /// MiB of findings that are kept, the newest [default: all].
    #[arg(long, env = "SCRIPTWATCH_RETENTION_MIB", value_parser = value_parser!(u64).range(1..))]
    retention_mib: Option<u64>,
    /// Append findings to this file as JSON Lines, for log agents; `-` for standard output.
    #[arg(long, env = "SCRIPTWATCH_JSON_LINES", value_name = "FILE")]
    json_lines: Option<PathBuf>,
    /// Write findings to Security Command Center, as the service account of this machine.
    #[arg(long, env = "SCRIPTWATCH_SCC")]
    scc: bool,
    /// Where that is.
    #[arg(long, env = "SCRIPTWATCH_SCC_ENDPOINT", default_value = SCC_ENDPOINT, value_name = "URL")]
    scc_endpoint: String,
    /// Calls of its API a minute, less than the project's quota.
    #[arg(long, env = "SCRIPTWATCH_SCC_PER_MINUTE", default_value_t = 300, value_parser = value_parser!(u32).range(1..))]
    scc_per_minute: u32,
    /// Post each finding as JSON to this address, signed as the Standard Webhooks specification has it.
    #[arg(long, env = "SCRIPTWATCH_WEBHOOK", value_name = "URL", requires = "webhook_secret")]
    webhook: Option<String>,
    /// File with the secret that signs: `whsec_` and the base64 of 24 random bytes or more.
    #[arg(long, env = "SCRIPTWATCH_WEBHOOK_SECRET", value_name = "FILE", requires = "webhook")]
    webhook_secret: Option<PathBuf>,
    /// PEM file with the authorities of the receiver's certificate [default: the system's].
    #[arg(long, env = "SCRIPTWATCH_WEBHOOK_CA", value_name = "FILE", requires = "webhook")]
    webhook_ca: Option<PathBuf>,
    /// Serve a read-only page of the findings on this address. It asks nobody who they are.
    #[arg(long, env = "SCRIPTWATCH_WEB_LISTEN", value_name = "ADDRESS")]
    web_listen: Option<SocketAddr>,
    /// A name that the page may be called by, besides localhost and addresses.
    #[arg(
        long,
        env = "SCRIPTWATCH_WEB_HOST",
        value_name = "NAME",
        value_delimiter = ',',
        requires = "web_listen"
    )]
    web_host: Vec<String>,
    /// Serve /metrics, /healthz and /readyz on this address.
    #[arg(long, env = "SCRIPTWATCH_STATUS_LISTEN", value_name = "ADDRESS")]
    status_listen: Option<SocketAddr>,
}

impl OutletArgs {
    fn options(self) -> Outlets {
        let retention = Limits {
            age: self.retention_days.map(|days| Duration::from_secs(days * 86_400)),
            bytes: self.retention_mib.map(|mib| mib * 1024 * 1024),
        };
        let scc =
            self.scc.then_some(SccOptions { endpoint: self.scc_endpoint, per_minute: self.scc_per_minute });
        let authorities = self.webhook_ca;
        let webhook = self.webhook.zip(self.webhook_secret).map(|(url, secret_file)| WebhookOptions {
            url,
            secret_file,
            authorities,
        });
        let hosts = self.web_host;
        let web = self.web_listen.map(|listen| web::Options { listen, hosts });
        Outlets { retention, json_lines: self.json_lines, scc, webhook, web, status: self.status_listen }
    }
}

/// How to take findings in.
#[derive(Args)]
pub struct ServeArgs {
    /// The `SQLite` database, or a stream of NATS `JetStream` that many collectors share:
    /// jetstream://HOST:PORT/STREAM, with ?replicas=, credentials=, tls= and ca= where wanted.
    #[arg(long, env = "SCRIPTWATCH_STORE", default_value = "scriptwatch.db")]
    store: StoreAddress,
    /// Address to listen on; port 0 takes any.
    #[arg(long, env = "SCRIPTWATCH_LISTEN", default_value = "127.0.0.1:7600")]
    listen: SocketAddr,
    /// PEM file with the collector's certificate; renewed ones are used without a restart.
    #[arg(
        long,
        env = "SCRIPTWATCH_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key",
        required_unless_present = "plaintext"
    )]
    tls_cert: Option<PathBuf>,
    /// PEM file with its key.
    #[arg(long, env = "SCRIPTWATCH_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// PEM file with the authorities of sensors' certificates. With it every sensor must have one, and may send only
    /// findings of the node that it names.
    #[arg(long, env = "SCRIPTWATCH_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Serve without encryption.
    #[arg(long, env = "SCRIPTWATCH_PLAINTEXT", conflicts_with = "tls_cert")]
    plaintext: bool,
    /// Streams that a client may have at once. A client is a certificate, or without certificates an address: sensors
    /// behind one address are one.
    #[arg(long, env = "SCRIPTWATCH_CLIENT_STREAMS", default_value_t = 1000, value_parser = value_parser!(u32).range(1..))]
    client_streams: u32,
    /// Findings a second that a client may send for long; more are read as slowly as that. 0 is without limit.
    #[arg(long, env = "SCRIPTWATCH_CLIENT_FINDINGS_PER_SECOND", default_value_t = 20_000)]
    client_findings_per_second: u32,
    #[command(flatten)]
    outlets: OutletArgs,
    /// Write the port to this file once it is open.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
}

impl ServeArgs {
    /// What was asked for.
    pub fn options(self) -> ServeOptions {
        let clients = self.tls_client_ca;
        let tls =
            self.tls_cert.zip(self.tls_key).map(|(certificate, key)| Files { certificate, key, clients });
        ServeOptions {
            listen: self.listen,
            store: self.store,
            outlets: self.outlets.options(),
            clients: ClientLimits {
                streams: self.client_streams as usize,
                findings_per_second: NonZeroU32::new(self.client_findings_per_second),
            },
            tls,
            port_file: self.port_file,
        }
    }
}

/// How to index.
#[derive(Args)]
pub struct IndexArgs {
    /// The stream that collectors were given as --store.
    #[arg(long, env = "SCRIPTWATCH_FROM", value_name = "jetstream://…")]
    from: Address,
    /// Name of the durable consumer. Each database needs one of its own: two of one name get half of the findings each.
    #[arg(long, env = "SCRIPTWATCH_CONSUMER", default_value = "index")]
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

/// What the collector can do.
#[derive(Subcommand)]
pub enum Command {
    /// Take findings in until SIGINT or SIGTERM.
    Serve(Box<ServeArgs>),
    /// Write the findings that collectors put into a stream of `JetStream` into a database.
    Index(Box<IndexArgs>),
    /// Show findings, newest first, a page at a time.
    List {
        /// Where.
        #[command(flatten)]
        store: StorePath,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// The page behind the one that ended with this word.
        #[arg(long, value_name = "WORD")]
        page: Option<Cursor>,
        /// Of this pod: its name, or namespace/name.
        #[arg(long)]
        pod: Option<String>,
        /// Of pods in this namespace.
        #[arg(long)]
        namespace: Option<String>,
        /// Of images whose name begins so.
        #[arg(long)]
        image: Option<String>,
        /// Of scripts whose hash begins with these hex digits.
        #[arg(long)]
        sha256: Option<String>,
        /// Showing this ATT&CK technique, such as T1105 or T1053.
        #[arg(long)]
        technique: Option<String>,
        /// Of this node.
        #[arg(long)]
        node: Option<String>,
        /// From then on: a time such as 2027-01-31T10:00Z, or how long ago, such as 1h or 7d.
        #[arg(long, value_parser = moment)]
        since: Option<i64>,
        /// Before then, likewise.
        #[arg(long, value_parser = moment)]
        until: Option<i64>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Copy the store to a file while it is in use.
    Backup {
        /// Where.
        #[command(flatten)]
        store: StorePath,
        /// The file, which must not be there.
        to: PathBuf,
    },
    /// Show one finding in full.
    Show {
        /// Where.
        #[command(flatten)]
        store: StorePath,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
        /// Its id or name.
        finding: String,
    },
    /// Show findings as they arrive.
    Tail {
        /// Where.
        #[command(flatten)]
        store: StorePath,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}
