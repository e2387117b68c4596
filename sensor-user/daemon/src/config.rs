//! What the daemon is told.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use delivery::{Endpoints, SpoolLimits};
use detection::Sensitivity;
use finding::Redaction;
use identity::Node;
use probe::Tier;
use response::Responder;
use script::Limits;
use suppression::Suppressions;

/// Files the sensor needs besides its binary.
#[derive(Clone, Debug)]
pub struct Assets {
    /// The BPF object.
    pub bpf_object: PathBuf,
    /// The ONNX model.
    pub model: PathBuf,
    /// ONNX Runtime's shared library.
    pub onnxruntime: PathBuf,
}

/// The configuration.
#[derive(Debug)]
pub struct Config {
    /// Files it needs.
    pub assets: Assets,
    /// Where findings go; nowhere when `None`.
    pub collectors: Option<Endpoints>,
    /// How long a collector may take to acknowledge.
    pub ack_timeout: Duration,
    /// Directory where findings wait for it; in memory when `None`.
    pub spool: Option<PathBuf>,
    /// How much may wait there.
    pub spool_limits: SpoolLimits,
    /// Only this capture tier.
    pub tier: Option<Tier>,
    /// Ring buffer size in bytes.
    pub ring_bytes: u32,
    /// Shell processes followed at once.
    pub max_shells: u32,
    /// Attach probes to shells.
    pub shell_probes: bool,
    /// How much of scripts is kept.
    pub limits: Limits,
    /// What may change while it runs.
    pub reloadable: Reloadable,
    /// What is left out of findings.
    pub redaction: Redaction,
    /// Pods that cannot be seen into are reported.
    pub report_unseen_pods: bool,
    /// How long a shell is stopped at most until its text is judged.
    pub hold_deadline: Duration,
    /// Where captures are recorded.
    pub record: Option<PathBuf>,
    /// Where the state is served over HTTP; nowhere when `None`.
    pub admin_listen: Option<SocketAddr>,
    /// Where probes are answered over HTTP; nowhere when `None`.
    pub probe_listen: Option<SocketAddr>,
    /// Written once everything is attached.
    pub ready_file: Option<PathBuf>,
    /// The container runtime's socket; none is asked when `None`.
    pub container_runtime: Option<PathBuf>,
    /// How long a finding waits for who ran its script.
    pub enrichment_timeout: Duration,
    /// The node; when it is not complete, the metadata server is asked.
    pub node: Node,
}

/// What SIGHUP reads again.
#[derive(Clone, Debug)]
pub struct Reloadable {
    /// From which score a script is malicious.
    pub sensitivity: Sensitivity,
    /// The operator's rules for what is not reported.
    pub suppressions: Arc<Suppressions>,
    /// What is done about malicious scripts.
    pub responder: Arc<Responder>,
}

/// A configuration that was read again.
pub struct Reloaded {
    /// Nothing is to be done about malicious scripts any more: this holds even if the rest cannot be used.
    pub respond_off: bool,
    /// The rest.
    pub settings: anyhow::Result<Reloadable>,
}

/// Reads the configuration again.
pub type Reload = Arc<dyn Fn() -> anyhow::Result<Reloaded> + Send + Sync>;
