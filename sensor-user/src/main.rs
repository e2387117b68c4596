//! `sensor`: parses the command line and starts what it asks for.

use std::{
    io::{BufWriter, IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use globset::{Glob, GlobMatcher};
use sensor::{
    command::{
        eval::{self, Contestant},
        features,
        filter::Filter,
        replay, score, status,
    },
    daemon::{self, Assets, Config},
    identity::Node,
    probe::Tier,
    script::{Limits, Origin},
    suppression::Suppressions,
    verdict::{Judge, OperatingPoint},
};
use sensor_ebpf::limit::SHELLS_MAX;
use tracing_subscriber::EnvFilter;

/// Watches the shells of this node and reports malicious scripts.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch this node until SIGINT or SIGTERM.
    Run(Box<Run>),
    /// Score scripts from JSON Lines files (`.zst` too); each object has at least `content`.
    Score(Files),
    /// Judge recorded captures again.
    Replay(Box<Replay>),
    /// Ask a running sensor how it is; the exit code is 1 when it is not well.
    Status {
        /// Its --status-listen.
        #[arg(long, env = "SCRIPTWATCH_STATUS_LISTEN", default_value = STATUS_LISTEN)]
        address: SocketAddr,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Measure a model on labelled scripts (`content`, `label`), and what another would have said.
    Eval {
        #[command(flatten)]
        files: Files,
        /// Another model, to be compared with.
        #[arg(long, value_name = "MODEL")]
        against: Option<PathBuf>,
    },
    /// Write the features of scripts, for training.
    Features {
        /// JSON Lines files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Args)]
struct Scoring {
    /// ONNX model [default: script.onnx beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_MODEL")]
    model: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: libonnxruntime.so beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_ONNXRUNTIME")]
    onnxruntime: Option<PathBuf>,
    /// Named threshold of the model.
    #[arg(long, env = "SCRIPTWATCH_OPERATING_POINT", value_enum, default_value = "balanced")]
    operating_point: OperatingPoint,
    /// Score from which a script is malicious, instead of a named threshold.
    #[arg(long, env = "SCRIPTWATCH_THRESHOLD", value_parser = probability)]
    threshold: Option<f32>,
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    scoring: Scoring,
    /// BPF object [default: sensor-ebpf.o beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_BPF_OBJECT")]
    bpf_object: Option<PathBuf>,
    /// Collector to deliver to, such as <http://127.0.0.1:7600>; without it findings are only counted.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR")]
    collector: Option<String>,
    /// Capture tier: fexit or tracepoint [default: the best this kernel accepts].
    #[arg(long, env = "SCRIPTWATCH_TIER")]
    tier: Option<Tier>,
    /// Size of the ring buffer in MiB, a power of two.
    #[arg(long, env = "SCRIPTWATCH_RING_MIB", default_value_t = 16, value_parser = power_of_two)]
    ring_mib: u32,
    /// Bytes kept of one script; the rest is counted.
    #[arg(long, env = "SCRIPTWATCH_SCRIPT_BYTES", default_value_t = Limits::default().script_bytes)]
    script_bytes: usize,
    /// Bytes kept of all scripts in the making together.
    #[arg(long, env = "SCRIPTWATCH_TOTAL_BYTES", default_value_t = Limits::default().total_bytes)]
    total_bytes: usize,
    /// Shell processes followed at once.
    #[arg(long, env = "SCRIPTWATCH_MAX_SHELLS", default_value_t = SHELLS_MAX, value_parser = value_parser!(u32).range(1..))]
    max_shells: u32,
    /// Record every captured script, benign ones too, to this file (zstd when it ends in .zst).
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// TOML file with rules for malicious scripts that are not reported (see the README).
    #[arg(long, env = "SCRIPTWATCH_SUPPRESSIONS", value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// Where `sensor status`, probes and Prometheus find it (/status, /healthz, /readyz, /metrics); `off` for nowhere.
    #[arg(long, env = "SCRIPTWATCH_STATUS_LISTEN", default_value = STATUS_LISTEN, value_parser = listen)]
    status_listen: Listen,
    /// Write the capture tier to this file once everything is attached.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Name of this node [default: the host name].
    #[arg(long, env = "SCRIPTWATCH_NODE")]
    node: Option<String>,
    /// Google Cloud project that findings are filed under.
    #[arg(long, env = "SCRIPTWATCH_PROJECT", default_value = "-")]
    project: String,
    /// Security Command Center source.
    #[arg(long, env = "SCRIPTWATCH_SOURCE", default_value = "scriptwatch")]
    source: String,
    /// Location of the findings.
    #[arg(long, env = "SCRIPTWATCH_LOCATION", default_value = "global")]
    location: String,
}

#[derive(Args)]
struct Files {
    #[command(flatten)]
    scoring: Scoring,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// JSON Lines files.
    #[arg(required = true, value_name = "FILES")]
    paths: Vec<PathBuf>,
}

#[derive(Args)]
struct Replay {
    #[command(flatten)]
    files: Files,
    /// Show malicious scripts, with the lines marked that carried the verdict.
    #[arg(long)]
    explain: bool,
    /// Write a self-contained page, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Another model, to see what it would have said.
    #[arg(long, value_name = "MODEL")]
    diff: Option<PathBuf>,
    /// Only captures on which the two models disagree.
    #[arg(long, requires = "diff")]
    flipped: bool,
    /// Only these verdicts.
    #[arg(long, value_enum)]
    verdict: Option<VerdictName>,
    /// Only scripts that came so; may be given more than once.
    #[arg(long, value_enum)]
    origin: Vec<Origin>,
    /// Only from this score on.
    #[arg(long, value_parser = probability)]
    min_score: Option<f32>,
    /// Only malicious scripts that show this ATT&CK technique, such as T1105 or T1053.
    #[arg(long)]
    technique: Option<String>,
    /// Only scripts whose hash begins with these hex digits.
    #[arg(long, value_parser = hex_prefix)]
    sha256: Option<String>,
    /// Only scripts on disk whose path fits this glob.
    #[arg(long, value_parser = glob)]
    path: Option<GlobMatcher>,
    /// Only scripts that hold this text.
    #[arg(long)]
    contains: Option<String>,
    /// Rules for what is not reported, as for `sensor run`.
    #[arg(long, value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// Threads that judge [default: one a core].
    #[arg(long, value_parser = value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerdictName {
    Malicious,
    Benign,
}

fn hex_prefix(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if fits { Ok(text.to_ascii_lowercase()) } else { Err("1 to 64 hex digits are expected".to_owned()) }
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    Ok(Glob::new(text).map_err(|e| e.to_string())?.compile_matcher())
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(p) if (0.0..=1.0).contains(&p) => Ok(p),
        _ => Err("a number from 0 to 1 is expected".to_owned()),
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

fn power_of_two(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(n) if n.is_power_of_two() && n <= 1024 => Ok(n),
        _ => Err("a power of two up to 1024 is expected".to_owned()),
    }
}

/// Where the sensor tells its state unless told otherwise.
const STATUS_LISTEN: &str = "127.0.0.1:7601";
/// Some input lines were bad and were skipped.
const EXIT_BAD_LINES: u8 = 3;
/// The machine lacks what the sensor needs.
const EXIT_UNFIT: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("SCRIPTWATCH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match start(cli.command) {
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

fn start(command: Command) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let bad = match command {
        Command::Run(run) => {
            drop(out);
            daemon::run(config(*run)?)?;
            return Ok(ExitCode::SUCCESS);
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
    let node = Node::of_this_machine(None, "-", "scriptwatch", "global")?;
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

fn config(run: Run) -> anyhow::Result<Config> {
    Ok(Config {
        assets: assets(&run.scoring, run.bpf_object),
        collector: run.collector,
        tier: run.tier,
        ring_bytes: run.ring_mib * 1024 * 1024,
        max_shells: run.max_shells,
        limits: Limits { script_bytes: run.script_bytes, total_bytes: run.total_bytes, ..Limits::default() },
        operating_point: run.scoring.operating_point,
        threshold: run.scoring.threshold,
        suppressions: run.suppressions,
        record: run.record,
        status_listen: run.status_listen.0,
        ready_file: run.ready_file,
        node: Node::of_this_machine(run.node, &run.project, &run.source, &run.location)?,
    })
}
