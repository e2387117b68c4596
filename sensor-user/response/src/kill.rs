//! Ends a shell and what descends from it.
//!
//! Each process is held by a pidfd before it is looked at, so that no other that got its id is hit. All are stopped before
//! any is killed: one that runs could make more.

use std::{
    collections::{HashMap, HashSet},
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use identity::Placement;
use procfs::process::Stat;
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use tracing::warn;

/// How long a verdict waits while descendants are looked for. What is held by then is killed, and the rest is told to be left.
const TIME: Duration = Duration::from_millis(100);
/// Processes ended at once at most.
const PROCESSES: usize = 4096;
/// How long a process may take to stop: until then it may be about to fork.
const STOPPING: Duration = Duration::from_millis(2);

/// A process, and no other that gets its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// When it was forked (boot time, ns).
    pub start_ns: u64,
}

/// What descends from a process, as far as is known.
pub type Descendants = Arc<dyn Fn(Process) -> Vec<Process> + Send + Sync>;

/// Whom to end.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) pid: u32,
    /// When it was forked, boot time in ns.
    pub(crate) start_ns: u64,
    /// The id of its container; `None` for a process of the node.
    pub(crate) container: Option<String>,
    /// It is the first process of some PID namespace. If its parent is outside of the container, it is left alone.
    pub(crate) spare_init: bool,
    /// Nothing is done.
    pub(crate) only_look: bool,
    /// Of those whose parents have ended, only what was forked since then (boot time, ns) is hit.
    pub(crate) strays_since_ns: u64,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// So many were killed, and `all` that were found.
    Processes {
        /// How many.
        count: u32,
        /// None is known to be left.
        all: bool,
    },
    /// It is there, and only looked at.
    WouldEnd,
    /// It is the container's first process.
    IsInit,
    /// It is not there any more.
    Gone,
    /// The kernel refuses.
    Denied,
}

/// Kills the process and its descendants that are in the same container. Those that `descendants` knows are found also where the
/// process has ended, or a parent in between.
pub(crate) fn end(target: &Target, descendants: &Descendants) -> Ended {
    end_within(TIME, target, descendants)
}

fn end_within(time: Duration, target: &Target, descendants: &Descendants) -> Ended {
    let ancestor = Process { pid: target.pid, start_ns: target.start_ns };
    // The table is read before the time begins: on a busy node that alone may take long.
    let mut strays = descendants(ancestor);
    let mut family = Family::new(target, Instant::now() + time);
    match find_shell(target) {
        Ok(_) if target.only_look => return Ended::WouldEnd,
        Ok(shell) => match pidfd_send_signal(&shell, Signal::STOP) {
            Ok(()) => {
                family.held.insert(target.pid, shell);
            }
            Err(Errno::SRCH) => {}
            Err(_) => return Ended::Denied,
        },
        // Of a process of the node it is not known any more what is beside it.
        Err(Ended::Gone) if target.container.is_some() => {}
        Err(other) => return other,
    }
    if target.only_look {
        let is_any_left = strays
            .iter()
            .any(|process| process.start_ns >= target.strays_since_ns && family.open(*process).is_some());
        return if is_any_left { Ended::WouldEnd } else { Ended::Gone };
    }
    loop {
        family.stop_children();
        if family.stop_strays(strays) == 0 || !family.all {
            break;
        }
        strays = descendants(ancestor);
    }
    // Where time was short, those who are left were not looked at.
    if family.held.is_empty() && family.all {
        return Ended::Gone;
    }
    family.kill();
    // Somebody may have continued one of them in between, and it has forked.
    while family.stop_strays(descendants(ancestor)) > 0 {
        family.stop_children();
        family.kill();
    }
    Ended::Processes { count: family.killed, all: family.all }
}

/// Those who end what was left, at once.
const FOLLOWERS: usize = 8;
/// How long each goes on after the last that it ended, and altogether.
const FOLLOW: Duration = Duration::from_secs(5);
const FOLLOW_ALL: Duration = Duration::from_mins(1);
/// How long one look takes at most: enough for a full table of descendants on a busy machine.
const FOLLOW_TIME: Duration = Duration::from_secs(1);
const BREATH: Duration = Duration::from_millis(20);
/// Those that are followed: one script may be judged several times.
static FOLLOWED: Mutex<Vec<Process>> = Mutex::new(Vec::new());

/// Ends what was left of a target, on a thread of its own: a verdict must not wait for it.
pub(crate) fn go_on(target: Target, descendants: Descendants) {
    let whose = Process { pid: target.pid, start_ns: target.start_ns };
    {
        let mut followed = FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner);
        if followed.contains(&whose) {
            return;
        }
        if followed.len() >= FOLLOWERS {
            warn!(
                "what is left of the script of process {} is not ended: {FOLLOWERS} others are being ended",
                whose.pid
            );
            return;
        }
        followed.push(whose);
    }
    let done =
        move || FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != whose);
    let follow = move || {
        let latest = Instant::now() + FOLLOW_ALL;
        let mut until = Instant::now() + FOLLOW;
        while Instant::now() < until.min(latest) {
            match end_within(FOLLOW_TIME, &target, &descendants) {
                Ended::Processes { count, all: false } => {
                    if count > 0 {
                        until = Instant::now() + FOLLOW;
                    }
                    std::thread::sleep(BREATH);
                }
                Ended::Processes { .. } | Ended::WouldEnd | Ended::IsInit | Ended::Gone | Ended::Denied => {
                    break;
                }
            }
        }
        done();
    };
    if let Err(e) = std::thread::Builder::new().name("kill".to_owned()).spawn(follow) {
        FOLLOWED.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != whose);
        warn!("what is left of the script of process {} is not ended: {e}", whose.pid);
    }
}

/// The process itself, or why it is not to be ended.
fn find_shell(target: &Target) -> Result<OwnedFd, Ended> {
    let shell = match pidfd::open(target.pid) {
        Ok(shell) => shell,
        // Its number may be a thread's by now.
        Err(Errno::SRCH | Errno::INVAL | Errno::NOENT) => return Err(Ended::Gone),
        Err(_) => return Err(Ended::Denied),
    };
    // After the pidfd: what is read now is of the process that it holds, or of none.
    let stat = look_at(target.pid).ok_or(Ended::Gone)?;
    // One that has ended and was not reaped is in no cgroup.
    if !pidfd::was_forked_at(&stat, target.start_ns) || !is_inside(target.pid, target) {
        return Err(Ended::Gone);
    }
    if target.spare_init && !u32::try_from(stat.ppid).is_ok_and(|parent| is_inside(parent, target)) {
        return Err(Ended::IsInit);
    }
    Ok(shell)
}

/// Those to be killed, stopped one after the other.
struct Family<'a> {
    target: &'a Target,
    deadline: Instant,
    held: HashMap<u32, OwnedFd>,
    /// In another container; the sensor itself, which may descend from whoever started it; and who was killed.
    spared: HashSet<u32>,
    /// None is known to be left.
    all: bool,
    /// How many were killed.
    killed: u32,
}

impl<'a> Family<'a> {
    fn new(target: &'a Target, deadline: Instant) -> Self {
        Self {
            target,
            deadline,
            held: HashMap::new(),
            spared: HashSet::from([std::process::id()]),
            all: true,
            killed: 0,
        }
    }

    fn is_known(&self, pid: u32) -> bool {
        self.held.contains_key(&pid) || self.spared.contains(&pid)
    }

    /// Stops the children of those that are held, and theirs.
    fn stop_children(&mut self) {
        let mut parents: Vec<u32> = self.held.keys().copied().collect();
        // Children that ended, or whose parents did: strays, if they live.
        let mut passed: HashSet<u32> = HashSet::new();
        loop {
            for pid in &parents {
                wait_until_stopped(*pid, self.deadline);
            }
            let fresh: Vec<u32> = parents
                .iter()
                .take_while(|_| Instant::now() < self.deadline)
                .flat_map(|pid| children(*pid, self.deadline))
                .filter(|pid| !self.is_known(*pid) && !passed.contains(pid))
                .collect();
            if Instant::now() >= self.deadline {
                self.all = false;
            }
            if fresh.is_empty() {
                if !self.all || parents.len() == self.held.len() {
                    return;
                }
                // Once more all: one may have forked as it was stopped.
                parents = self.held.keys().copied().collect();
                continue;
            }
            if self.held.len() + fresh.len() > PROCESSES || Instant::now() > self.deadline {
                self.all = false;
                return;
            }
            let (stopped, others): (Vec<u32>, Vec<u32>) =
                fresh.into_iter().partition(|pid| self.stop_child(*pid));
            parents = stopped;
            passed.extend(others);
        }
    }

    /// Stops a child of one that is held, and no other that got its id. One whose parent has ended meanwhile is a stray.
    fn stop_child(&mut self, pid: u32) -> bool {
        let opened = pidfd::open(pid);
        let parent = look_at(pid).and_then(|stat| u32::try_from(stat.ppid).ok());
        parent.is_some_and(|parent| self.held.contains_key(&parent)) && self.stop(pid, opened)
    }

    /// Stops those whose parents have ended; returns how many.
    fn stop_strays(&mut self, strays: Vec<Process>) -> usize {
        let mut stopped = 0;
        for process in strays {
            if self.is_known(process.pid) || process.start_ns < self.target.strays_since_ns {
                continue;
            }
            if self.held.len() >= PROCESSES || Instant::now() > self.deadline {
                self.all = false;
                break;
            }
            if let Some(fd) = self.open(process)
                && self.stop(process.pid, Ok(fd))
            {
                stopped += 1;
            }
        }
        stopped
    }

    /// A process that runs, and no other that got its id.
    fn open(&self, process: Process) -> Option<OwnedFd> {
        let fd = pidfd::open(process.pid).ok()?;
        let stat = look_at(process.pid)?;
        let is_it = is_alive(&stat) && pidfd::was_forked_at(&stat, process.start_ns);
        (is_it && is_inside(process.pid, self.target)).then_some(fd)
    }

    /// True if it is held from now on.
    fn stop(&mut self, pid: u32, opened: Result<OwnedFd, Errno>) -> bool {
        match opened {
            // One that cannot be stopped ends with the others below, or has ended.
            Ok(fd) if is_inside(pid, self.target) => {
                let _ = pidfd_send_signal(&fd, Signal::STOP);
                self.held.insert(pid, fd);
                return true;
            }
            Ok(_) | Err(Errno::SRCH) => {}
            Err(_) => self.all = false,
        }
        self.spared.insert(pid);
        false
    }

    /// Kills those that are held, and forgets them.
    fn kill(&mut self) {
        for (pid, fd) in std::mem::take(&mut self.held) {
            let was_alive = look_at(pid).is_some_and(|stat| is_alive(&stat));
            match pidfd_send_signal(&fd, Signal::KILL) {
                Ok(()) => self.killed += u32::from(was_alive),
                Err(Errno::SRCH) => {}
                Err(_) => self.all = false,
            }
            self.spared.insert(pid);
        }
    }
}

fn look_at(pid: u32) -> Option<Stat> {
    pidfd::stat(pid).ok()
}

/// Does any thread of it run? The first may have ended before the others.
fn is_alive(stat: &Stat) -> bool {
    !"ZXx".contains(stat.state) || stat.num_threads > 1
}

fn wait_until_stopped(pid: u32, deadline: Instant) {
    let until = deadline.min(Instant::now() + STOPPING);
    while Instant::now() < until && look_at(pid).is_some_and(|stat| !"TtZXxD".contains(stat.state)) {
        std::thread::yield_now();
    }
}

/// Is the process in the target's container? For one of the node: in no container, and in the same cgroup.
fn is_inside(pid: u32, target: &Target) -> bool {
    let Some(cgroups) = cgroups(pid) else { return false };
    match &target.container {
        Some(id) => {
            Placement::of_proc(&cgroups).container.is_some_and(|container| container.to_string() == *id)
        }
        None => self::cgroups(target.pid).is_some_and(|own| own == cgroups),
    }
}

/// What the kernel says of a process's cgroups; of one whose first thread has ended, another thread's.
fn cgroups(pid: u32) -> Option<String> {
    let of_zombie = look_at(pid).is_some_and(|stat| "ZXx".contains(stat.state));
    if of_zombie {
        let tasks = procfs::process::Process::new(i32::try_from(pid).ok()?).ok()?.tasks().ok()?;
        let alive = tasks.flatten().filter(|task| u32::try_from(task.tid) != Ok(pid));
        let mut texts = alive
            .filter_map(|task| std::fs::read_to_string(format!("/proc/{pid}/task/{}/cgroup", task.tid)).ok());
        return texts.next();
    }
    std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()
}

fn children(pid: u32, deadline: Instant) -> Vec<u32> {
    let tasks = i32::try_from(pid).ok().and_then(|pid| procfs::process::Process::new(pid).ok()?.tasks().ok());
    let tasks = tasks.into_iter().flatten().flatten().take_while(|_| Instant::now() < deadline);
    let children = tasks.filter_map(|task| task.children().ok());
    children.flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn nobody() -> Descendants {
        Arc::new(|_| vec![])
    }

    fn start_ns(pid: u32) -> u64 {
        let stat = procfs::process::Process::new(pid as i32).unwrap().stat().unwrap();
        stat.starttime * (1_000_000_000 / procfs::ticks_per_second())
    }

    fn target(pid: u32) -> Target {
        Target {
            pid,
            start_ns: start_ns(pid),
            container: None,
            spare_init: false,
            only_look: false,
            strays_since_ns: 0,
        }
    }

    /// The process and its descendants.
    fn tree(pid: u32) -> Vec<u32> {
        let mut found = vec![pid];
        let mut at = 0;
        while at < found.len() {
            found.extend(children(found[at], Instant::now() + TIME));
            at += 1;
        }
        found
    }

    fn wait_for_end(pids: &[u32]) {
        for pid in pids {
            // Reaped by whoever inherits them; until then they are zombies.
            while look_at(*pid).is_some_and(|stat| is_alive(&stat)) {
                std::thread::yield_now();
            }
        }
    }

    fn shell(script: &str) -> std::process::Child {
        Command::new("bash").args(["-c", script]).spawn().unwrap()
    }

    #[test]
    fn a_shell_ends_with_all_its_descendants_and_nobody_else() {
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let mut shell = shell("sleep 60 & (sleep 60 & sh -c 'sleep 60; :' & wait) & wait");
        let pid = shell.id();
        // The subshell's own children come a moment later.
        while tree(pid).len() < 6 {
            std::thread::yield_now();
        }
        let everyone = tree(pid);
        let one_more = start_ns(pid) + 1_000_000_000;
        assert_eq!(
            end(&Target { start_ns: one_more, ..target(pid) }, &nobody()),
            Ended::Gone,
            "another had the id"
        );
        assert_eq!(end(&Target { only_look: true, ..target(pid) }, &nobody()), Ended::WouldEnd);
        assert_eq!(
            end(&target(pid), &nobody()),
            Ended::Processes { count: everyone.len() as u32, all: true }
        );
        shell.wait().unwrap();
        wait_for_end(&everyone);
        assert!(other.try_wait().unwrap().is_none(), "another process was hit");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn what_is_left_is_ended_on_a_thread_of_its_own() {
        let mut shell = shell("sleep 60 & sleep 60; :");
        let pid = shell.id();
        while tree(pid).len() < 3 {
            std::thread::yield_now();
        }
        let everyone = tree(pid);
        go_on(target(pid), nobody());
        shell.wait().unwrap();
        wait_for_end(&everyone);
    }

    #[test]
    fn a_deep_chain_ends_to_its_last_link() {
        let mut shell = shell("f() { if [ $1 = 0 ]; then sleep 60; else (f $(($1 - 1)); :); fi; }; f 40; :");
        let pid = shell.id();
        while tree(pid).len() < 42 {
            std::thread::yield_now();
        }
        let everyone = tree(pid);
        assert_eq!(
            end(&target(pid), &nobody()),
            Ended::Processes { count: everyone.len() as u32, all: true }
        );
        shell.wait().unwrap();
        wait_for_end(&everyone);
    }

    #[test]
    fn one_that_forks_without_end_does_not_escape() {
        // At most a few at a time, and none lives long.
        let mut shell = shell("while :; do (sleep 0.01) & (:); done");
        let pid = shell.id();
        while tree(pid).len() < 2 {
            std::thread::yield_now();
        }
        assert!(matches!(end(&target(pid), &nobody()), Ended::Processes { all: true, .. }));
        shell.wait().unwrap();
    }

    #[test]
    fn one_that_has_ended_and_was_not_reaped_is_gone() {
        let mut shell = shell(":");
        let pid = shell.id();
        while look_at(pid).is_some_and(|stat| is_alive(&stat)) {
            std::thread::yield_now();
        }
        assert_eq!(end(&target(pid), &nobody()), Ended::Gone);
        shell.wait().unwrap();
    }

    #[test]
    fn a_process_in_another_container_is_not_ended() {
        let mut shell = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = shell.id();
        assert_eq!(
            end(&Target { container: Some("not its container".to_owned()), ..target(pid) }, &nobody()),
            Ended::Gone
        );
        assert!(shell.try_wait().unwrap().is_none());
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
