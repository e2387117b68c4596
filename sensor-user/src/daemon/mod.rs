//! The daemon: threads and channels between the rooms. All wiring, no work.

mod assets;
mod capture;
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
    sync::watch,
};
use tracing::{error, info};

pub use assets::Assets;
pub use status::Status;
pub use telemetry::Telemetry;

use crate::{
    delivery::{Endpoint, Queue, deliver},
    identity::Node,
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
    pub collector: Option<String>,
    /// Only this capture tier.
    pub tier: Option<Tier>,
    /// Ring buffer size in bytes.
    pub ring_bytes: u32,
    /// Shell processes followed at once.
    pub max_shells: u32,
    /// How much of scripts is kept.
    pub limits: Limits,
    /// Named threshold.
    pub operating_point: OperatingPoint,
    /// A threshold that overrides the named one.
    pub threshold: Option<f32>,
    /// File with rules for what is not reported.
    pub suppressions: Option<PathBuf>,
    /// Where captures are recorded.
    pub record: Option<PathBuf>,
    /// Where the state is served over HTTP; nowhere when `None`.
    pub status_listen: Option<SocketAddr>,
    /// Written once everything is attached.
    pub ready_file: Option<PathBuf>,
    /// The node.
    pub node: Node,
}

/// Captures that wait for scoring.
const WAITING_CAPTURES: usize = 8192;

/// Runs until SIGINT or SIGTERM.
pub fn run(config: Config) -> anyhow::Result<()> {
    // The model first: it is the likelier one to be missing, and loading programs has effects.
    let judge = load_judge(&config.assets, config.operating_point, config.threshold)?;
    let suppressions =
        config.suppressions.as_deref().map(Suppressions::load).transpose()?.unwrap_or_default();
    let recorder = config.record.as_deref().map(Recorder::create).transpose()?;
    let settings = Settings {
        object: config.assets.bpf_object.clone(),
        tier: config.tier,
        ring_bytes: config.ring_bytes,
        max_shells: config.max_shells,
    };
    let mut probe = Probe::start(&settings)?;
    let logger = probe.logger();
    let tier = probe.tier();
    let telemetry = Arc::new(Telemetry::new(probe.counters()?, tier));
    let mut reader = probe.into_reader()?;
    let executables = capture::prepare(&mut reader);

    let running = Arc::new(AtomicBool::new(true));
    let (captures, waiting) = crossbeam_channel::bounded(WAITING_CAPTURES);
    let (outbox, queue) = Queue::new();
    telemetry.follow(outbox.counts().clone());

    let capture = {
        let (running, telemetry) = (running.clone(), telemetry.clone());
        thread::Builder::new().name("capture".to_owned()).spawn(move || {
            capture::run(reader, executables, config.limits, &captures, &running, &telemetry);
        })?
    };
    let scoring = {
        let (node, telemetry) = (config.node.clone(), telemetry.clone());
        thread::Builder::new().name("scoring".to_owned()).spawn(move || {
            scoring::run(judge, &waiting, &suppressions, &node, outbox, recorder, &telemetry);
        })?
    };

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stopped = runtime.block_on(async {
        // Before anyone is told that the sensor is up: whoever ends it then must find it prepared.
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
        let (stop, stopping) = watch::channel(false);
        let delivery = config.collector.map(|uri| {
            let sensor =
                Sensor { node: config.node.name.clone(), version: env!("CARGO_PKG_VERSION").to_owned() };
            tokio::spawn(deliver(Endpoint { uri, sensor }, queue, stopping))
        });
        if let Some(address) = config.status_listen {
            tokio::spawn(status::serve(address, telemetry.clone(), config.node.name.clone()));
        }
        let log = logger.map(|logger| tokio::spawn(forward_log(logger)));
        info!(%tier, node = config.node.name, "ready");
        if let Some(path) = &config.ready_file {
            std::fs::write(path, format!("{tier}\n")).with_context(|| format!("{}", path.display()))?;
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("stopping");
        running.store(false, Ordering::Relaxed);
        // The capture thread ends, its channel closes, the scoring thread ends, and with it the outbox.
        let (capture, scoring) =
            tokio::task::spawn_blocking(move || (capture.join(), scoring.join())).await?;
        if capture.is_err() || scoring.is_err() {
            error!("a thread of the sensor had panicked: what it held is lost");
        }
        stop.send_replace(true);
        if let Some(delivery) = delivery {
            delivery.await?;
        }
        if let Some(log) = log {
            log.abort();
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
const LOG_PERIOD: Duration = Duration::from_millis(200);

async fn forward_log(mut logger: aya_log::EbpfLogger<&'static dyn log::Log>) {
    loop {
        logger.flush();
        tokio::time::sleep(LOG_PERIOD).await;
    }
}

/// Is this an error of the machine rather than of the daemon? Then the exit code is 2.
pub fn is_unfit_machine(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ProbeError>().is_some()
}
