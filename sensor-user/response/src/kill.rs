//! Ends a shell and what descends from it.
//!
//! Each process is held by a pidfd before it is looked at, so that no other that got its id is hit. All are stopped before
//! any is killed: one that runs could make more.

use std::{collections::HashMap, os::fd::OwnedFd};

use procfs::process::Process;
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

/// How often is looked for children made meanwhile.
const ROUNDS: usize = 16;
/// Processes ended at once at most.
const PROCESSES: usize = 4096;

/// Whom to end.
pub(crate) struct Target<'a> {
    pub(crate) pid: u32,
    /// When it was forked, boot time in ns.
    pub(crate) start_ns: u64,
    /// The id of its container; `None` for a process of the node.
    pub(crate) container: Option<&'a str>,
}

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// So many were killed.
    Processes(u32),
    /// It is not there any more.
    Gone,
    /// The kernel refuses.
    Denied,
}

/// Kills the process and its descendants that are in the same container.
pub(crate) fn end(target: &Target<'_>) -> Ended {
    let mut held: HashMap<u32, OwnedFd> = HashMap::new();
    let Some(shell) = hold(target.pid) else { return Ended::Gone };
    // After the pidfd: what is read now is of the process that it holds, or of none.
    if !is_the_one(target) || !is_inside(target.pid, target) {
        return Ended::Gone;
    }
    match pidfd_send_signal(&shell, Signal::STOP) {
        Ok(()) => {}
        Err(Errno::PERM) => return Ended::Denied,
        Err(_) => return Ended::Gone,
    }
    held.insert(target.pid, shell);
    for _ in 0..ROUNDS {
        let fresh: Vec<u32> =
            held.keys().flat_map(|pid| children(*pid)).filter(|pid| !held.contains_key(pid)).collect();
        if fresh.is_empty() || held.len() >= PROCESSES {
            break;
        }
        for pid in fresh {
            if let Some(fd) = hold(pid)
                && is_inside(pid, target)
            {
                // One that cannot be stopped ends with the others below, or has ended.
                let _ = pidfd_send_signal(&fd, Signal::STOP);
                held.insert(pid, fd);
            }
        }
    }
    let killed = held.values().filter(|fd| pidfd_send_signal(fd, Signal::KILL).is_ok()).count();
    Ended::Processes(u32::try_from(killed).unwrap_or(u32::MAX))
}

fn hold(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Was the process forked when the target was? The kernel tells it in clock ticks.
fn is_the_one(target: &Target<'_>) -> bool {
    let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
    let stat = i32::try_from(target.pid).ok().and_then(|pid| Process::new(pid).ok()?.stat().ok());
    stat.is_some_and(|stat| stat.starttime == target.start_ns / tick_ns)
}

/// Is the process in the target's container? Of the node's processes those count that are in no container.
fn is_inside(pid: u32, target: &Target<'_>) -> bool {
    let Ok(cgroups) = std::fs::read_to_string(format!("/proc/{pid}/cgroup")) else { return false };
    match target.container {
        Some(id) => cgroups.contains(id),
        None => {
            std::fs::read_to_string(format!("/proc/{}/cgroup", target.pid)).is_ok_and(|own| own == cgroups)
        }
    }
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = i32::try_from(pid).ok().and_then(|pid| Process::new(pid).ok()?.tasks().ok());
    let children = tasks.into_iter().flatten().flatten().filter_map(|task| task.children().ok());
    children.flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    fn start_ns(pid: u32) -> u64 {
        let stat = Process::new(pid as i32).unwrap().stat().unwrap();
        stat.starttime * (1_000_000_000 / procfs::ticks_per_second())
    }

    #[test]
    fn a_shell_ends_with_all_its_descendants_and_nobody_else() {
        let other = Command::new("sleep").arg("60").spawn().unwrap();
        let script = "sleep 60 & (sleep 60 & sh -c 'sleep 60; :' & wait) & echo up; wait";
        let mut shell = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = shell.id();
        let all = || {
            let mut found = vec![pid];
            let mut at = 0;
            while at < found.len() {
                found.extend(children(found[at]));
                at += 1;
            }
            found
        };
        // The subshell's own children come a moment later.
        while all().len() < 6 {
            std::thread::yield_now();
        }
        let everyone = all();
        assert_eq!(
            end(&Target { pid, start_ns: start_ns(pid) + 1_000_000_000, container: None }),
            Ended::Gone
        );
        let ended = end(&Target { pid, start_ns: start_ns(pid), container: None });
        assert_eq!(ended, Ended::Processes(everyone.len() as u32));
        shell.wait().unwrap();
        for pid in everyone {
            // Reaped by whoever inherits them; until then they are zombies.
            while Process::new(pid as i32).and_then(|p| p.stat()).is_ok_and(|s| !"ZX".contains(s.state)) {
                std::thread::yield_now();
            }
        }
        let mut other = other;
        assert!(other.try_wait().unwrap().is_none(), "another process was hit");
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn a_process_in_another_container_is_not_ended() {
        let mut shell = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = shell.id();
        assert_eq!(
            end(&Target { pid, start_ns: start_ns(pid), container: Some("not its container") }),
            Ended::Gone
        );
        assert!(shell.try_wait().unwrap().is_none());
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
