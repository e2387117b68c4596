//! `sensor`: parses the command line and starts what it asks for.

mod assets;
mod cli;
mod config_file;
mod settings;

use std::{
    ffi::OsString,
    io::{BufWriter, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use cli::{Command, ConfigCommand, Format};
use command::{eval, facts, features, replay, score, status};
use config_file::ConfigError;
use daemon::StageFailed;
use probe::ProbeError;
use stage::{EXIT_STAGE_FAILED, TooFew};
use tracing_subscriber::EnvFilter;

/// Some input lines were bad and were skipped.
const EXIT_BAD_LINES: u8 = 3;
/// The machine lacks what the sensor needs.
const EXIT_UNFIT: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match config_file::parse(&arguments) {
        Ok(cli) => cli,
        // clap says what is wrong, or helps, and knows the exit code.
        Err(ConfigError::CommandLine(e)) => e.exit(),
        Err(e) => {
            eprintln!("sensor: {e}");
            return ExitCode::FAILURE;
        }
    };
    let filter = EnvFilter::try_from_env("SCRIPTWATCH_SENSOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(cli.command, arguments) {
        Ok(code) => code,
        // A reader that had enough is no failure.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("sensor: {e:#}");
            code_of(&e)
        }
    }
}

fn code_of(error: &anyhow::Error) -> ExitCode {
    if error.is::<ProbeError>() || error.is::<TooFew>() {
        ExitCode::from(EXIT_UNFIT)
    } else if error.is::<StageFailed>() {
        ExitCode::from(EXIT_STAGE_FAILED)
    } else {
        ExitCode::FAILURE
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(broken)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|e| e.io_error_kind() == Some(std::io::ErrorKind::BrokenPipe))
    })
}

fn start(command: Command, arguments: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let bad = match command {
        Command::Run(run) => {
            drop(out);
            let reload = move || {
                let Command::Run(run) = config_file::parse(&arguments)?.command else {
                    anyhow::bail!("the command line is no longer `run`");
                };
                // First what must not fail: it may be an emergency.
                let respond_off = run.respond == cli::Respond::Off;
                let settings = settings::reloadable(&run).and_then(|settings| {
                    settings::check_may_respond(&settings)?;
                    Ok(settings)
                });
                Ok(daemon::Reloaded { respond_off, settings })
            };
            let config = settings::config(*run)?;
            settings::check_may_respond(&config.reloadable)?;
            daemon::run(config, Arc::new(reload), env!("CARGO_PKG_VERSION"))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::HoldGuard { table, deadline_ms, sensor } => {
            hold::guard::run(table, Duration::from_millis(deadline_ms), sensor)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Config { command: ConfigCommand::Check(run) } => {
            let file = config_file::path_of(&run);
            settings::config(*run)?;
            match file {
                Some(file) => writeln!(out, "{}: ok", file.display())?,
                None => writeln!(out, "no configuration file; flags and environment are ok")?,
            }
            0
        }
        Command::Score(files) => {
            let judges = settings::several(None, || settings::judge(&files.scoring))?;
            score::run(judges, &files.paths, files.format == Format::Json, &mut out)?
        }
        Command::Replay(args) => {
            let settings::Replay { node, bench, suppressions, filter, show, files } =
                settings::replay(*args)?;
            replay::run(bench, &node, &files, &suppressions, &filter, &show, &mut out)?
        }
        Command::Status { address, format } => {
            let healthy = status::run(address, format == Format::Json, &mut out)?;
            out.flush()?;
            return Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Eval { files, baseline } => {
            let model = settings::contestant(&files.scoring, files.scoring.model.clone())?;
            let baseline =
                baseline.map(|path| settings::contestant(&files.scoring, Some(path))).transpose()?;
            eval::run(model, baseline, &files.paths, files.format == Format::Json, &mut out)?
        }
        Command::Facts { names: true, .. } => {
            facts::names(&mut out)?;
            0
        }
        Command::Facts { files, .. } => {
            facts::run(&files, &mut out)?;
            0
        }
        Command::Features { fingerprint: true, .. } => {
            writeln!(out, "{}", verdict::fingerprint())?;
            0
        }
        Command::Features { files, .. } => {
            features::run(&files, &mut out)?;
            0
        }
    };
    out.flush()?;
    if bad > 0 {
        eprintln!("sensor: {bad} bad lines were skipped");
        return Ok(ExitCode::from(EXIT_BAD_LINES));
    }
    Ok(ExitCode::SUCCESS)
}
