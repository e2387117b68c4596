//! Watches threads and tasks. One that panics, ends before its time or stops coming by is a failure: the process says
//! which it was, is not ready any more, and ends with a code of its own, so that whoever supervises it starts it anew.
//! Nothing goes on quietly half alive.

use std::{
    any::Any,
    fmt,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::{sync::watch, task::JoinHandle};
use tracing::error;

use crate::heartbeat::{Heartbeat, Monitor};

/// Exit code of a process whose stage failed: `EX_SOFTWARE` of `sysexits.h`.
pub const EXIT_STAGE_FAILED: u8 = 70;
/// How often heartbeats are looked at.
const CHECK: Duration = Duration::from_millis(500);
/// How long a process may take to end by itself when a stage failed; then it is ended.
const END_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Likewise when it was asked to stop.
const END_AFTER_STOP: Duration = Duration::from_secs(90);

/// What happened to a stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It panicked.
    #[error("{stage} panicked: {message}")]
    Panicked {
        /// Its name.
        stage: &'static str,
        /// What the panic said.
        message: String,
    },
    /// It ended though nobody had asked it to.
    #[error("{stage} ended before it was asked to")]
    Ended {
        /// Its name.
        stage: &'static str,
    },
    /// It does not come by any more.
    #[error("{stage} has hung for {silent:?}")]
    Hung {
        /// Its name.
        stage: &'static str,
        /// How long it was silent when that was noticed.
        silent: Duration,
    },
}

impl Failure {
    fn stage(&self) -> &'static str {
        match self {
            Self::Panicked { stage, .. } | Self::Ended { stage } | Self::Hung { stage, .. } => stage,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStage {
    stage: &'static str,
}

struct Shared {
    first: watch::Sender<Option<Failure>>,
    stopping: AtomicBool,
    monitors: Mutex<Vec<(&'static str, Monitor)>>,
    failures: Family<OfStage, Counter>,
}

/// Starts threads and tasks and watches them. Cheap to clone.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Supervisor")
    }
}

impl Supervisor {
    /// A supervisor whose counter of failures is shown in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let failures: Family<OfStage, Counter> = Family::default();
        registry.register(
            "stage_failures",
            "Stages that panicked, ended before their time or hung; each ends the process",
            failures.clone(),
        );
        Self(Arc::new(Shared {
            first: watch::Sender::new(None),
            stopping: AtomicBool::new(false),
            monitors: Mutex::default(),
            failures,
        }))
    }

    /// From now on stages may end.
    pub fn expect_ends(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.monitors().clear();
    }

    /// A heartbeat that must not be silent for longer than `limit`.
    pub fn heartbeat(&self, stage: &'static str, limit: Duration) -> Heartbeat {
        let heartbeat = Heartbeat::new(limit);
        self.monitors().push((stage, Monitor::new(heartbeat.clone())));
        heartbeat
    }

    /// A counter that is not there before it counts has no rise that could be seen.
    fn expect_stage(&self, stage: &'static str) {
        drop(self.0.failures.get_or_create(&OfStage { stage }));
    }

    fn monitors(&self) -> MutexGuard<'_, Vec<(&'static str, Monitor)>> {
        self.0.monitors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread of this name. It is to run until the process stops.
    pub fn thread(
        &self,
        stage: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<thread::JoinHandle<()>> {
        self.expect_stage(stage);
        let supervisor = self.clone();
        thread::Builder::new().name(stage.to_owned()).spawn(move || {
            match catch_unwind(AssertUnwindSafe(work)) {
                Ok(()) => supervisor.ended(stage),
                Err(panic) => supervisor.panicked(stage, &*panic),
            }
        })
    }

    /// Starts a task of the current runtime. It is to run until the process stops.
    pub fn task(
        &self,
        stage: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.expect_stage(stage);
        let supervisor = self.clone();
        let inner = tokio::spawn(work);
        tokio::spawn(async move {
            match inner.await {
                Ok(()) => supervisor.ended(stage),
                Err(e) if e.is_panic() => supervisor.panicked(stage, &*e.into_panic()),
                // Only the end of the runtime cancels it.
                Err(_) => {}
            }
        })
    }

    /// Starts a task of the current runtime that may end by itself; only a panic is a failure.
    pub fn errand(
        &self,
        stage: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.expect_stage(stage);
        let supervisor = self.clone();
        let inner = tokio::spawn(work);
        tokio::spawn(async move {
            if let Err(e) = inner.await
                && e.is_panic()
            {
                supervisor.panicked(stage, &*e.into_panic());
            }
        })
    }

    /// The first failure, if there was one.
    pub fn failure(&self) -> Option<Failure> {
        self.0.first.borrow().clone()
    }

    /// Resolves with the first failure.
    pub async fn failed(&self) -> Failure {
        let mut first = self.0.first.subscribe();
        // The sender is in `self`.
        loop {
            if let Some(failure) = first.borrow_and_update().clone() {
                return failure;
            }
            let _ = first.changed().await;
        }
    }

    /// Starts the thread that looks after the heartbeats. It needs nothing of the async runtime, which may be what hangs, and
    /// sees to it that the process ends when that fails, too.
    pub fn watch(&self) -> io::Result<()> {
        // SAFETY: _exit has no preconditions. Handlers of `exit` may wait for what hangs.
        self.watch_and(END_AFTER_FAILURE, || unsafe { libc::_exit(i32::from(EXIT_STAGE_FAILED)) })
    }

    fn watch_and(&self, after_failure: Duration, end: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let shared = Arc::downgrade(&self.0);
        let watch = move || {
            // Looks are counted, as heartbeats do it: a machine that stood still is not late.
            let (mut failed, mut stopping) = (Duration::ZERO, Duration::ZERO);
            while failed < after_failure && stopping < END_AFTER_STOP {
                thread::sleep(CHECK);
                let Some(shared) = shared.upgrade() else { return };
                let supervisor = Self(shared);
                supervisor.check(CHECK);
                failed += if supervisor.failure().is_some() { CHECK } else { Duration::ZERO };
                stopping += if supervisor.0.stopping.load(Ordering::SeqCst) { CHECK } else { Duration::ZERO };
            }
            end();
        };
        thread::Builder::new().name("supervisor".to_owned()).spawn(watch).map(drop)
    }

    /// Looks after the heartbeats once.
    fn check(&self, since: Duration) {
        let late =
            self.monitors().iter_mut().find_map(|(stage, monitor)| Some((*stage, monitor.look(since)?)));
        if let Some((stage, silent)) = late {
            self.report(&Failure::Hung { stage, silent });
        }
    }

    fn ended(&self, stage: &'static str) {
        if !self.0.stopping.load(Ordering::SeqCst) {
            self.report(&Failure::Ended { stage });
        }
    }

    fn panicked(&self, stage: &'static str, panic: &(dyn Any + Send)) {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        self.report(&Failure::Panicked { stage, message });
    }

    fn report(&self, failure: &Failure) {
        let is_first = self.0.first.send_if_modified(|first| {
            let is_first = first.is_none();
            if is_first {
                // Before anybody hears of it.
                self.0.failures.get_or_create(&OfStage { stage: failure.stage() }).inc();
                *first = Some(failure.clone());
            }
            is_first
        });
        if is_first {
            // Where the log goes may be what hangs, and the end must not wait for it.
            let failure = failure.clone();
            let tell = move || {
                error!(stage = failure.stage(), "a stage failed, the process will end: {failure}");
            };
            let _ = thread::Builder::new().name("failure".to_owned()).spawn(tell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supervisor() -> Supervisor {
        Supervisor::register(&mut Registry::default())
    }

    async fn failed(supervisor: &Supervisor) -> Failure {
        tokio::time::timeout(Duration::from_secs(30), supervisor.failed()).await.expect("a failure")
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_named() {
        let supervisor = supervisor();
        assert_eq!(supervisor.failure(), None);
        supervisor.thread("scoring", || panic!("no {}", "model")).unwrap();
        let failure = Failure::Panicked { stage: "scoring", message: "no model".to_owned() };
        assert_eq!(failed(&supervisor).await, failure);
        assert_eq!(supervisor.failure(), Some(failure));
        assert_eq!(supervisor.0.failures.get_or_create(&OfStage { stage: "scoring" }).get(), 1);
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_named() {
        let first = supervisor();
        first.task("reporter", async { panic!("no") });
        assert!(matches!(failed(&first).await, Failure::Panicked { stage: "reporter", .. }));
        let second = supervisor();
        second.task("delivery", async {});
        assert_eq!(failed(&second).await, Failure::Ended { stage: "delivery" });
    }

    #[tokio::test]
    async fn a_stage_that_does_not_come_by_hangs() {
        let supervisor = supervisor();
        let _silent = supervisor.heartbeat("capture", Duration::from_millis(20));
        supervisor.watch_and(Duration::MAX, || ()).unwrap();
        assert!(matches!(failed(&supervisor).await, Failure::Hung { stage: "capture", .. }));
    }

    #[test]
    fn a_process_that_does_not_end_by_itself_is_ended() {
        let supervisor = supervisor();
        let (ended, end) = std::sync::mpsc::channel();
        supervisor.watch_and(CHECK * 2, move || ended.send(()).unwrap()).unwrap();
        assert!(end.recv_timeout(CHECK * 4).is_err(), "nothing failed yet");
        supervisor.thread("scoring", || ()).unwrap().join().unwrap();
        end.recv_timeout(Duration::from_secs(30)).expect("its end");
    }

    #[tokio::test]
    async fn ends_that_were_asked_for_are_none() {
        let supervisor = supervisor();
        let beat = supervisor.heartbeat("capture", Duration::from_millis(1));
        supervisor.expect_ends();
        supervisor.thread("capture", move || beat.beat()).unwrap().join().unwrap();
        supervisor.task("delivery", async {}).await.unwrap();
        supervisor.errand("metadata", async {}).await.unwrap();
        supervisor.check(Duration::from_secs(1));
        assert_eq!(supervisor.failure(), None);
    }
}
