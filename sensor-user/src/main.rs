//! `sensor`: parses the command line and starts what it asks for.

mod cli;
mod config_file;

use std::{
    ffi::OsString,
    io::{BufWriter, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use cli::{
    Command, ConfigCommand, Format, Metadata, Replay, Run, RuntimeSocket, Scoring, Switch, VerdictName,
};
use sensor::{
    command::{
        eval::{self, Contestant},
        features,
        filter::Filter,
        replay, score, status,
    },
    daemon::{self, Assets, Config, Reloadable, Sensitivity},
    delivery::{Endpoints, SpoolLimits, Tls},
    identity::{self, Cloud, Node},
    script::Limits,
    suppression::Suppressions,
    verdict::Judge,
};
use tracing_subscriber::EnvFilter;

/// Some input lines were bad and were skipped.
const EXIT_BAD_LINES: u8 = 3;
/// The machine lacks what the sensor needs.
const EXIT_UNFIT: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match config_file::parse(&arguments) {
        Ok(cli) => cli,
        Err(e) => {
            eprintln!("sensor: {e}");
            return ExitCode::FAILURE;
        }
    };
    let filter = EnvFilter::try_from_env("SCRIPTWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(cli.command, arguments) {
        Ok(code) => code,
        Err(e) if daemon::is_unfit_machine(&e) => {
            eprintln!("sensor: {e}");
            ExitCode::from(EXIT_UNFIT)
        }
        // A reader that had enough is no failure.
        Err(e) if is_broken_pipe(&e) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("sensor: {e:#}");
            ExitCode::FAILURE
        }
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
                reloadable(&run)
            };
            daemon::run(config(*run)?, &reload)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Config { command: ConfigCommand::Check(run) } => {
            let file = config_file::path_of(&run);
            config(*run)?;
            match file {
                Some(file) => writeln!(out, "{}: ok", file.display())?,
                None => writeln!(out, "no configuration file; flags and environment are ok")?,
            }
            0
        }
        Command::Score(files) => {
            let judges = several(None, || judge(&files.scoring))?;
            score::run(judges, &files.paths, files.format == Format::Json, &mut out)?
        }
        Command::Replay(args) => replay(*args, &mut out)?,
        Command::Status { address, format } => {
            let healthy = status::run(address, format == Format::Json, &mut out)?;
            out.flush()?;
            return Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Eval { files, against } => {
            let contestant = |path: PathBuf| -> anyhow::Result<Contestant> {
                let scoring = &files.scoring;
                let assets = Assets { model: path.clone(), ..assets(scoring, None) };
                let load = || daemon::load_judge(&assets, scoring.operating_point, scoring.threshold);
                Ok(Contestant { path, judges: several(None, load)? })
            };
            let model = contestant(assets(&files.scoring, None).model)?;
            let against = against.map(contestant).transpose()?;
            eval::run(model, against, &files.paths, files.format == Format::Json, &mut out)?
        }
        Command::Features { files } => {
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

fn assets(scoring: &Scoring, bpf_object: Option<PathBuf>) -> Assets {
    Assets::find(bpf_object, scoring.model.clone(), scoring.onnxruntime.clone())
}

fn judge(scoring: &Scoring) -> anyhow::Result<Judge> {
    daemon::load_judge(&assets(scoring, None), scoring.operating_point, scoring.threshold)
}

/// One for each thread.
fn several<T>(jobs: Option<u16>, mut make: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    (0..jobs.map_or_else(cores, usize::from)).map(|_| make()).collect()
}

fn replay(args: Replay, out: &mut dyn Write) -> anyhow::Result<usize> {
    let node = Node::of_this_machine(None, "scriptwatch", "global", Cloud::default())?;
    let scoring = &args.files.scoring;
    let workers = several(args.jobs, || {
        let other = args.diff.as_ref().map(|model| {
            let assets = Assets { model: model.clone(), ..assets(scoring, None) };
            daemon::load_judge(&assets, scoring.operating_point, scoring.threshold)
        });
        Ok(replay::Judges { judge: judge(scoring)?, other: other.transpose()? })
    })?;
    let filter = Filter {
        malicious: args.verdict.map(|v| v == VerdictName::Malicious),
        flipped: args.flipped,
        origins: args.origin,
        min_score: args.min_score,
        technique: args.technique,
        sha256: args.sha256,
        path: args.path,
        pod: args.pod,
        image: args.image,
        contains: args.contains,
    };
    let show = replay::Show {
        json: args.files.format == Format::Json,
        explain: args.explain,
        html: args.html,
        colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let suppressions = args.suppressions.as_deref().map(Suppressions::load).transpose()?.unwrap_or_default();
    replay::run(workers, &node, &args.files.paths, &suppressions, &filter, &show, out)
}

/// What SIGHUP may change.
fn reloadable(run: &Run) -> anyhow::Result<Reloadable> {
    let suppressions = run.suppressions.as_deref().map(Suppressions::load).transpose()?.unwrap_or_default();
    let sensitivity = Sensitivity { point: run.scoring.operating_point, threshold: run.scoring.threshold };
    Ok(Reloadable { sensitivity, suppressions: Arc::new(suppressions) })
}

fn config(run: Run) -> anyhow::Result<Config> {
    let reloadable = reloadable(&run)?;
    let cloud = Cloud {
        project_id: run.project,
        project_number: run.project_number,
        zone: run.zone,
        instance_name: run.instance_name,
        instance_id: run.instance_id,
        cluster: run.cluster,
        cluster_location: run.cluster_location,
    };
    let mut node = Node::of_this_machine(run.node, &run.source, &run.location, cloud)?;
    let metadata = match run.gce_metadata {
        Metadata::Auto => identity::is_on_google_cloud(),
        Metadata::On => true,
        Metadata::Off => false,
    };
    node.is_complete = !metadata;
    Ok(Config {
        assets: assets(&run.scoring, run.bpf_object),
        collectors: Endpoints::new(
            run.collector,
            Tls {
                authority: run.tls_ca,
                identity: run.tls_cert.zip(run.tls_key),
                server_name: run.tls_server_name,
            },
        ),
        ack_timeout: run.ack_timeout,
        spool: (run.spool.as_os_str() != "off").then_some(run.spool),
        spool_limits: SpoolLimits {
            bytes: run.spool_mib * 1024 * 1024,
            age: Duration::from_secs(run.spool_hours * 3600),
        },
        tier: run.tier,
        ring_bytes: run.ring_mib * 1024 * 1024,
        max_shells: run.max_shells,
        shell_probes: run.shell_probes == Switch::On,
        limits: Limits { script_bytes: run.script_bytes, total_bytes: run.total_bytes, ..Limits::default() },
        reloadable,
        record: run.record,
        status_listen: run.status_listen.0,
        ready_file: run.ready_file,
        container_runtime: match run.container_runtime {
            RuntimeSocket::Auto => identity::usual_socket(),
            RuntimeSocket::Off => None,
            RuntimeSocket::At(path) => Some(path),
        },
        identity_wait: run.identity_wait,
        node,
    })
}
