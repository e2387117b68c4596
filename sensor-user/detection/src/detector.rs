//! Judges captures, and decides which of them are detections.

use std::{num::NonZeroUsize, sync::Arc, time::Instant};

use identity::{Ancestry, Directory, ProcessFacts, cut};
use lru::LruCache;
use script::{Capture, ScriptId};
use tracing::error;
use verdict::{Judge, OperatingPoint, ScriptHash};

use crate::{detection::Detection, metrics::DetectionMetrics};

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

/// Judges captures. It belongs to one thread.
pub struct Detector {
    judge: Judge,
    directory: Arc<Directory>,
    ancestry: Ancestry,
    reported: LruCache<ScriptId, ScriptHash>,
    metrics: DetectionMetrics,
    /// Lookups of the judge's cache that are counted already.
    counted: (u64, u64),
}

impl Detector {
    /// A detector with this judge.
    pub fn new(judge: Judge, directory: Arc<Directory>, metrics: DetectionMetrics) -> Self {
        Self {
            judge,
            directory,
            ancestry: Ancestry::default(),
            reported: LruCache::new(REPORTED),
            metrics,
            counted: (0, 0),
        }
    }

    /// Judges from now on by another threshold; returns its value.
    pub fn set_sensitivity(&mut self, sensitivity: Sensitivity) -> f32 {
        self.judge.set_threshold(sensitivity.point, sensitivity.threshold);
        self.judge.threshold()
    }

    /// Judges a capture. A detection is a malicious one that was not detected in this state before.
    pub fn judge(&mut self, capture: &Arc<Capture>) -> Option<Detection> {
        self.remember(capture);
        let begun = Instant::now();
        let judged = self.judge.judge(&capture.content);
        self.count(begun);
        let verdict = match judged {
            Ok(verdict) => verdict,
            Err(e) => {
                self.metrics.failed.inc();
                error!("a script could not be scored: {e}");
                return None;
            }
        };
        self.metrics.scored.inc();
        if !verdict.malicious || self.reported.put(capture.id, verdict.hash) == Some(verdict.hash) {
            return None;
        }
        self.metrics.detections.inc();
        let placement = self.directory.placement(capture.cgroup);
        let ancestors = self.ancestry.of(capture.ppid, capture.start_ns, placement.as_deref());
        Some(Detection { capture: capture.clone(), verdict, ancestors })
    }

    fn count(&mut self, begun: Instant) {
        let (hits, misses) = self.judge.hits_and_misses();
        self.metrics.hits.inc_by(hits - self.counted.0);
        if misses > self.counted.1 {
            self.metrics.misses.inc_by(misses - self.counted.1);
            self.metrics.seconds.observe(begun.elapsed().as_secs_f64());
        }
        self.counted = (hits, misses);
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
}
