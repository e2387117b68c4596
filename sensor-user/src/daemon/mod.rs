//! The daemon: threads and channels between the rooms. All wiring, no work.

mod assets;
mod capture;
mod report;
mod scoring;
mod status;
mod telemetry;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Context;
use proto::ingest::Sensor;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};
use tracing::{error, info, warn};

pub use assets::Assets;
pub use scoring::Sensitivity;
pub use status::Status;
pub use telemetry::Telemetry;

use capture::Capturer;
use report::Reporter;
use scoring::Scorer;

use crate::{
    delivery::{Endpoints, Queue, Sender, Spool, SpoolLimits, deliver},
    identity::{self, Ancestry, Directory, Node},
    probe::{Probe, ProbeError, Settings, Tier},
    record::Recorder,
    script::Limits,
    suppression::Suppressions,
    verdict::{Judge, Model, OperatingPoint, Policy},
};

/// What the daemon is told.
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
    /// Put probes into shells.
    pub shell_probes: bool,
    /// How much of scripts is kept.
    pub limits: Limits,
    /// What may change while it runs.
    pub reloadable: Reloadable,
    /// Where captures are recorded.
    pub record: Option<PathBuf>,
    /// Where the state is served over HTTP; nowhere when `None`.
    pub status_listen: Option<SocketAddr>,
    /// Written once everything is attached.
    pub ready_file: Option<PathBuf>,
    /// The container runtime's socket; nobody is asked when `None`.
    pub container_runtime: Option<PathBuf>,
    /// How long a finding waits for who ran its script.
    pub identity_wait: Duration,
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
}

/// Reads the configuration again.
pub type Reload<'a> = &'a dyn Fn() -> anyhow::Result<Reloadable>;

/// Captures that wait for scoring.
const WAITING_CAPTURES: usize = 8192;

/// Runs until SIGINT or SIGTERM.
pub fn run(config: Config, reload: Reload<'_>) -> anyhow::Result<()> {
    // What one thread allocates another frees; an arena for each would keep megabytes that nobody uses.
    // SAFETY: mallopt only sets a parameter of the allocator, and no thread was started yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
    // The model first: it is the likelier one to be missing, and loading programs has effects.
    let Sensitivity { point, threshold } = config.reloadable.sensitivity;
    let judge = load_judge(&config.assets, point, threshold)?;
    let recorder = config.record.as_deref().map(Recorder::create).transpose()?;
    let settings = Settings {
        object: config.assets.bpf_object.clone(),
        tier: config.tier,
        ring_bytes: config.ring_bytes,
        max_shells: config.max_shells,
        shell_probes: config.shell_probes,
    };
    let mut probe = Probe::start(&settings)?;
    let logger = probe.logger();
    let tier = probe.tier();
    let telemetry = Arc::new(Telemetry::new(probe.counters()?, tier));
    let mut reader = probe.into_reader()?;
    let alarm = reader.alarm();
    let executables = capture::prepare(&mut reader, &telemetry);

    let running = Arc::new(AtomicBool::new(true));
    let (captures, waiting) = crossbeam_channel::bounded(WAITING_CAPTURES);
    let (cases, to_report) = mpsc::channel(report::CASES);
    let (ended, ends) = crossbeam_channel::bounded(WAITING_CAPTURES);
    let (directory, questions) = Directory::new(config.container_runtime.is_some());
    let (sensitivity, follow_sensitivity) = watch::channel(config.reloadable.sensitivity);
    let (suppressions, follow_suppressions) = watch::channel(config.reloadable.suppressions);
    let (node, follow_node) = watch::channel(Arc::new(config.node.clone()));
    let (outbox, queue, spooler) = Queue::new(Spool::open(config.spool.as_deref(), config.spool_limits))?;
    telemetry.follow(outbox.counts().clone());

    let capture = {
        let watch = Capturer {
            reader,
            executables,
            limits: config.limits,
            directory: directory.clone(),
            ended: ends,
            captures,
            running: running.clone(),
            telemetry: telemetry.clone(),
        };
        thread::Builder::new().name("capture".to_owned()).spawn(move || watch.run())?
    };
    let scoring = {
        let scorer = Scorer {
            judge,
            sensitivity: follow_sensitivity,
            directory: directory.clone(),
            ancestry: Ancestry::default(),
            cases,
            recorder,
            telemetry: telemetry.clone(),
        };
        thread::Builder::new().name("scoring".to_owned()).spawn(move || scorer.run(&waiting))?
    };
    let reporter = Reporter {
        directory: directory.clone(),
        node: follow_node,
        suppressions: follow_suppressions,
        outbox,
        telemetry: telemetry.clone(),
        patience: config.identity_wait,
    };

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stopped = runtime.block_on(async {
        // Before anyone is told that the sensor is up: whoever ends it then must find it prepared.
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
        let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be waited for")?;
        let (stop, stopping) = watch::channel(false);
        let delivery = config.collectors.map(|endpoints| {
            let sensor =
                Sensor { node: config.node.name.clone(), version: env!("CARGO_PKG_VERSION").to_owned() };
            let sender = Sender { sensor, patience: config.ack_timeout };
            tokio::spawn(deliver(endpoints, sender, queue, stopping))
        });
        let reporting = tokio::spawn(reporter.run(to_report));
        if let Some(socket) = config.container_runtime {
            let on_end = Arc::new(move |id| {
                // What does not fit stays probed until others need the room.
                let _ = ended.try_send(id);
            });
            tokio::spawn(identity::follow(socket, directory.clone(), questions, on_end));
        }
        if !config.node.is_complete {
            tokio::spawn(identity::complete(node.clone()));
        }
        if let Some(address) = config.status_listen {
            tokio::spawn(status::serve(address, telemetry.clone(), config.node.name.clone()));
        }
        // Setting up took memory that running does not.
        // SAFETY: malloc_trim has no preconditions.
        unsafe { libc::malloc_trim(0) };
        let log = logger.map(|logger| tokio::spawn(forward_log(logger, stop.subscribe())));
        info!(%tier, node = config.node.name, "ready");
        if let Some(path) = &config.ready_file {
            std::fs::write(path, format!("{tier}\n")).with_context(|| format!("{}", path.display()))?;
        }
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => match reload() {
                    Ok(fresh) => {
                        info!("configuration read again");
                        sensitivity.send_replace(fresh.sensitivity);
                        suppressions.send_replace(fresh.suppressions);
                    }
                    Err(e) => warn!("the configuration stays as it was: {e:#}"),
                },
            }
        }
        info!("stopping");
        running.store(false, Ordering::Relaxed);
        alarm.ring();
        // The capture thread ends, its channel closes, the scoring thread ends, and with it the reporter and the
        // outbox.
        let (capture, scoring) =
            tokio::task::spawn_blocking(move || (capture.join(), scoring.join())).await?;
        if capture.is_err() || scoring.is_err() {
            error!("a thread of the sensor had panicked: what it held is lost");
        }
        reporting.await?;
        // The outbox went with the reporter, and what was in it is written down.
        if tokio::task::spawn_blocking(move || spooler.join()).await?.is_err() {
            error!("the thread of the spool had panicked: findings may be lost");
        }
        stop.send_replace(true);
        if let Some(delivery) = delivery {
            delivery.await?;
        }
        if let Some(log) = log {
            log.await?;
        }
        anyhow::Ok(())
    });
    telemetry.log();
    stopped
}

/// Loads the model and makes a judge of it.
pub fn load_judge(assets: &Assets, point: OperatingPoint, threshold: Option<f32>) -> anyhow::Result<Judge> {
    let model = Model::load(&assets.onnxruntime, &assets.model)?;
    let threshold = threshold.unwrap_or_else(|| model.threshold(point));
    Ok(Judge::new(model, Policy { threshold, technique_threshold: 0.5 }))
}

/// How often the programs' own messages are passed on; they are rare and nobody waits for them.
const LOG_PERIOD: Duration = Duration::from_secs(1);

async fn forward_log(
    mut logger: aya_log::EbpfLogger<&'static dyn log::Log>,
    mut stop: watch::Receiver<bool>,
) {
    while tokio::time::timeout(LOG_PERIOD, stop.wait_for(|s| *s)).await.is_err() {
        logger.flush();
    }
    logger.flush();
}

/// Is this an error of the machine rather than of the daemon? Then the exit code is 2.
pub fn is_unfit_machine(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ProbeError>().is_some()
}
