//! `collector`: parses the command line and starts what it asks for.

use std::{
    io::{BufWriter, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use collector::{
    command::{Format, list, show, tail},
    server::serve,
    store::Store,
};
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
        /// Write the port to this file once it is open.
        #[arg(long, value_name = "FILE")]
        port_file: Option<PathBuf>,
    },
    /// Show the newest findings.
    List {
        #[command(flatten)]
        store: StorePath,
        /// How many at most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
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
        Command::Serve { store, listen, port_file } => {
            drop(out);
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
                Ok(serve(listen, &store.store, port_file, stop).await?)
            });
        }
        Command::List { store, limit, format } => {
            list::run(&Store::open_for_reading(&store.store)?, limit, format, &mut out)?;
        }
        Command::Show { store, format, finding } => {
            show::run(&Store::open_for_reading(&store.store)?, &finding, format, &mut out)?;
        }
        Command::Tail { store, format } => tail::run(&store.store, format, &mut out)?,
    }
    out.flush()?;
    Ok(())
}
