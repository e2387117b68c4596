//! `collector`: parses the command line and starts what it asks for.

use std::{
    io::{BufWriter, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand, value_parser};
use collector::{
    command::{Format, list, show, tail},
    retention::Limits,
    search::{Cursor, Search},
    server::{Options, serve},
    sink::{self, SccOptions},
    store::Store,
    tls::Files,
};
use jiff::{Span, Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Takes findings from sensors, stores them and shows them.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct StorePath {
    /// The `SQLite` database.
    #[arg(long, env = "SCRIPTWATCH_STORE", default_value = "scriptwatch.db")]
    store: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Take findings in until SIGINT or SIGTERM.
    Serve {
        #[command(flatten)]
        store: StorePath,
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
        #[arg(long, env = "SCRIPTWATCH_SCC_ENDPOINT", default_value = sink::SCC_ENDPOINT, value_name = "URL")]
        scc_endpoint: String,
        /// Calls of its API a minute, less than the project's quota.
        #[arg(long, env = "SCRIPTWATCH_SCC_PER_MINUTE", default_value_t = 300, value_parser = value_parser!(u32).range(1..))]
        scc_per_minute: u32,
        /// Write the port to this file once it is open.
        #[arg(long, value_name = "FILE")]
        port_file: Option<PathBuf>,
    },
    /// Show findings, newest first, a page at a time.
    List {
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
        #[command(flatten)]
        store: StorePath,
        /// The file, which must not be there.
        to: PathBuf,
    },
    /// Show one finding in full.
    Show {
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
        #[command(flatten)]
        store: StorePath,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
}

/// A time, or how long ago; Unix time in ns.
fn moment(text: &str) -> Result<i64, String> {
    let at = match text.parse::<Timestamp>() {
        Ok(at) => Some(at),
        Err(_) => text
            .parse::<Span>()
            .ok()
            .and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok())
            .and_then(|ago| Timestamp::now().checked_sub(ago).ok()),
    };
    let at = at.ok_or("a time such as 2027-01-31T10:00Z, or how long ago, such as 1h or 7d, is expected")?;
    i64::try_from(at.as_nanosecond()).map_err(|e| e.to_string())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("SCRIPTWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e)
            if e.chain().any(|c| {
                c.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
            }) =>
        {
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("collector: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match command {
        Command::Serve {
            store,
            listen,
            tls_cert,
            tls_key,
            tls_client_ca,
            plaintext: _,
            retention_days,
            retention_mib,
            json_lines,
            scc,
            scc_endpoint,
            scc_per_minute,
            port_file,
        } => {
            drop(out);
            let tls = tls_cert.zip(tls_key).map(|(certificate, key)| Files {
                certificate,
                key,
                clients: tls_client_ca,
            });
            let retention = Limits {
                age: retention_days.map(|days| Duration::from_secs(days * 86_400)),
                bytes: retention_mib.map(|mib| mib * 1024 * 1024),
            };
            let scc = scc.then_some(SccOptions { endpoint: scc_endpoint, per_minute: scc_per_minute });
            let options = Options { listen, store: store.store, retention, json_lines, scc, tls, port_file };
            let runtime = tokio::runtime::Runtime::new()?;
            return runtime.block_on(async {
                let mut interrupt = signal(SignalKind::interrupt())?;
                let mut terminate = signal(SignalKind::terminate())?;
                let stop = async move {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                };
                Ok(serve(options, stop).await?)
            });
        }
        Command::List {
            store,
            limit,
            page,
            pod,
            namespace,
            image,
            sha256,
            technique,
            node,
            since,
            until,
            format,
        } => {
            let search = Search {
                sha256,
                pod,
                namespace,
                image,
                technique,
                node,
                since_ns: since,
                until_ns: until,
                after: page,
            };
            list::run(&Store::open_for_reading(&store.store)?, &search, limit, format, &mut out)?;
        }
        Command::Backup { store, to } => {
            anyhow::ensure!(!to.exists(), "{} is there already: name another file", to.display());
            Store::open_for_reading(&store.store)?.back_up(&to)?;
        }
        Command::Show { store, format, finding } => {
            show::run(&Store::open_for_reading(&store.store)?, &finding, format, &mut out)?;
        }
        Command::Tail { store, format } => tail::run(&store.store, format, &mut out)?,
    }
    out.flush()?;
    Ok(())
}
