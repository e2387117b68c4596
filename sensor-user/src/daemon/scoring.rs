//! The scoring thread: captures → verdicts, and a record of them where one is asked for.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc};

use crossbeam_channel::Receiver;
use lru::LruCache;
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::{Telemetry, report::Case};
use crate::{
    identity::{Ancestry, Directory, ProcessFacts, cut},
    record::{Recorded, Recorder},
    script::{Capture, Output, ScriptId},
    verdict::{Judge, OperatingPoint, ScriptHash},
};

/// Scripts whose findings are remembered, so that a script that was malicious once is not taken back when it grows.
const REPORTED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// From which score a script is malicious, as the operator says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// A named threshold of the model.
    pub point: OperatingPoint,
    /// A number instead.
    pub threshold: Option<f32>,
}

/// What the scoring thread works with.
pub(super) struct Scorer {
    pub(super) judge: Judge,
    pub(super) sensitivity: watch::Receiver<Sensitivity>,
    pub(super) directory: Arc<Directory>,
    pub(super) ancestry: Ancestry,
    pub(super) cases: mpsc::Sender<Case>,
    pub(super) recorder: Option<Recorder>,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Scorer {
    /// Scores until the capture thread is gone.
    pub(super) fn run(mut self, captures: &Receiver<Output>) {
        let mut reported: LruCache<ScriptId, ScriptHash> = LruCache::new(REPORTED);
        let mut recording = self.recorder.take().map(|r| Recording::new(r, self.directory.clone()));
        for output in captures {
            if self.sensitivity.has_changed().unwrap_or(false) {
                let now = *self.sensitivity.borrow_and_update();
                self.judge.set_threshold(now.point, now.threshold);
                info!(threshold = self.judge.threshold(), "threshold set");
            }
            let capture = match output {
                Output::Capture(capture) => capture,
                Output::Finished(id) => {
                    if let Some(recording) = &mut recording {
                        recording.finish(&id);
                    }
                    continue;
                }
            };
            self.remember(&capture);
            self.judge_one(&capture, &mut reported);
            if let Some(recording) = &mut recording {
                recording.latest.insert(capture.id, capture);
            }
            let (hits, misses) = self.judge.hits_and_misses();
            self.telemetry.set_cache(hits, misses);
        }
        if let Some(recording) = recording {
            recording.end();
        }
    }

    /// Keeps a shell in mind: it may be a parent of another whose script is reported.
    fn remember(&mut self, capture: &Capture) {
        if self.ancestry.remembers(capture.id.pid, capture.id.exec_ns) {
            return;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (args, cut) = cut(capture.args.iter().map(|arg| text(arg)));
        let exe = capture.interpreter.path.clone();
        let facts = ProcessFacts {
            pid: capture.id.pid,
            ppid: capture.ppid,
            name: text(exe.rsplit(|b| *b == b'/').next().unwrap_or_default()),
            exe,
            args,
            args_truncated: cut || capture.args_truncated,
            uid: capture.uid,
            start_ns: capture.start_ns,
            exec_ns: Some(capture.id.exec_ns),
        };
        self.ancestry.remember(facts, self.directory.placement(capture.cgroup).as_deref());
    }

    fn judge_one(&mut self, capture: &Capture, reported: &mut LruCache<ScriptId, ScriptHash>) {
        let verdict = match self.judge.judge(&capture.content) {
            Ok(verdict) => verdict,
            Err(e) => {
                self.telemetry.failed.add(1);
                error!("a script could not be scored: {e}");
                return;
            }
        };
        self.telemetry.scored.add(1);
        if !verdict.malicious || reported.put(capture.id, verdict.hash) == Some(verdict.hash) {
            return;
        }
        let placement = self.directory.placement(capture.cgroup);
        let ancestors = self.ancestry.of(capture.ppid, capture.start_ns, placement.as_deref());
        let case = Case { capture: Box::new(capture.clone()), verdict, ancestors };
        // The reporter waits for nobody, so this does not wait long.
        if self.cases.blocking_send(case).is_err() {
            error!("the reporter is gone: a finding is lost");
            self.telemetry.failed.add(1);
        }
    }
}

/// Captures on their way to a file: the last state of each script is written when nothing more will come.
struct Recording {
    recorder: Recorder,
    directory: Arc<Directory>,
    latest: HashMap<ScriptId, Box<Capture>>,
    failed: bool,
}

impl Recording {
    fn new(recorder: Recorder, directory: Arc<Directory>) -> Self {
        Self { recorder, directory, latest: HashMap::new(), failed: false }
    }

    fn finish(&mut self, id: &ScriptId) {
        if let Some(capture) = self.latest.remove(id) {
            self.write(capture);
        }
    }

    fn end(mut self) {
        let mut left: Vec<_> = std::mem::take(&mut self.latest).into_values().collect();
        left.sort_by_key(|capture| capture.time_unix_ns);
        for capture in left {
            self.write(capture);
        }
        if let Err(e) = self.recorder.finish() {
            warn!("the record is not complete: {e}");
        }
    }

    fn write(&mut self, capture: Box<Capture>) {
        let container = self.directory.identify(capture.cgroup).container.map(|c| (*c).clone());
        let written = self.recorder.write(&Recorded { capture: *capture, container });
        // A disk that is full is told once, not for every script.
        if let Err(e) = written
            && !self.failed
        {
            self.failed = true;
            warn!("the record is not complete: {e}");
        }
    }
}
