//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser,
};
use ebpf::limit::SHELLS_MAX;
use globset::GlobMatcher;
use probe::Tier;
use script::{Limits, Origin};
use suppression::glob;
use url::Url;
use verdict::OperatingPoint;

/// Watches the shells of this node and reports malicious scripts.
#[derive(Parser)]
#[command(version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Watch this node until SIGINT or SIGTERM. SIGHUP reloads the threshold, the suppressions and the responses.
    Run(Box<Run>),
    /// Continue shells that a sensor stopped and did not continue: started by `run --respond hold`, and by nobody else.
    #[command(hide = true)]
    HoldGuard {
        /// Descriptor of the table.
        table: i32,
        /// Milliseconds after which a shell is to go on.
        deadline_ms: u64,
        /// Process id of the sensor.
        sensor: u32,
    },
    /// Check the configuration without running.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Score the scripts of JSON Lines files (also `.zst`). Each object needs at least `content`.
    Score(Files),
    /// Score recorded captures again, for example with another model or threshold.
    Replay(Box<Replay>),
    /// Print the state of a running sensor. The exit code is 1 when it is not healthy.
    Status {
        /// The address given to it as --admin-listen.
        #[arg(long, env = "SCRIPTWATCH_SENSOR_ADMIN_LISTEN", default_value = ADMIN_LISTEN, value_parser = admin_address)]
        address: SocketAddr,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
    },
    /// Measure a model on labelled scripts (`content`, `label`), and compare it with a baseline.
    Eval {
        #[command(flatten)]
        files: Files,
        /// A baseline model. The verdicts that differ from its are listed.
        #[arg(long, value_name = "MODEL")]
        baseline: Option<PathBuf>,
    },
    /// Write what scripts do: the facts that the second opinion weighs, a JSON line each.
    Facts {
        /// Print the names of all facts instead.
        #[arg(long, conflicts_with = "files")]
        names: bool,
        /// JSON Lines files.
        #[arg(required_unless_present = "names")]
        files: Vec<PathBuf>,
    },
    /// Write the features of scripts, as the trainer reads them.
    Features {
        /// Print the hash of the feature definition instead. A model's metadata must have it as `features.sha256`.
        #[arg(long, conflicts_with = "files")]
        fingerprint: bool,
        /// JSON Lines files.
        #[arg(required_unless_present = "fingerprint")]
        files: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration file, the environment and the suppressions as `sensor run` would read them.
    Check(Box<Run>),
}

#[derive(Args)]
pub(crate) struct Scoring {
    /// ONNX model [default: script.onnx beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: libonnxruntime.so beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_ONNXRUNTIME")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Threshold of the model, by name.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_OPERATING_POINT", default_value = "balanced", value_parser = operating_points())]
    pub(crate) operating_point: OperatingPoint,
    /// Threshold as a number: a script with this score or a higher one is malicious. Overrides --operating-point.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_THRESHOLD", value_parser = probability)]
    pub(crate) threshold: Option<f32>,
}

#[derive(Args)]
pub(crate) struct Run {
    /// TOML file. Its keys are these options, with underscores. Precedence: flags > environment > file [default:
    /// /etc/scriptwatch/sensor.toml, if it exists].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) scoring: Scoring,
    /// BPF object [default: sensor-ebpf.o beside the binary, then in /usr/lib/scriptwatch].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_BPF_OBJECT")]
    pub(crate) bpf_object: Option<PathBuf>,
    /// Collectors to deliver to, such as <https://collector.example:7600>, separated by commas. One is chosen at random.
    /// When it fails, the next is tried. `http` is not encrypted. Without a collector, findings stay in the spool.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_COLLECTOR", value_delimiter = ',', value_parser = collector)]
    pub(crate) collector: Vec<String>,
    /// PEM file with the certificate authorities to trust for collectors [default: those of the system].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// PEM file with this sensor's certificate. It is reloaded when it changes.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// PEM file with the private key of that certificate.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// File with a token of the sensors' service account, as the kubelet projects it into pods: the collector tells by it
    /// which node this is (`collector serve --token-keys`). It is sent only over https.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Name that must be in the collector's certificate [default: the host of its address].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TLS_SERVER_NAME", value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// How long to wait for an acknowledgement before the connection is given up.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_ACK_TIMEOUT", default_value = "30s", value_name = "DURATION", value_parser = timeout)]
    pub(crate) ack_timeout: Duration,
    /// Directory of the spool, where findings wait until a collector has stored them. `off` keeps them in memory.
    #[arg(
        long,
        env = "SCRIPTWATCH_SENSOR_SPOOL",
        default_value = "/var/lib/scriptwatch",
        value_name = "DIRECTORY"
    )]
    pub(crate) spool: PathBuf,
    /// Maximum size of the spool in MiB. When it is full, the oldest findings are dropped.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SPOOL_MIB", default_value_t = 256, value_parser = value_parser!(u64).range(1..=1_048_576))]
    pub(crate) spool_mib: u64,
    /// Maximum age of a finding in the spool, in hours during which the sensor ran.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SPOOL_HOURS", default_value_t = 168, value_parser = value_parser!(u64).range(1..=87_600))]
    pub(crate) spool_hours: u64,
    /// Capture tier: fexit or tracepoint [default: the best one that this kernel accepts].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TIER")]
    pub(crate) tier: Option<Tier>,
    /// Size of the ring buffer in MiB, a power of two.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_RING_MIB", default_value_t = 16, value_parser = power_of_two)]
    pub(crate) ring_mib: u32,
    /// Bytes of one script that are judged at once; a longer one is judged in parts. With `--respond hold` at most 131072, else 2097152.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SCRIPT_BYTES", default_value_t = Limits::default().script_bytes, value_parser = script_bytes)]
    pub(crate) script_bytes: usize,
    /// Bytes kept of all scripts that are still being read.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_TOTAL_BYTES", default_value_t = Limits::default().total_bytes, value_parser = bytes)]
    pub(crate) total_bytes: usize,
    /// Maximum number of shell processes that are followed at the same time.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_MAX_SHELLS", default_value_t = SHELLS_MAX, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_shells: u32,
    /// Attach uprobes to shells, to capture evaluated strings and typed lines. Before kernel 6.6 this needs `CAP_SYS_ADMIN`.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SHELL_PROBES", value_enum, default_value = "on")]
    pub(crate) shell_probes: Switch,
    /// Record every captured script, also benign ones, in this file (compressed when its name ends in .zst).
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// TOML file with rules for malicious scripts that are not to be reported (see docs/detection.md).
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SUPPRESSIONS", value_name = "FILE")]
    pub(crate) suppressions: Option<PathBuf>,
    /// TOML file with rules for secrets that are redacted in findings (see docs/deploy.md).
    #[arg(long, env = "SCRIPTWATCH_SENSOR_REDACT", value_name = "FILE")]
    pub(crate) redact: Option<PathBuf>,
    /// Findings show the arguments of processes.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_REPORT_ARGUMENTS", value_enum, default_value = "on")]
    pub(crate) report_arguments: Switch,
    /// A finding says once that pods of this node cannot be seen into, since they have a kernel of their own (gVisor, Kata).
    #[arg(long, env = "SCRIPTWATCH_SENSOR_REPORT_UNSEEN_PODS", value_enum, default_value = "off")]
    pub(crate) report_unseen_pods: Switch,
    /// What is done about malicious scripts: `off` (findings only), `audit` (findings say what `kill` would have done),
    /// `kill` (the shell and what descends from it is killed) or `hold` (shells are stopped until their text is judged, and
    /// then go on or are killed). `kill` and `hold` need `CAP_KILL`. See docs/response.md.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_RESPOND", value_enum, default_value = "off")]
    pub(crate) respond: Respond,
    /// TOML file with rules for which scripts are acted on. Without it: those in containers.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_RESPONSE_RULES", value_name = "FILE")]
    pub(crate) response_rules: Option<PathBuf>,
    /// How long `--respond hold` stops a shell at most. A shell that is not judged by then goes on.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_HOLD_DEADLINE", default_value = "50ms", value_parser = hold_deadline, value_name = "DURATION")]
    pub(crate) hold_deadline: Duration,
    /// Address of the admin server (/status, /healthz, /readyz, /metrics). `off` disables it.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_ADMIN_LISTEN", default_value = ADMIN_LISTEN, value_parser = listen)]
    pub(crate) admin_listen: Listen,
    /// Address of a server for probes (/healthz, /readyz), which tells no figures. `off` disables it.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_PROBE_LISTEN", default_value = "off", value_parser = listen)]
    pub(crate) probe_listen: Listen,
    /// File to create when the sensor is ready. It contains the capture tier.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Name of this node [default: the host name].
    #[arg(long, env = "SCRIPTWATCH_SENSOR_NODE")]
    pub(crate) node: Option<String>,
    /// Socket of the container runtime (CRI). `auto` takes the first of the usual ones, `off` none.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_CONTAINER_RUNTIME", default_value = "auto", value_parser = runtime)]
    pub(crate) container_runtime: RuntimeSocket,
    /// How long a finding waits until its container and pod are known. After that it is sent without them, and updated later.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_ENRICHMENT_TIMEOUT", default_value = "2s", value_name = "DURATION", value_parser = duration)]
    pub(crate) enrichment_timeout: Duration,
    /// Whether to ask the metadata server of Google Cloud for the options below that are not given. `GCE_METADATA_HOST`
    /// overrides its address.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_GCE_METADATA", value_enum, default_value = "auto")]
    pub(crate) gce_metadata: Metadata,
    /// Id of the Google Cloud project of this node. Findings are stored under it.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_PROJECT", default_value = "")]
    pub(crate) project: String,
    /// Number of that project.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_PROJECT_NUMBER", default_value = "")]
    pub(crate) project_number: String,
    /// Name of the cluster.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_CLUSTER", default_value = "")]
    pub(crate) cluster: String,
    /// Region or zone of the cluster.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_CLUSTER_LOCATION", default_value = "")]
    pub(crate) cluster_location: String,
    /// Zone of the virtual machine.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_ZONE", default_value = "")]
    pub(crate) zone: String,
    /// Name of the virtual machine.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_INSTANCE_NAME", default_value = "")]
    pub(crate) instance_name: String,
    /// Numeric id of the virtual machine.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_INSTANCE_ID", default_value = "")]
    pub(crate) instance_id: String,
    /// Id of the Security Command Center source.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SCC_SOURCE", default_value = "scriptwatch")]
    pub(crate) scc_source: String,
    /// Security Command Center location of the findings.
    #[arg(long, env = "SCRIPTWATCH_SENSOR_SCC_LOCATION", default_value = "global")]
    pub(crate) scc_location: String,
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
    /// Print malicious scripts, and mark the lines that the verdict is based on.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// A second model. Its verdicts are shown beside those of the first.
    #[arg(long, value_name = "MODEL")]
    pub(crate) compare_model: Option<PathBuf>,
    /// Only captures whose verdict differs between the two models.
    #[arg(long, requires = "compare_model")]
    pub(crate) only_changed: bool,
    /// Only captures with this verdict.
    #[arg(long, value_enum)]
    pub(crate) verdict: Option<VerdictName>,
    /// Only scripts of this origin. May be given more than once.
    #[arg(long, value_parser = origins())]
    pub(crate) origin: Vec<Origin>,
    /// Only captures with at least this score.
    #[arg(long, value_parser = probability)]
    pub(crate) min_score: Option<f32>,
    /// Only malicious scripts with this ATT&CK technique, such as T1105, or a sub-technique of it.
    #[arg(long)]
    pub(crate) technique: Option<String>,
    /// Only scripts whose SHA-256 begins with these hex digits.
    #[arg(long, value_parser = hex_prefix)]
    pub(crate) sha256: Option<String>,
    /// Only scripts whose path matches this glob. `*` does not match `/`, `**` does.
    #[arg(long, value_parser = glob)]
    pub(crate) path: Option<GlobMatcher>,
    /// Only scripts of pods whose `namespace/name` matches this glob.
    #[arg(long, value_parser = glob)]
    pub(crate) pod: Option<GlobMatcher>,
    /// Only scripts of containers whose image matches this glob.
    #[arg(long, value_parser = glob)]
    pub(crate) image: Option<GlobMatcher>,
    /// Only scripts that a process of this name wrote, such as curl.
    #[arg(long, value_name = "NAME")]
    pub(crate) written_by: Option<String>,
    /// Only scripts that contain this text.
    #[arg(long)]
    pub(crate) contains: Option<String>,
    /// TOML file with suppression rules, as for `sensor run`.
    #[arg(long, value_name = "FILE")]
    pub(crate) suppressions: Option<PathBuf>,
    /// Number of scoring threads [default: one per core].
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

fn operating_points() -> impl TypedValueParser<Value = OperatingPoint> {
    PossibleValuesParser::new(OperatingPoint::ALL.map(OperatingPoint::name)).map(|name| {
        let named = OperatingPoint::ALL.into_iter().find(|point| point.name() == name);
        named.unwrap_or(OperatingPoint::Balanced)
    })
}

fn origins() -> impl TypedValueParser<Value = Origin> {
    PossibleValuesParser::new(Origin::ALL.map(Origin::name)).map(|name| {
        let named = Origin::ALL.into_iter().find(|origin| origin.name() == name);
        named.unwrap_or(Origin::File)
    })
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

/// Where a running sensor is asked.
fn admin_address(text: &str) -> Result<SocketAddr, String> {
    let off =
        "the sensor has no admin server: start it with --admin-listen ADDRESS, and give that address here";
    listen(text)?.0.ok_or_else(|| off.to_owned())
}

/// A finding holds the script as UTF-8, in which a byte can take three, and the collector takes findings of 7 MiB.
fn script_bytes(text: &str) -> Result<usize, String> {
    const MOST: usize = 2 * 1024 * 1024;
    bytes(text)
        .and_then(|n| if n > MOST { Err(format!("at most {MOST} bytes are judged at once")) } else { Ok(n) })
}

fn bytes(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a number of bytes, at least 1, is expected".to_owned()),
        Ok(bytes) => Ok(bytes),
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
pub(crate) const ADMIN_LISTEN: &str = "127.0.0.1:7601";

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
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() => Ok(text.to_owned()),
        _ => Err("an address such as https://collector.example:7600 is expected".to_owned()),
    }
}

/// What is done about malicious scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Respond {
    /// Nothing.
    Off,
    /// Findings say what would have been done.
    Audit,
    /// They are killed.
    Kill,
    /// Their shells are stopped until they are judged, and then go on or are killed.
    Hold,
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

/// A duration that is not zero.
fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("a duration longer than zero, such as 30s, is expected".to_owned()),
        duration => Ok(duration),
    }
}

fn hold_deadline(text: &str) -> Result<Duration, String> {
    let deadline = duration(text)?;
    if (Duration::from_millis(10)..=Duration::from_secs(1)).contains(&deadline) {
        Ok(deadline)
    } else {
        Err("10ms to 1s".to_owned())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration =
        text.parse().map_err(|_| "a duration such as 2s or 500ms is expected".to_owned())?;
    let span = Duration::try_from(span).map_err(|_| "a duration is not negative".to_owned())?;
    if span <= Duration::from_mins(1) { Ok(span) } else { Err("at most 60s".to_owned()) }
}
