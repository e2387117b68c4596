//! The inspector: looks at executables apart from the thread that empties the ring. Files are read by threads of their own,
//! because a file may lie where reading never ends (NFS, FUSE): that costs the one binary, which then counts as a shell.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};
use ebpf::map::{EXE_OTHER, FileKey};
use shell::Executable;
use tracing::{debug, warn};

use crate::{
    control::Control,
    inspect::{Inspected, Key, inspect, inspect_path},
    reader::Waker,
};

/// Files that are read at once.
const READERS: usize = 4;
/// Threads that read and do not come back. When there are so many, nothing more is read.
const STUCK_MAX: usize = 32;
/// A file that was not read by then counts as a shell, for now.
const DEADLINE: Duration = Duration::from_secs(2);
/// Files that wait to be read.
const WAITING: usize = 1024;
/// When a file that was changed just before it was executed is looked at again.
const AGAIN: Duration = Duration::from_millis(2500);
/// Requests on their way.
const REQUESTS: usize = 4096;

/// Names a question.
pub type Ticket = u64;

/// What the capture thread asks for.
pub(crate) enum Request {
    /// Look at a file.
    Inspect(Job),
    /// The kernel half has forgotten what this is.
    Refresh(FileKey, Arc<Executable>),
    /// This shell is in use.
    Used(FileKey),
    /// The last user of this one is gone.
    Forget(FileKey),
}

/// A file that is to be looked at.
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    /// It was answered: only whether it may be remembered is open.
    pub(crate) is_again: bool,
    /// Process that runs it.
    pub(crate) tgid: u32,
    /// When it was executed, boot time in ns.
    pub(crate) exec_ns: u64,
    /// Who started that.
    pub(crate) parent: u32,
    /// Its cgroup.
    pub(crate) cgroup: u64,
    /// The executable of the process; `None` when only the path is to be looked at.
    pub(crate) key: Option<FileKey>,
    pub(crate) path: Vec<u8>,
    /// Size of the executable as far as known.
    pub(crate) size: u64,
}

/// What was found.
pub(crate) enum Answer {
    /// The executable that was asked for; with its key when it was inspected and may be remembered.
    Executable(Ticket, Option<FileKey>, Arc<Executable>),
    /// These have lost their probes to others: what is remembered of them is wrong.
    Evicted(Vec<FileKey>),
}

/// Looks at executables.
pub struct Inspector {
    control: Control,
    requests: Receiver<Request>,
    answers: Sender<Answer>,
    waker: Waker,
    results: (Sender<Done>, Receiver<Done>),
    waiting: VecDeque<Job>,
    running: HashMap<Ticket, Running>,
    /// What runs and was changed just before: it is looked at once more when its key will last, or each of its reads would be
    /// handed over.
    again: VecDeque<(Instant, Job)>,
    on_unreadable: Box<dyn Fn(u64) + Send>,
}

struct Running {
    job: Job,
    since: Instant,
    /// It was answered without.
    is_stuck: bool,
}

struct Done {
    ticket: Ticket,
    found: Option<(FileKey, Inspected, Key)>,
}

/// The capture thread's ends of the channels to the inspector.
pub(crate) struct Desk {
    pub(crate) requests: Sender<Request>,
    pub(crate) answers: Receiver<Answer>,
}

impl Inspector {
    /// An inspector, and where it is asked.
    pub(crate) fn new(control: Control, waker: Waker) -> (Self, Desk) {
        let (requests, asked) = bounded(REQUESTS);
        let (answers, answered) = unbounded();
        let inspector = Self {
            control,
            requests: asked,
            answers,
            waker,
            results: unbounded(),
            waiting: VecDeque::new(),
            running: HashMap::new(),
            again: VecDeque::new(),
            on_unreadable: Box::new(|_| {}),
        };
        (inspector, Desk { requests, answers: answered })
    }

    /// Answers until nobody asks any more. `beat` is called at least every `interval`, and `on_unreadable` with the cgroup that
    /// ran an executable that could not be read in time, or that nobody had time for.
    pub fn run(mut self, interval: Duration, beat: impl Fn(), on_unreadable: impl Fn(u64) + Send + 'static) {
        self.on_unreadable = Box::new(on_unreadable);
        let results = self.results.1.clone();
        let requests = self.requests.clone();
        loop {
            beat();
            select! {
                recv(requests) -> request => match request {
                    Ok(request) => self.take(request),
                    Err(_) => return,
                },
                recv(results) -> done => if let Ok(done) = done {
                    self.done(done);
                },
                default(interval.min(DEADLINE / 4)) => {}
            }
            self.give_up_on_late_ones();
            self.look_again();
            self.start_readers();
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Inspect(job) if self.waiting.len() >= WAITING => self.give_up_on(&job),
            Request::Inspect(job) => self.waiting.push_back(job),
            Request::Refresh(key, executable) => self.control.refresh(key, &executable),
            Request::Used(key) => self.control.used(&key),
            Request::Forget(key) => self.control.forget(&key),
        }
    }

    fn start_readers(&mut self) {
        let stuck = self.running.values().filter(|running| running.is_stuck).count();
        while self.running.len() - stuck < READERS {
            let Some(job) = self.waiting.pop_front() else { return };
            if stuck >= STUCK_MAX {
                self.give_up_on(&job);
                continue;
            }
            let (ticket, tgid, exec_ns, parent) = (job.ticket, job.tgid, job.exec_ns, job.parent);
            let (key, path) = (job.key, job.path.clone());
            let results = self.results.0.clone();
            let read = move || {
                let found = match key {
                    Some(key) => inspect((tgid, exec_ns), parent, &key, &path)
                        .map(|(inspected, worth)| (key, inspected, worth)),
                    None => inspect_path(tgid, &path),
                };
                // Nobody listens when the sensor ends.
                let _ = results.send(Done { ticket, found });
            };
            match std::thread::Builder::new().name("read-binary".to_owned()).spawn(read) {
                Ok(_) => {
                    let running = Running { job, since: Instant::now(), is_stuck: false };
                    self.running.insert(ticket, running);
                }
                Err(e) => {
                    debug!("no thread to read a binary: {e}");
                    self.answer_unseen(&job);
                }
            }
        }
    }

    fn done(&mut self, done: Done) {
        let Some(running) = self.running.remove(&done.ticket) else { return };
        let Some((key, inspected, worth)) = done.found else {
            if !running.is_stuck {
                self.answer_unseen(&running.job);
            }
            return;
        };
        let is_other = inspected.executable().class() == EXE_OTHER;
        match worth {
            // That it is no shell must be true of whatever the key names.
            Key::Doubtful if is_other => {
                if !running.is_stuck {
                    self.answer_unseen(&running.job);
                }
                return;
            }
            Key::Young if is_other => {
                let executable = Arc::new(inspected.hashed(None));
                self.answer(Answer::Executable(done.ticket, None, executable));
                if self.again.len() < WAITING && !running.job.is_again {
                    let job = Job { is_again: true, ..running.job };
                    self.again.push_back((Instant::now() + AGAIN, job));
                }
                return;
            }
            _ => {}
        }
        // Also when it comes late: from its next execution on it is known.
        let (executable, evicted) = self.control.register(key, inspected, running.job.cgroup);
        self.answer(Answer::Executable(done.ticket, Some(key), Arc::new(executable)));
        if !evicted.is_empty() {
            self.answer(Answer::Evicted(evicted));
        }
    }

    fn look_again(&mut self) {
        while let Some((at, _)) = self.again.front()
            && *at <= Instant::now()
            && let Some((_, job)) = self.again.pop_front()
        {
            // What has ended hands over nothing.
            if Path::new(&format!("/proc/{}", job.tgid)).exists() && self.waiting.len() < WAITING {
                self.waiting.push_back(job);
            }
        }
    }

    fn give_up_on_late_ones(&mut self) {
        let late: Vec<Ticket> = self
            .running
            .iter()
            .filter(|(_, running)| !running.is_stuck && running.since.elapsed() > DEADLINE)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in late {
            let Some(mut running) = self.running.remove(&ticket) else { continue };
            warn!(
                "an executable of process {} cannot be read within {DEADLINE:?}: it counts as a shell",
                running.job.tgid
            );
            (self.on_unreadable)(running.job.cgroup);
            self.answer_unseen(&running.job);
            running.is_stuck = true;
            self.running.insert(ticket, running);
        }
    }

    /// There is nobody to look at it.
    fn give_up_on(&self, job: &Job) {
        if job.is_again {
            return;
        }
        (self.on_unreadable)(job.cgroup);
        self.answer_unseen(job);
    }

    /// What could not be looked at may be any shell.
    fn answer_unseen(&self, job: &Job) {
        if job.is_again {
            return;
        }
        let executable = Arc::new(Executable::not_inspected(&job.path, job.size));
        self.answer(Answer::Executable(job.ticket, None, executable));
    }

    fn answer(&self, answer: Answer) {
        // Nobody listens when the sensor ends.
        let _ = self.answers.send(answer);
        self.waker.wake();
    }
}
