//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use globset::{Glob, GlobMatcher};
use sensor::{
    probe::Tier,
    script::{Limits, Origin},
    verdict::OperatingPoint,
};
use sensor_ebpf::limit::SHELLS_MAX;

/// Watches the shells of this node and reports malicious scripts.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Watch this node until SIGINT or SIGTERM; SIGHUP reads the threshold and the suppressions again.
    Run(Box<Run>),
    /// Look at the configuration without running.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
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

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration file, the environment and the suppressions, as `sensor run` would read them.
    Check(Box<Run>),
}

#[derive(Args)]
pub(crate) struct Scoring {
    /// ONNX model [default: script.onnx beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: libonnxruntime.so beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_ONNXRUNTIME")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Named threshold of the model.
    #[arg(long, env = "SCRIPTWATCH_OPERATING_POINT", value_enum, default_value = "balanced")]
    pub(crate) operating_point: OperatingPoint,
    /// Score from which a script is malicious, instead of a named threshold.
    #[arg(long, env = "SCRIPTWATCH_THRESHOLD", value_parser = probability)]
    pub(crate) threshold: Option<f32>,
}

#[derive(Args)]
pub(crate) struct Run {
    /// TOML file whose keys are these options, with underscores; flags and environment go before it [default:
    /// /etc/scriptwatch/sensor.toml, if it is there].
    #[arg(long, env = "SCRIPTWATCH_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) scoring: Scoring,
    /// BPF object [default: sensor-ebpf.o beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_BPF_OBJECT")]
    pub(crate) bpf_object: Option<PathBuf>,
    /// Collectors to deliver to, such as <https://collector.example:7600>, separated by commas; the next is tried when
    /// one fails. `http` is without encryption. Without any, findings are only counted and kept.
    #[arg(long, env = "SCRIPTWATCH_COLLECTOR", value_delimiter = ',', value_parser = collector)]
    pub(crate) collector: Vec<String>,
    /// PEM file with the authorities that issue collectors' certificates [default: the system's].
    #[arg(long, env = "SCRIPTWATCH_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// PEM file with this sensor's certificate; renewed ones are used without a restart.
    #[arg(long, env = "SCRIPTWATCH_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file with its key.
    #[arg(long, env = "SCRIPTWATCH_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Name that a collector's certificate must bear [default: the one in its address].
    #[arg(long, env = "SCRIPTWATCH_TLS_SERVER_NAME", value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// How long a collector may take to acknowledge before another connection is made.
    #[arg(long, env = "SCRIPTWATCH_ACK_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub(crate) ack_timeout: Duration,
    /// Directory where findings wait until a collector has them, `off` for memory only.
    #[arg(long, env = "SCRIPTWATCH_SPOOL", default_value = "/var/lib/scriptwatch", value_name = "DIRECTORY")]
    pub(crate) spool: PathBuf,
    /// MiB of findings that may wait there; the oldest give way.
    #[arg(long, env = "SCRIPTWATCH_SPOOL_MIB", default_value_t = 256, value_parser = value_parser!(u64).range(1..=1_048_576))]
    pub(crate) spool_mib: u64,
    /// Hours of the sensor's running time that a finding may wait.
    #[arg(long, env = "SCRIPTWATCH_SPOOL_HOURS", default_value_t = 168, value_parser = value_parser!(u64).range(1..=87_600))]
    pub(crate) spool_hours: u64,
    /// Capture tier: fexit or tracepoint [default: the best this kernel accepts].
    #[arg(long, env = "SCRIPTWATCH_TIER")]
    pub(crate) tier: Option<Tier>,
    /// Size of the ring buffer in MiB, a power of two.
    #[arg(long, env = "SCRIPTWATCH_RING_MIB", default_value_t = 16, value_parser = power_of_two)]
    pub(crate) ring_mib: u32,
    /// Bytes kept of one script; the rest is counted.
    #[arg(long, env = "SCRIPTWATCH_SCRIPT_BYTES", default_value_t = Limits::default().script_bytes)]
    pub(crate) script_bytes: usize,
    /// Bytes kept of all scripts in the making together.
    #[arg(long, env = "SCRIPTWATCH_TOTAL_BYTES", default_value_t = Limits::default().total_bytes)]
    pub(crate) total_bytes: usize,
    /// Shell processes followed at once.
    #[arg(long, env = "SCRIPTWATCH_MAX_SHELLS", default_value_t = SHELLS_MAX, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_shells: u32,
    /// Put probes into shells to see evaluated strings and typed lines; they need `CAP_SYS_ADMIN`.
    #[arg(long, env = "SCRIPTWATCH_SHELL_PROBES", value_enum, default_value = "on")]
    pub(crate) shell_probes: Switch,
    /// Record every captured script, benign ones too, to this file (zstd when it ends in .zst).
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// TOML file with rules for malicious scripts that are not reported (see the README).
    #[arg(long, env = "SCRIPTWATCH_SUPPRESSIONS", value_name = "FILE")]
    pub(crate) suppressions: Option<PathBuf>,
    /// Where `sensor status`, probes and Prometheus find it (/status, /healthz, /readyz, /metrics); `off` for nowhere.
    #[arg(long, env = "SCRIPTWATCH_STATUS_LISTEN", default_value = STATUS_LISTEN, value_parser = listen)]
    pub(crate) status_listen: Listen,
    /// Write the capture tier to this file once everything is attached.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Name of this node [default: the host name].
    #[arg(long, env = "SCRIPTWATCH_NODE")]
    pub(crate) node: Option<String>,
    /// Socket of the container runtime (CRI), `auto` for the first of the usual ones, `off` for none.
    #[arg(long, env = "SCRIPTWATCH_CONTAINER_RUNTIME", default_value = "auto", value_parser = runtime)]
    pub(crate) container_runtime: RuntimeSocket,
    /// How long a finding waits for container and pod before it goes out without; it is completed later.
    #[arg(long, env = "SCRIPTWATCH_IDENTITY_WAIT", default_value = "2s", value_name = "DURATION", value_parser = duration)]
    pub(crate) identity_wait: Duration,
    /// Whether to ask Google Cloud's metadata server for what is not given here; `GCE_METADATA_HOST` moves it.
    #[arg(long, env = "SCRIPTWATCH_GCE_METADATA", value_enum, default_value = "auto")]
    pub(crate) gce_metadata: Metadata,
    /// Google Cloud project (its id) that the node belongs to and findings are filed under.
    #[arg(long, env = "SCRIPTWATCH_PROJECT", default_value = "")]
    pub(crate) project: String,
    /// Number of that project.
    #[arg(long, env = "SCRIPTWATCH_PROJECT_NUMBER", default_value = "")]
    pub(crate) project_number: String,
    /// Name of the cluster.
    #[arg(long, env = "SCRIPTWATCH_CLUSTER", default_value = "")]
    pub(crate) cluster: String,
    /// Region or zone of the cluster.
    #[arg(long, env = "SCRIPTWATCH_CLUSTER_LOCATION", default_value = "")]
    pub(crate) cluster_location: String,
    /// Zone of the machine.
    #[arg(long, env = "SCRIPTWATCH_ZONE", default_value = "")]
    pub(crate) zone: String,
    /// Name of the machine.
    #[arg(long, env = "SCRIPTWATCH_INSTANCE_NAME", default_value = "")]
    pub(crate) instance_name: String,
    /// Number of the machine.
    #[arg(long, env = "SCRIPTWATCH_INSTANCE_ID", default_value = "")]
    pub(crate) instance_id: String,
    /// Security Command Center source.
    #[arg(long, env = "SCRIPTWATCH_SOURCE", default_value = "scriptwatch")]
    pub(crate) source: String,
    /// Location of the findings.
    #[arg(long, env = "SCRIPTWATCH_LOCATION", default_value = "global")]
    pub(crate) location: String,
}

#[derive(Args)]
pub(crate) struct Files {
    #[command(flatten)]
    pub(crate) scoring: Scoring,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// JSON Lines files.
    #[arg(required = true, value_name = "FILES")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) files: Files,
    /// Show malicious scripts, with the lines marked that carried the verdict.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Write a self-contained page, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Another model, to see what it would have said.
    #[arg(long, value_name = "MODEL")]
    pub(crate) diff: Option<PathBuf>,
    /// Only captures on which the two models disagree.
    #[arg(long, requires = "diff")]
    pub(crate) flipped: bool,
    /// Only these verdicts.
    #[arg(long, value_enum)]
    pub(crate) verdict: Option<VerdictName>,
    /// Only scripts that came so; may be given more than once.
    #[arg(long, value_enum)]
    pub(crate) origin: Vec<Origin>,
    /// Only from this score on.
    #[arg(long, value_parser = probability)]
    pub(crate) min_score: Option<f32>,
    /// Only malicious scripts that show this ATT&CK technique, such as T1105 or T1053.
    #[arg(long)]
    pub(crate) technique: Option<String>,
    /// Only scripts whose hash begins with these hex digits.
    #[arg(long, value_parser = hex_prefix)]
    pub(crate) sha256: Option<String>,
    /// Only scripts on disk whose path fits this glob.
    #[arg(long, value_parser = glob)]
    pub(crate) path: Option<GlobMatcher>,
    /// Only scripts of pods whose `namespace/name` fits this glob.
    #[arg(long, value_parser = glob)]
    pub(crate) pod: Option<GlobMatcher>,
    /// Only scripts of containers whose image fits this glob.
    #[arg(long, value_parser = glob)]
    pub(crate) image: Option<GlobMatcher>,
    /// Only scripts that hold this text.
    #[arg(long)]
    pub(crate) contains: Option<String>,
    /// Rules for what is not reported, as for `sensor run`.
    #[arg(long, value_name = "FILE")]
    pub(crate) suppressions: Option<PathBuf>,
    /// Threads that judge [default: one a core].
    #[arg(long, value_parser = value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerdictName {
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
pub(crate) enum Format {
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
pub(crate) struct Listen(pub(crate) Option<SocketAddr>);

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
pub(crate) const STATUS_LISTEN: &str = "127.0.0.1:7601";

/// Which socket to ask about containers.
#[derive(Clone, Debug)]
pub(crate) enum RuntimeSocket {
    /// The first of the usual ones.
    Auto,
    /// None.
    Off,
    /// This one.
    At(PathBuf),
}

fn runtime(text: &str) -> Result<RuntimeSocket, String> {
    match text.strip_prefix("unix://").unwrap_or(text) {
        "auto" => Ok(RuntimeSocket::Auto),
        "off" => Ok(RuntimeSocket::Off),
        path if path.starts_with('/') => Ok(RuntimeSocket::At(path.into())),
        _ => Err("the absolute path of a socket, `auto` or `off` is expected".to_owned()),
    }
}

fn collector(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() => Ok(text.to_owned()),
        _ => Err("an address such as https://collector.example:7600 is expected".to_owned()),
    }
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Do it.
    On,
    /// Go without.
    Off,
}

/// Whether to ask the metadata server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metadata {
    /// On machines of Google Cloud, and where `GCE_METADATA_HOST` is set.
    Auto,
    /// In any case.
    On,
    /// Never.
    Off,
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "a duration such as 2s or 500ms is expected".to_owned())?;
    let span = Duration::try_from(span).map_err(|_| "a duration is not negative".to_owned())?;
    if span <= Duration::from_mins(1) { Ok(span) } else { Err("at most 60s".to_owned()) }
}
