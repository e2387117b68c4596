//! `collector`: does what the command line asks for.

use std::{
    future::Future,
    io::{BufWriter, IsTerminal, Write},
    path::Path,
    pin::Pin,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use collector::{
    ServerError,
    cli::{Cli, Command},
    command::{list, nodes, show, tail, wait},
    server::{index, serve},
};
use stage::EXIT_STAGE_FAILED;
use store::{Backlog, Search, Store, View};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter =
        EnvFilter::try_from_env("SCRIPTWATCH_COLLECTOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
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
            match e.downcast_ref() {
                Some(ServerError::Stage(_)) => ExitCode::from(EXIT_STAGE_FAILED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match command {
        Command::Serve(args) => {
            drop(out);
            let options = args.options().map_err(anyhow::Error::msg)?;
            // Each sensor takes one.
            stage::raise_descriptor_limit()?;
            return run(|stop| serve(options, stop));
        }
        Command::Index(args) => {
            drop(out);
            return run(|stop| index(args.options(), stop));
        }
        Command::List(args) => {
            let args = *args;
            let search = Search {
                sha256: args.sha256,
                pod: args.pod,
                namespace: args.namespace,
                image: args.image,
                technique: args.technique,
                origin: args.origin,
                provenance: args.provenance,
                written_by: args.written_by,
                node: args.node,
                since_ns: args.since,
                until_ns: args.until,
                after: args.page_token,
            };
            list::run(&up_to_date(&args.store.store)?, &search, args.limit, args.format, &mut out)?;
        }
        Command::Backup { store, to } => {
            anyhow::ensure!(!to.exists(), "{} exists already: name another file", to.display());
            Store::open_for_reading(&store.store)?.back_up(&to)?;
        }
        Command::Show { store, format, node, finding } => {
            let store = up_to_date(&store.store)?;
            show::run(&store, &finding, node.as_deref(), format, &mut out)?;
        }
        Command::Nodes { store, state, format } => {
            let view = View::now(env!("CARGO_PKG_VERSION"));
            nodes::run(&Store::open_for_reading(&store.store)?, &state, view, format, &mut out)?;
        }
        Command::Wait { store, pod, namespace, recent, timeout, format } => {
            let since = clock::now_unix_ns().saturating_sub(u64::from(recent) * 1_000_000_000);
            let search = Search {
                pod: Some(pod),
                namespace: Some(namespace),
                since_ns: Some(i64::try_from(since).unwrap_or(i64::MAX)),
                ..Search::default()
            };
            let timeout = Duration::from_secs(timeout.into());
            wait::run(&store.store, &search, timeout, format, &mut out)?;
        }
        Command::Tail { store, format } => tail::run(&store.store, format, &mut out)?,
    }
    out.flush()?;
    Ok(())
}

/// How long what was taken in may take to get into the database; some ms mostly.
const BACKLOG: Duration = Duration::from_secs(2);

/// The database, with everything that was acknowledged before.
fn up_to_date(path: &Path) -> anyhow::Result<Store> {
    let store = Store::open_for_reading(path)?;
    if let Err(e) = Backlog::wait(path, BACKLOG) {
        eprintln!("warning: {e}");
    }
    Ok(store)
}

/// Runs a service until SIGINT or SIGTERM.
fn run<S, F>(service: S) -> anyhow::Result<()>
where
    S: FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) -> F,
    F: Future<Output = Result<(), ServerError>>,
{
    let runtime = tokio::runtime::Runtime::new()?;
    let served = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        anyhow::Ok(service(Box::pin(stop)).await?)
    });
    // A thread that hangs must not hold up the end.
    runtime.shutdown_background();
    served
}
