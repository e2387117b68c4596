//! The capture thread: ring buffer → assembler → queue. It never waits for what comes behind it.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use lru::LruCache;
use sensor_ebpf::{
    event::{Exec, FLAG_CUT, Header},
    map::FileKey,
};
use tracing::debug;

use super::{Telemetry, telemetry::Levels};
use crate::{
    identity::{ContainerId, Directory, Placement, boot_unix_ns, now_boot_ns},
    probe::{
        Control, Reader,
        classify::{Executable, look_at, usual_shells},
        event::{Event, until_nul},
    },
    script::{Assembler, AssemblerCounts, Limits, Output},
};

/// How often idle scripts are looked for while there are any.
const TICK: Duration = Duration::from_millis(20);
/// How long the thread sleeps at most while nothing happens.
const REST: Duration = Duration::from_secs(1);
/// How often the table of processes is compared with /proc.
const SWEEP: Duration = Duration::from_secs(30);
/// Events taken in before the clock is looked at again.
const BATCH: usize = 4096;
/// Executables remembered.
const EXECUTABLES: NonZeroUsize = NonZeroUsize::new(8192).expect("not zero");

/// Cgroups remembered of a probed shell; one that runs in more keeps its probes until others need the room.
const USERS_MAX: usize = 256;

/// Executables already looked at.
pub(super) struct Executables {
    known: LruCache<FileKey, Arc<Executable>>,
    /// Which cgroups ran a shell that has probes: a probe keeps its file in use, so that of a container that ended
    /// would keep all the container's files on disk.
    users: HashMap<FileKey, HashSet<u64>>,
}

impl Executables {
    /// What the executable of an exec event is; tells the kernel half when it is new.
    fn classify(&mut self, header: &Header, exec: &Exec, control: &mut Control) -> Arc<Executable> {
        let executable = self.look_up(header, exec, control);
        if control.is_probed(&exec.exe) {
            let users = self.users.entry(exec.exe).or_default();
            if users.len() < USERS_MAX {
                users.insert(exec.cgroup);
            }
        }
        executable
    }

    /// Takes the probes out of shells that only this container ran.
    fn container_ended(&mut self, id: &ContainerId, directory: &Directory, control: &mut Control) {
        let is_of_it = |cgroup: &u64| {
            directory.placement(*cgroup).is_some_and(|placement| placement.container.as_ref() == Some(id))
        };
        self.users.retain(|key, users| {
            let was_full = users.len() == USERS_MAX;
            let before = users.len();
            users.retain(|cgroup| !is_of_it(cgroup));
            if users.is_empty() && before > 0 && !was_full {
                debug!("probes taken out of inode {}: its container ended", key.ino);
                control.forget(key);
                self.known.pop(key);
            }
            !users.is_empty() && control.is_probed(key)
        });
    }

    fn look_up(&mut self, header: &Header, exec: &Exec, control: &mut Control) -> Arc<Executable> {
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
pub(super) fn prepare(reader: &mut Reader, telemetry: &Telemetry) -> Executables {
    let mut known = LruCache::new(EXECUTABLES);
    for (key, sight) in usual_shells() {
        known.put(key, Arc::new(reader.control().introduce(key, sight)));
    }
    let levels = Levels { probed: reader.control().probed(), ..Levels::default() };
    telemetry.set_assembler(AssemblerCounts::default(), levels);
    Executables { known, users: HashMap::new() }
}

fn levels(assembler: &Assembler, reader: &mut Reader, directory: &Directory) -> Levels {
    Levels {
        shells: assembler.shells(),
        probed: reader.control().probed(),
        kept_bytes: assembler.kept_bytes(),
        containers: directory.containers(),
    }
}

/// What the capture thread works with.
pub(super) struct Capturer {
    pub(super) reader: Reader,
    pub(super) executables: Executables,
    pub(super) limits: Limits,
    pub(super) directory: Arc<Directory>,
    /// Containers that ended.
    pub(super) ended: Receiver<ContainerId>,
    pub(super) captures: Sender<Output>,
    pub(super) running: Arc<AtomicBool>,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Capturer {
    /// Reads events until `running` turns false.
    pub(super) fn run(self) {
        let Self { mut reader, mut executables, limits, directory, ended, captures, running, telemetry } =
            self;
        let mut assembler = Assembler::new(limits, boot_unix_ns());
        let mut hand_over = |output: Output| match captures.try_send(output) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => telemetry.unscored.add(1),
        };
        let (mut last_tick, mut last_sweep) = (Instant::now(), Instant::now());
        let mut more_waits = false;
        loop {
            let stopping = !running.load(Ordering::Relaxed);
            let events = reader.drain(BATCH, |event, control| match event {
                Ok(event) => {
                    if let Event::Cgroup(header, cgroup, names) = &event {
                        directory.place(cgroup.id, Placement::of_record(names, header.flags & FLAG_CUT == 0));
                    }
                    assembler.take(
                        event,
                        |header, exec| executables.classify(header, exec, control),
                        &mut hand_over,
                    );
                }
                Err(e) => {
                    debug!("event dropped: {e}");
                    telemetry.undecodable.add(1);
                }
            });
            telemetry.events.add(events as u64);
            more_waits |= events > 0;
            for id in ended.try_iter() {
                executables.container_ended(&id, &directory, reader.control());
            }
            if last_tick.elapsed() >= TICK || stopping {
                last_tick = Instant::now();
                more_waits = assembler.tick(if stopping { u64::MAX } else { now_boot_ns() }, &mut hand_over);
                telemetry.set_assembler(assembler.counts(), levels(&assembler, &mut reader, &directory));
            }
            if last_sweep.elapsed() >= SWEEP {
                last_sweep = Instant::now();
                assembler.sweep(&mut hand_over);
            }
            if events == 0 {
                if stopping {
                    assembler.end(&mut hand_over);
                    telemetry.set_assembler(assembler.counts(), levels(&assembler, &mut reader, &directory));
                    return;
                }
                reader.wait(if more_waits { TICK } else { REST });
            }
        }
    }
}
