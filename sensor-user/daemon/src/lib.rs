//! The daemon: threads, tasks and the queues between the rooms. All wiring, no policy.

mod capture;
mod capture_metrics;
mod config;
mod hidden_pods;
mod holding;
mod lanes;
mod memory;
mod output;
mod scoring;
mod services;
mod unseen;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use delivery::{DeliveryMetrics, Queue, Spool, SpoolNotices};
use detection::{DetectionMetrics, Detector, Impairments, JudgeAside, Reason, Reporter, Sensitivity};
use hold::{HoldMetrics, Holder, Keeper};
use identity::Directory;
use probe::{Executables, Lineage, Parts, Probe, Settings};
use prometheus_client::{
    metrics::info::Info,
    registry::{Registry, Unit},
};
use record::{Recorder, Recording};
use response::Process;
use stage::{Failure, QueueMetrics, Supervisor, queue};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use verdict::{Judge, ScriptHash};

pub use config::{Assets, Config, Reload, Reloadable, Reloaded};

use capture::Capturer;
use capture_metrics::CaptureMetrics;
use hidden_pods::HiddenPods;
use holding::Holding;
use lanes::Lanes;
use scoring::Scorer;
use services::Services;

/// The queues to the scoring threads: for all captures, and from there for long texts.
const CAPTURES: &str = "captures";
const LONG_CAPTURES: &str = "long_captures";
/// Bytes of captures that wait in each. Text that is still growing is shared with the assembler.
const CAPTURES_BYTES: usize = 16 * 1024 * 1024;
const LONG_CAPTURES_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of detections that wait for the reporter, which is quick.
const DETECTIONS_BYTES: usize = 32 * 1024 * 1024;
/// Containers that ended and were not yet looked after; what does not fit stays probed until others need the room.
const ENDED_CONTAINERS: usize = 8192;
/// A thread that does not come by for this long hangs.
const HUNG: Duration = Duration::from_secs(10);
/// Likewise for the one that judges long texts: where all processors are busy a second of work may take long.
const HUNG_ON_LONG: Duration = Duration::from_mins(2);
/// Likewise for one that waits for the disk: a sync may take long.
const HUNG_ON_DISK: Duration = Duration::from_mins(2);
/// How long the stages may take to end.
const STOP: Duration = Duration::from_mins(1);
/// How long they may take when one of them failed: it may never end, and until the process does nothing is captured.
const STOP_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A stage failed, and the process is to be started anew.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StageFailed(#[from] Failure);

/// Runs until SIGINT or SIGTERM, or until a stage fails ([`StageFailed`]).
pub fn run(config: Config, reload: Reload, version: &'static str) -> anyhow::Result<()> {
    memory::set_up();
    // Each probed shell takes some.
    stage::raise_descriptor_limit()?;
    let mut registry = Registry::with_prefix(admin::PREFIX);
    let supervisor = Supervisor::register(&mut registry);
    let mut queues = QueueMetrics::register(&mut registry);
    let impairments = Impairments::register(&mut registry);
    queues.on_drop({
        let impairments = impairments.clone();
        Arc::new(move |queue, cgroup| {
            let reason = match queue {
                CAPTURES | LONG_CAPTURES => Reason::CapturesDropped,
                _ => Reason::FindingsDropped,
            };
            impairments.report(reason, cgroup, 1);
        })
    });
    let capture_metrics = CaptureMetrics::register(&mut registry);
    let detection_metrics = DetectionMetrics::register(&mut registry);
    let delivery_metrics = DeliveryMetrics::register(&mut registry);

    let Sensitivity { point, threshold } = config.reloadable.sensitivity;
    let recorder = config.record.as_deref().map(Recorder::create).transpose()?;
    let settings = Settings {
        object: config.assets.bpf_object.clone(),
        tier: config.tier,
        ring_bytes: config.ring_bytes,
        max_shells: config.max_shells,
        shell_probes: config.shell_probes,
    };
    // Both at once: until they are there nothing is seen. Of two that fail the model is told, the likelier one to be missing.
    let (judges, probe) = std::thread::scope(|threads| {
        let Assets { onnxruntime, model, .. } = &config.assets;
        let judges = threads.spawn(move || Judge::load_two(onnxruntime, model, point, threshold));
        let probe = Probe::start(&settings);
        (judges.join(), probe)
    });
    let (mut judge, mut judge_of_long) = judges.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut probe = probe?;
    let logger = probe.logger();
    let tier = probe.tier();
    registry.register_collector(Box::new(probe.counters()));
    let skips = probe.skips();
    registry.register_collector(Box::new(skips.clone()));
    let Parts { reader, control, losses, self_test, holds, hold_control, lineage } = probe.into_parts()?;
    let waker = reader.waker();
    let (executables, inspector) = Executables::of_this_node(control, waker.clone());
    capture_metrics.set_probed(executables.probed());

    memory::give_back();
    // What judging needs comes back before anybody waits for it.
    let first = b"echo ready";
    for judge in [&mut judge, &mut judge_of_long] {
        judge.judge_anew(ScriptHash::of(first), first)?;
    }

    let holder = Holder::new(holds, hold_control, HoldMetrics::register(&mut registry));
    let running = Arc::new(AtomicBool::new(true));
    let (outputs, to_score) = queue(CAPTURES, CAPTURES_BYTES, &queues);
    let (long, long_to_score) = queue(LONG_CAPTURES, LONG_CAPTURES_BYTES, &queues);
    let (detections, to_report) = queue("detections", DETECTIONS_BYTES, &queues);
    let (ended, ends) = crossbeam_channel::bounded(ENDED_CONTAINERS);
    let (directory, questions) = Directory::new(config.container_runtime.is_some());
    registry.register_collector(Box::new(HiddenPods(directory.clone())));
    let (sensitivity, follow_sensitivity) = watch::channel(config.reloadable.sensitivity);
    let responding = config.reloadable.responder.mode();
    let (responder, follow_responder) = watch::channel(config.reloadable.responder);
    let (suppressions, follow_suppressions) = watch::channel(config.reloadable.suppressions);
    let (node, follow_node) = watch::channel(Arc::new(config.node.clone()));
    let spool = Spool::open(config.spool.as_deref(), config.spool_limits, delivery_metrics, {
        let (of_run, of_findings) = (impairments.clone(), impairments.clone());
        SpoolNotices {
            unclean_end: Box::new(move || of_run.report(Reason::UncleanEnd, 0, 1)),
            dropped: Box::new(move |cgroup, count| {
                of_findings.report(Reason::FindingsGivenUp, cgroup, count);
            }),
        }
    });
    let (outbox, to_deliver, spooler) = Queue::new(spool, &queues);
    let run = to_deliver.clone();

    let inspecting = {
        let heartbeat = supervisor.heartbeat("inspector", HUNG);
        let impairments = impairments.clone();
        let unreadable = move |cgroup| impairments.report(Reason::ExecutableUnreadable, cgroup, 1);
        supervisor.thread("inspector", move || {
            inspector.run(heartbeat.interval(), || heartbeat.beat(), unreadable);
        })?
    };
    let holding = Holding { holder, directory: directory.clone(), responder: follow_responder.clone() };
    let keeping = {
        let heartbeat = supervisor.heartbeat("hold", HUNG);
        let (holding, running) = (holding.clone(), running.clone());
        let keeper = Keeper::new(holding.holder.clone(), config.hold_deadline);
        supervisor.thread("hold", move || holding.keep(keeper, &heartbeat, &running))?
    };
    let capture = {
        let capturer = Capturer {
            reader,
            executables,
            limits: config.limits,
            directory: directory.clone(),
            ended: ends,
            outputs,
            losses,
            self_test,
            skips,
            impairments: impairments.clone(),
            running: running.clone(),
            metrics: capture_metrics,
            holding: holding.clone(),
        };
        let heartbeat = supervisor.heartbeat("capture", HUNG);
        supervisor.thread("capture", move || capturer.run(&heartbeat))?
    };
    let detector = Detector::new(
        judge,
        directory.clone(),
        follow_responder,
        follow_suppressions.clone(),
        Arc::new(move |ancestor| descendants(&lineage, ancestor)),
        detection_metrics.clone(),
    );
    let (judge_of_long, line) = JudgeAside::new(judge_of_long);
    let judging_long = supervisor.thread("judging-long", move || {
        lanes::yield_to_others();
        judge_of_long.run();
    })?;
    let long_scoring = {
        let scorer = Scorer {
            detector: detector.beside(line),
            sensitivity: follow_sensitivity.clone(),
            detections: detections.clone(),
            recording: None,
            lanes: None,
            holding: holding.clone(),
        };
        let (heartbeat, time) = (supervisor.heartbeat("scoring-long", HUNG_ON_LONG), timer()?);
        supervisor.thread("scoring-long", move || scorer.run(long_to_score, &heartbeat, &time))?
    };
    let scoring = {
        let scorer = Scorer {
            detector,
            sensitivity: follow_sensitivity,
            detections,
            recording: recorder.map(|recorder| Recording::new(recorder, directory.clone())),
            lanes: Some(Lanes::new(long)),
            holding,
        };
        let (heartbeat, time) = (supervisor.heartbeat("scoring", HUNG), timer()?);
        supervisor.thread("scoring", move || scorer.run(to_score, &heartbeat, &time))?
    };
    let spooling = {
        let (heartbeat, time) = (supervisor.heartbeat("spool", HUNG_ON_DISK), timer()?);
        supervisor.thread("spool", move || spooler.run(&heartbeat, &time))?
    };
    let redaction = config.redaction;
    let to_tell = impairments.clone();
    let reporter = Reporter {
        directory: directory.clone(),
        node: follow_node,
        suppressions: follow_suppressions,
        emit: move |mut finding, cgroup| {
            redaction.apply(&mut finding);
            outbox.put(&finding, cgroup);
        },
        impairments,
        metrics: detection_metrics,
        enrichment_timeout: config.enrichment_timeout,
    };

    let uptime = Uptime(Instant::now());
    registry.register_collector(Box::new(uptime));
    let labels =
        [("version", version.to_owned()), ("tier", tier.to_string()), ("node", config.node.name.clone())];
    registry.register("build", "The sensor", Info::new(labels.to_vec()));
    let state = Arc::new(admin::State {
        registry,
        supervisor: supervisor.clone(),
        version,
        node: config.node.name.clone(),
        tier: tier.to_string(),
    });

    supervisor.watch()?;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stopped = runtime.block_on(async {
        // Before anyone is told that the sensor is up: whoever ends it then must find it prepared.
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
        let mut hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be waited for")?;
        // The file may lie where reading takes its time.
        supervisor.errand("reload", async move {
            while hangup.recv().await.is_some() {
                let reload = reload.clone();
                match tokio::task::spawn_blocking(move || reload()).await {
                    Ok(Ok(Reloaded { settings: Ok(fresh), .. })) => {
                        sensitivity.send_replace(fresh.sensitivity);
                        suppressions.send_replace(fresh.suppressions);
                        info!(respond = %fresh.responder.mode(), "configuration read again");
                        responder.send_replace(fresh.responder);
                    }
                    Ok(Ok(Reloaded { respond_off, settings: Err(e) })) => {
                        if respond_off {
                            responder.send_replace(Arc::default());
                            info!("nothing is done about malicious scripts any more");
                        }
                        warn!("the configuration stays as it was: {e:#}");
                    }
                    Ok(Err(e)) => warn!("the configuration stays as it was: {e:#}"),
                    Err(e) => std::panic::resume_unwind(e.into_panic()),
                }
            }
        });
        let stop = CancellationToken::new();
        let is_asked_to_stop = Arc::new(AtomicBool::new(false));
        let reporting = supervisor.task("reporter", reporter.run(to_report));
        let services =
            Services { supervisor: &supervisor, stop: &stop, directory: &directory, state: &state, logger };
        let delivery = services.start(
            services::Plan {
                collectors: config.collectors,
                ack_timeout: config.ack_timeout,
                impairments: to_tell,
                is_asked_to_stop: is_asked_to_stop.clone(),
                container_runtime: config.container_runtime,
                admin_listen: config.admin_listen,
                probe_listen: config.probe_listen,
                complete_node: !config.node.is_complete,
                report_unseen_pods: config.report_unseen_pods,
            },
            to_deliver,
            questions,
            move |id| {
                let _ = ended.try_send(id);
            },
            node,
        );
        info!(%tier, node = config.node.name, respond = %responding, "ready");
        if let Some(path) = &config.ready_file {
            std::fs::write(path, format!("{tier}\n")).with_context(|| format!("{}", path.display()))?;
        }
        let failure = tokio::select! {
            _ = interrupt.recv() => None,
            _ = terminate.recv() => None,
            failure = supervisor.failed() => Some(failure),
        };
        info!("stopping");
        is_asked_to_stop.store(failure.is_none(), Ordering::Relaxed);
        supervisor.expect_ends();
        running.store(false, Ordering::Relaxed);
        waker.wake();
        keeping.thread().unpark();
        // The capture thread ends, its queue closes, the scoring threads end, and with them the reporter, and the spooler
        // with the reporter's outbox; what was in it is written by then.
        let ends = async {
            // The inspector ends with the capture thread, and takes the probes out meanwhile.
            tokio::task::spawn_blocking(move || {
                let ended = (keeping.join(), capture.join(), scoring.join(), long_scoring.join());
                judging_long.join().ok();
                ended
            })
            .await?
            .0
            .ok();
            reporting.await?;
            tokio::task::spawn_blocking(move || (spooling.join(), inspecting.join())).await?.0.ok();
            stop.cancel();
            for task in delivery {
                task.await?;
            }
            anyhow::Ok(())
        };
        let limit = if failure.is_some() { STOP_AFTER_FAILURE } else { STOP };
        let ended = tokio::time::timeout(limit, ends).await;
        match (failure, ended) {
            // A stage that hangs does not end; the others had their time.
            (Some(failure), _) => Err(StageFailed(failure).into()),
            (None, Ok(ended)) => {
                if let Some(failure) = supervisor.failure() {
                    return Err(StageFailed(failure).into());
                }
                ended?;
                // The next run does not have to tell that this one broke off.
                tokio::task::spawn_blocking(move || run.end()).await?;
                Ok(())
            }
            (None, Err(_)) => anyhow::bail!("the stages did not end within {STOP:?}"),
        }
    });
    log_totals(&state);
    // A blocking task that hangs must not hold up the end.
    runtime.shutdown_background();
    stopped
}

/// What descends from a process, in the responder's words.
fn descendants(lineage: &Lineage, ancestor: Process) -> Vec<Process> {
    let ancestor = probe::Process { pid: ancestor.pid, start_ns: ancestor.start_ns };
    let found = lineage.of(ancestor);
    found.into_iter().map(|process| Process { pid: process.pid, start_ns: process.start_ns }).collect()
}

/// Keeps the time for a thread that waits.
fn timer() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_time().build()
}

/// Writes all counters to the log, in one line that tests and people can read.
fn log_totals(state: &admin::State) {
    let all: Vec<String> =
        admin::readings(&state.registry).iter().map(|(name, value)| format!("{name}={value}")).collect();
    info!("totals: {}", all.join(" "));
}

/// Shows since when the programs are attached.
#[derive(Debug)]
struct Uptime(Instant);

impl prometheus_client::collector::Collector for Uptime {
    fn encode(
        &self,
        mut encoder: prometheus_client::encoding::DescriptorEncoder<'_>,
    ) -> Result<(), std::fmt::Error> {
        use prometheus_client::{
            encoding::EncodeMetric,
            metrics::{MetricType, gauge::ConstGauge},
        };
        let (name, help) = ("uptime", "Time since the programs were attached");
        let metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(self.0.elapsed().as_secs()).unwrap_or(i64::MAX)).encode(metric)
    }
}
