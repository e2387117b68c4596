//! The capture thread: ring buffer → assembler → queue. It never waits for what comes behind it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;
use ebpf::event::{Exec, FLAG_CUT, Header};
use event::Event;
use identity::{ContainerId, Directory, Placement};
use probe::{Executables, Lookup, Reader};
use script::{Assembler, Classified, Classify, Limits};
use stage::{Heartbeat, Sender};
use tracing::debug;

use crate::{capture_metrics::CaptureMetrics, output::Output};

/// How often idle scripts are looked for while there are any.
const TICK: Duration = Duration::from_millis(20);
/// How long the thread sleeps at most while nothing happens.
const REST: Duration = Duration::from_secs(1);
/// How often the table of processes is compared with /proc.
const SWEEP: Duration = Duration::from_secs(30);
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
    pub(crate) running: Arc<AtomicBool>,
    pub(crate) metrics: CaptureMetrics,
}

impl Capturer {
    /// Reads events until `running` turns false.
    pub(crate) fn run(self, heartbeat: &Heartbeat) {
        let Self { mut reader, mut executables, limits, directory, ended, outputs, running, metrics } = self;
        let mut assembler = Assembler::new(limits, clock::boot_unix_ns());
        let mut emit = |output: script::Output| {
            metrics.emitted(&output);
            // A note that a script is finished is never dropped: what waits for it would wait for ever.
            let _ = match &output {
                script::Output::Capture(_) => outputs.try_send(Output(output)).map(|_| ()),
                script::Output::Finished(_) => outputs.send_note(Output(output)),
            };
        };
        let (mut last_tick, mut last_sweep) = (Instant::now(), Instant::now());
        let mut more_waits = false;
        let mut stopping_since = None;
        loop {
            heartbeat.beat();
            let stopping = !running.load(Ordering::Relaxed);
            let events = reader.drain(BATCH, &mut |event| match event {
                Ok(event) => {
                    if let Event::Cgroup(header, cgroup, names) = &event {
                        directory.place(cgroup.id, Placement::of_record(names, header.flags & FLAG_CUT == 0));
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
                more_waits =
                    assembler.tick(if stopping { u64::MAX } else { clock::now_boot_ns() }, &mut emit);
                metrics.set(&assembler, executables.probed(), &directory);
            }
            if last_sweep.elapsed() >= SWEEP {
                last_sweep = Instant::now();
                assembler.sweep(&mut emit);
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
