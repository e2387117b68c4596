//! The capture thread: ring buffer → assembler → queue. It never waits for what comes behind it.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, TrySendError};
use lru::LruCache;
use sensor_ebpf::{
    event::{Exec, Header},
    map::FileKey,
};
use tracing::debug;

use super::{Telemetry, telemetry::Levels};
use crate::{
    identity::{boot_unix_ns, now_boot_ns},
    probe::{
        Control, Reader,
        classify::{Executable, look_at, usual_shells},
        event::until_nul,
    },
    script::{Assembler, Limits, Output},
};

/// How often idle scripts are looked for, and at most how late a stop is noticed.
const TICK: Duration = Duration::from_millis(20);
/// How often the table of processes is compared with /proc.
const SWEEP: Duration = Duration::from_secs(30);
/// Events taken in before the clock is looked at again.
const BATCH: usize = 4096;
/// Executables remembered.
const EXECUTABLES: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");

/// Executables already looked at.
pub(super) struct Executables {
    known: LruCache<FileKey, Arc<Executable>>,
}

impl Executables {
    /// What the executable of an exec event is; tells the kernel half when it is new.
    fn classify(&mut self, header: &Header, exec: &Exec, control: &mut Control) -> Arc<Executable> {
        if let Some(known) = self.known.get(&exec.exe) {
            if exec.class == sensor_ebpf::map::EXE_UNKNOWN {
                control.remind(exec.exe, known);
            }
            return known.clone();
        }
        let interp = until_nul(&exec.interp);
        match look_at(header.tgid, &exec.exe, Some(interp)) {
            Some(sight) => {
                let seen = Arc::new(control.introduce(exec.exe, sight));
                self.known.put(exec.exe, seen.clone());
                seen
            }
            // Gone before it could be looked at: the next execution will tell.
            None => Arc::new(Executable::unseen(interp, exec.exe.size)),
        }
    }
}

/// Looks at the usual shells before any of them is met.
pub(super) fn prepare(reader: &mut Reader) -> Executables {
    let mut known = LruCache::new(EXECUTABLES);
    for (key, sight) in usual_shells() {
        known.put(key, Arc::new(reader.control().introduce(key, sight)));
    }
    Executables { known }
}

fn levels(assembler: &Assembler, reader: &mut Reader) -> Levels {
    Levels {
        shells: assembler.shells(),
        probed: reader.control().probed(),
        kept_bytes: assembler.kept_bytes(),
    }
}

/// Reads events until `running` turns false.
pub(super) fn run(
    mut reader: Reader,
    mut executables: Executables,
    limits: Limits,
    captures: &Sender<Output>,
    running: &AtomicBool,
    telemetry: &Telemetry,
) {
    let mut assembler = Assembler::new(limits, boot_unix_ns());
    let mut hand_over = |output: Output| match captures.try_send(output) {
        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        Err(TrySendError::Full(_)) => telemetry.unscored.add(1),
    };
    let (mut last_tick, mut last_sweep) = (Instant::now(), Instant::now());
    loop {
        let stopping = !running.load(Ordering::Relaxed);
        let events = reader.drain(BATCH, |event, control| match event {
            Ok(event) => assembler.take(
                event,
                |header, exec| executables.classify(header, exec, control),
                &mut hand_over,
            ),
            Err(e) => {
                debug!("event dropped: {e}");
                telemetry.undecodable.add(1);
            }
        });
        telemetry.events.add(events as u64);
        if last_tick.elapsed() >= TICK || stopping {
            last_tick = Instant::now();
            assembler.tick(if stopping { u64::MAX } else { now_boot_ns() }, &mut hand_over);
            telemetry.set_assembler(assembler.counts(), levels(&assembler, &mut reader));
        }
        if last_sweep.elapsed() >= SWEEP {
            last_sweep = Instant::now();
            assembler.sweep(&mut hand_over);
        }
        if events == 0 {
            if stopping {
                assembler.end(&mut hand_over);
                telemetry.set_assembler(assembler.counts(), levels(&assembler, &mut reader));
                return;
            }
            reader.wait(TICK);
        }
    }
}
