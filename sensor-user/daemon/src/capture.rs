//! The capture thread: ring buffer → assembler → queue. It never waits for what comes behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use detection::{Impairments, Reason};
use ebpf::event::{Exec, FLAG_CUT, FLAG_UNFOLLOWED, Header};
use event::Event;
use identity::{ContainerId, Directory, Placement};
use probe::{Executables, Lookup, Losses, Reader, SelfTest, Skips};
use script::{Assembler, Classified, Classify, Limits};
use stage::{Heartbeat, Sender};
use tracing::{debug, error};

use crate::{capture_metrics::CaptureMetrics, holding::Holding, output::Output};

/// How often idle scripts are looked for while there are any.
const TICK: Duration = Duration::from_millis(20);
/// How long the thread sleeps at most while nothing happens.
const REST: Duration = Duration::from_secs(1);
/// How often is looked whose events were lost.
const LOSSES: Duration = Duration::from_secs(1);
/// How often the table of processes is compared with /proc, and whether the programs still run.
const SWEEP: Duration = Duration::from_secs(30);
/// How long programs that do not run are waited for; the finding about it is under way by then.
const SILENT: Duration = Duration::from_secs(10);
/// How long the end waits for what the inspector still looks at.
const ANSWERS: Duration = Duration::from_secs(3);
/// Events taken in before the clock is looked at again.
const BATCH: usize = 4096;

/// What the capture thread works with.
pub(crate) struct Capturer {
    pub(crate) reader: Reader,
    pub(crate) executables: Executables,
    pub(crate) limits: Limits,
    pub(crate) directory: Arc<Directory>,
    /// Containers that ended.
    pub(crate) ended: Receiver<ContainerId>,
    pub(crate) outputs: Sender<Output>,
    pub(crate) losses: Losses,
    pub(crate) self_test: SelfTest,
    pub(crate) skips: Skips,
    pub(crate) impairments: Impairments,
    pub(crate) running: Arc<AtomicBool>,
    pub(crate) metrics: CaptureMetrics,
    pub(crate) holding: Holding,
}

impl Capturer {
    /// Reads events until `running` turns false.
    pub(crate) fn run(self, heartbeat: &Heartbeat) {
        let Self {
            mut reader,
            mut executables,
            limits,
            directory,
            ended,
            outputs,
            mut losses,
            mut self_test,
            skips,
            impairments,
            running,
            metrics,
            holding,
        } = self;
        let mut assembler = Assembler::new(limits, clock::boot_unix_ns());
        let mut emit = |output: script::Output| {
            metrics.emitted(&output);
            let _ = Output::from(output).put(&outputs);
        };
        let (mut last_tick, mut last_sweep, mut last_losses) =
            (Instant::now(), Instant::now(), Instant::now());
        let mut more_waits = false;
        let mut silent_since: Option<Instant> = None;
        let mut stopping_since = None;
        let mut skipped_before = skips.total();
        loop {
            heartbeat.beat();
            let stopping = !running.load(Ordering::Relaxed);
            let events = reader.drain(BATCH, &mut |event| match event {
                Ok(event) => {
                    if let Event::Cgroup(header, cgroup, names) = &event {
                        directory.place(cgroup.id, Placement::of_record(names, header.flags & FLAG_CUT == 0));
                        holding.decide(cgroup.id);
                    }
                    if let Event::Exec(header, exec) = &event
                        && header.flags & FLAG_UNFOLLOWED != 0
                    {
                        impairments.report(Reason::ShellsNotFollowed, exec.cgroup, 1);
                    }
                    assembler.take(event, &mut Classifier(&mut executables), &mut emit);
                }
                Err(e) => {
                    debug!("event dropped: {e}");
                    metrics.undecodable();
                }
            });
            for (ticket, executable) in executables.answers() {
                assembler.classified(ticket, &executable, &mut Classifier(&mut executables), &mut emit);
            }
            metrics.read(events);
            more_waits |= events > 0;
            for id in ended.try_iter() {
                let is_of_it = |cgroup| {
                    let placement = directory.placement(cgroup);
                    placement.is_some_and(|placement| placement.container.as_ref() == Some(&id))
                };
                executables.container_ended(is_of_it);
            }
            if last_tick.elapsed() >= TICK || stopping {
                last_tick = Instant::now();
                let now = if stopping { u64::MAX } else { clock::now_boot_ns() };
                more_waits = assembler.tick(now, &mut Classifier(&mut executables), &mut emit);
                metrics.set(&assembler, executables.probed(), &directory);
            }
            if last_losses.elapsed() >= LOSSES || stopping {
                last_losses = Instant::now();
                for (cgroup, events) in losses.take() {
                    impairments.report(Reason::EventsLost, cgroup, events);
                }
                for (cgroup, scripts) in assembler.take_cut() {
                    impairments.report(Reason::ScriptsCut, cgroup, scripts);
                }
            }
            if last_sweep.elapsed() >= SWEEP {
                last_sweep = Instant::now();
                assembler.sweep(&mut emit);
                if !self_test.passes() {
                    impairments.report(Reason::ProgramsSilent, 0, 1);
                    silent_since.get_or_insert_with(Instant::now);
                }
                let skipped = skips.total();
                if skipped > skipped_before {
                    impairments.report(Reason::EventsLost, 0, skipped - skipped_before);
                    skipped_before = skipped;
                }
            }
            if silent_since.is_some_and(|since| since.elapsed() >= SILENT) && !stopping {
                if !self_test.passes() {
                    // Started anew, the sensor may find a tier that runs. Its supervisor takes this end for a failure.
                    error!("the BPF programs are attached and do not run: is kernel.ftrace_enabled 0?");
                    assembler.end(&mut emit);
                    return;
                }
                silent_since = None;
            }
            if events == 0 {
                // The inspector answers within a bounded time; then nothing waits for it.
                if !stopping {
                    stopping_since = None;
                }
                let since: Instant = *stopping_since.get_or_insert_with(Instant::now);
                if stopping && (!assembler.waits() || since.elapsed() > ANSWERS) {
                    assembler.end(&mut emit);
                    metrics.set(&assembler, executables.probed(), &directory);
                    return;
                }
                reader.wait(if more_waits || stopping { TICK } else { REST });
            }
        }
    }
}

/// Asks the table of executables.
struct Classifier<'a>(&'a mut Executables);

impl Classify for Classifier<'_> {
    fn executed(&mut self, header: &Header, exec: &Exec) -> Classified {
        classified(self.0.executed(header, exec))
    }

    fn loaded(&mut self, tgid: u32, cgroup: u64, path: &[u8]) -> Classified {
        classified(self.0.loaded(tgid, cgroup, path))
    }
}

fn classified(lookup: Lookup) -> Classified {
    match lookup {
        Lookup::Known(executable) => Classified::Known(executable),
        Lookup::Asked(ticket) => Classified::Asked(ticket),
    }
}
