//! The sensor's own hand on stopped shells: verdicts continue them, and the deadline does.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ebpf::map::{EXE_SHELL, Stop};
use lru::LruCache;
use probe::{HoldControl, Holds};
use script::HeldShell;
use tracing::{error, info, warn};

use crate::{
    continuing::{Aftermath, Released, is_stopped, let_go},
    guard,
    metrics::HoldMetrics,
    pin::{Pin, continue_left},
};

/// How often the sensor says that it is alive, and looks for shells whose time is over.
const BEAT: Duration = Duration::from_millis(20);
/// So many deadlines missed within a second in a cgroup, and its shells are not stopped for a while.
const LATE: u32 = 16;
/// So many in all, and nobody is: verdicts do not come.
const ALL_LATE: u32 = 256;
const SECOND: Duration = Duration::from_secs(1);
/// How long that lasts.
const PAUSE: Duration = Duration::from_secs(10);
/// How often, and how far apart, is looked at the end for who was stopped last.
const LAST_LOOKS: u32 = 4;
const LAST_LOOK: Duration = Duration::from_millis(5);
/// Shells remembered whose time was over.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).expect("not zero");

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldSettings {
    /// Shells are to be stopped.
    pub hold: bool,
    /// Also those outside of containers.
    pub in_node: bool,
}

/// How a shell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was not stopped.
    NotHeld,
    /// It is stopped for so long by now.
    Held(Duration),
    /// It was, and went on before the verdict, after so long.
    TimedOut(Duration),
}

/// The table of stopped shells. Cheap to clone.
#[derive(Clone)]
pub struct Holder(Arc<Mutex<Table>>);

struct Table {
    holds: Holds,
    control: HoldControl,
    timed_out: LruCache<u32, (u64, Duration)>,
    /// Those that somebody else tried to continue, after they were released.
    aftermath: Aftermath,
    /// Cgroups whose shells are not stopped for a while, and what was decided of them meanwhile.
    spared: HashMap<u64, bool>,
    metrics: HoldMetrics,
}

impl Table {
    fn release(&mut self, stop: Stop) -> Option<Released> {
        let held = self.holds.get(stop)?;
        let released = let_go(&mut self.holds, stop)?;
        // One that others continue may be stopped once more a moment later. It stays in the table and is continued
        // again at the next look, also by the second process or the next sensor.
        let is_meddled = self.control.was_meddled_with(stop);
        if released.was_let_go || !is_meddled {
            self.holds.remove(stop);
        }
        if is_meddled {
            self.aftermath.add(stop, held);
        }
        Some(released)
    }

    fn decide(&mut self, cgroup: u64, hold: bool) {
        match self.spared.get_mut(&cgroup) {
            Some(decided) => *decided = hold,
            None => self.control.decide(cgroup, hold),
        }
    }

    fn spare(&mut self, cgroup: u64) {
        self.metrics.pauses.inc();
        self.spared.insert(cgroup, true);
        self.control.decide(cgroup, false);
    }

    fn take_in(&mut self, cgroup: u64) {
        if let Some(hold) = self.spared.remove(&cgroup) {
            self.control.decide(cgroup, hold);
        }
    }
}

impl Holder {
    /// Takes charge of the table.
    pub fn new(holds: Holds, control: HoldControl, metrics: HoldMetrics) -> Self {
        let timed_out = LruCache::new(REMEMBERED);
        let (spared, aftermath) = (HashMap::new(), Aftermath::default());
        Self(Arc::new(Mutex::new(Table { holds, control, timed_out, aftermath, spared, metrics })))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // What a panic leaves of it is whole: the maps are the kernel's.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a process stands that executed its shell at `exec_ns`, boot time.
    pub fn state(&self, pid: u32, exec_ns: u64) -> State {
        let mut table = self.table();
        let stop = table.control.last_stop(pid).filter(|stop| stop.since_ns >= exec_ns);
        if let Some(stop) = stop
            && table.holds.get(stop).is_some_and(|held| held.is_let_go == 0)
            // Somebody else may have continued it.
            && is_stopped(pid, table.control.was_meddled_with(stop))
        {
            return State::Held(Duration::from_nanos(clock::now_boot_ns().saturating_sub(stop.since_ns)));
        }
        match table.timed_out.get(&pid) {
            Some((since_ns, held)) if *since_ns >= exec_ns => State::TimedOut(*held),
            _ => State::NotHeld,
        }
    }

    /// The verdict is there: the shell goes on, if it has not yet.
    pub fn judged(&self, shell: &HeldShell) {
        let mut table = self.table();
        if let Some(source) = shell.data {
            table.control.is_data(shell.pid, source);
        }
        let stop = Stop { since_ns: shell.since_ns, tgid: shell.pid, reserved: 0 };
        if let Some(released) = table.release(stop).filter(|released| !released.was_let_go) {
            table.metrics.judged(released.held);
        }
    }

    /// Whether shells of a cgroup are to be stopped from here on.
    pub fn decide(&self, cgroup: u64, hold: bool) {
        self.table().decide(cgroup, hold);
    }
}

/// Keeps the deadline. It belongs to one thread.
pub struct Keeper {
    holder: Holder,
    deadline: Duration,
    /// The second process, and what is left for the next sensor; made when somebody is to be stopped for the first time.
    guard: Option<Child>,
    guard_since: Instant,
    pin: Option<Pin>,
    /// Deadlines missed in this second, by cgroup.
    late: HashMap<u64, u32>,
    late_since: Instant,
    paused_until: Option<Instant>,
    /// Cgroups whose shells are not stopped for a while.
    spared: HashMap<u64, Instant>,
}

impl Keeper {
    /// Continues who was left by earlier sensors, and keeps this deadline from now on.
    pub fn new(holder: Holder, deadline: Duration) -> Self {
        holder.table().metrics.left_over(continue_left());
        Self {
            holder,
            deadline,
            guard: None,
            guard_since: Instant::now(),
            pin: None,
            late: HashMap::new(),
            late_since: Instant::now(),
            paused_until: None,
            spared: HashMap::new(),
        }
    }

    /// To be called again after what it returns.
    pub fn keep(&mut self, settings: HoldSettings) -> Duration {
        let may_hold = settings.hold && !self.is_paused() && self.is_guarded();
        let mut table = self.holder.table();
        if may_hold {
            table.control.beat(clock::now_boot_ns(), settings.in_node);
        } else {
            table.control.stop();
        }
        drop(table);
        self.continue_late();
        self.take_in_again();
        let mut table = self.holder.table();
        let Table { aftermath, holds, .. } = &mut *table;
        aftermath.look(holds);
        let anybody = settings.hold || !table.holds.all().is_empty() || !table.aftermath.is_empty();
        if anybody {
            return self.look();
        }
        table.control.rest();
        SECOND
    }

    /// How long until the next look.
    fn look(&self) -> Duration {
        BEAT.min(self.deadline / 4)
    }

    /// Forgets what was decided of cgroups.
    pub fn undecide_all(&self) {
        self.holder.table().control.undecide_all();
    }

    /// Nobody is stopped any more, and everybody goes on.
    pub fn end(mut self) {
        self.holder.table().control.stop();
        self.holder.table().control.rest();
        // A program that was just running may stop somebody a moment later.
        for _ in 0..LAST_LOOKS {
            let mut table = self.holder.table();
            for (stop, held) in table.holds.all() {
                if table.release(stop).is_some() {
                    table.aftermath.add(stop, held);
                }
            }
            let Table { aftermath, holds, .. } = &mut *table;
            aftermath.look(holds);
            drop(table);
            std::thread::sleep(LAST_LOOK);
        }
        // The second process ends by itself a moment after the sensor.
        if !self.holder.table().holds.all().is_empty()
            && let Some(pin) = self.pin.take()
        {
            pin.leave();
        }
    }

    /// Is the second process there? It is started when it is not.
    fn is_guarded(&mut self) -> bool {
        if let Some(guard) = &mut self.guard {
            match guard.try_wait() {
                Ok(None) => return true,
                Ok(Some(status)) => warn!("the second process that continues stopped shells ended: {status}"),
                Err(e) => warn!("the second process that continues stopped shells: {e}"),
            }
            self.guard = None;
            if self.guard_since.elapsed() < PAUSE {
                self.pause();
                return false;
            }
        }
        let table = self.holder.table();
        if self.pin.is_none() {
            match Pin::make(&table.holds) {
                Ok(pin) => self.pin = Some(pin),
                Err(why) => {
                    drop(table);
                    error!("{why}: nobody is stopped");
                    self.pause();
                    return false;
                }
            }
        }
        match guard::spawn(&table.holds, self.deadline) {
            Ok(guard) => {
                self.guard = Some(guard);
                self.guard_since = Instant::now();
                true
            }
            Err(e) => {
                drop(table);
                error!("no second process to continue stopped shells ({e}): nobody is stopped for {PAUSE:?}");
                self.pause();
                false
            }
        }
    }

    fn is_paused(&mut self) -> bool {
        if self.paused_until.is_some_and(|until| Instant::now() >= until) {
            self.paused_until = None;
            info!("shells are stopped until they are judged again");
        }
        self.paused_until.is_some()
    }

    fn pause(&mut self) {
        self.holder.table().metrics.pauses.inc();
        self.paused_until = Some(Instant::now() + PAUSE);
    }

    /// Continues those whose time is over.
    fn continue_late(&mut self) {
        let mut table = self.holder.table();
        let now = clock::now_boot_ns();
        let mut late = Vec::new();
        // Half of them are continued a moment before their time, and half a moment after.
        let limit =
            u64::try_from(self.deadline.saturating_sub(self.look() / 2).as_nanos()).unwrap_or(u64::MAX);
        for (stop, held) in table.holds.all() {
            if now.saturating_sub(stop.since_ns) < limit && held.is_let_go == 0 {
                continue;
            }
            let released = table.release(stop);
            if let Some(released) = released.filter(|released| released.is_continued && !released.was_let_go)
            {
                table.metrics.timed_out(released.held);
                table.timed_out.put(stop.tgid, (stop.since_ns, released.held));
                // What is looked at for the first time may be long.
                if held.class == EXE_SHELL {
                    late.push(held.cgroup);
                }
            }
        }
        drop(table);
        if self.late_since.elapsed() > SECOND {
            self.late.clear();
            self.late_since = Instant::now();
        }
        for cgroup in late {
            let count = self.late.entry(cgroup).or_default();
            *count += 1;
            if *count == LATE {
                warn!(
                    "verdicts for cgroup {cgroup} do not come within {:?}: its shells are not stopped for {PAUSE:?}",
                    self.deadline
                );
                self.holder.table().spare(cgroup);
                self.spared.insert(cgroup, Instant::now() + PAUSE);
            }
        }
        if self.late.values().sum::<u32>() >= ALL_LATE && self.paused_until.is_none() {
            warn!("verdicts do not come within {:?}: nobody is stopped for {PAUSE:?}", self.deadline);
            self.late.clear();
            self.pause();
        }
    }

    /// Cgroups whose time without stops is over.
    fn take_in_again(&mut self) {
        let now = Instant::now();
        let again: Vec<u64> =
            self.spared.extract_if(|_, until| now >= *until).map(|(cgroup, _)| cgroup).collect();
        for cgroup in again {
            self.holder.table().take_in(cgroup);
        }
    }
}
