//! The scoring thread: captures → verdicts → findings.

use std::{collections::HashMap, num::NonZeroUsize};

use crossbeam_channel::Receiver;
use jiff::Timestamp;
use lru::LruCache;
use tracing::{debug, error, warn};

use super::Telemetry;
use crate::{
    delivery::Outbox,
    finding::{Evidence, build},
    identity::{Node, ProcessFacts, boot_unix_ns, now_boot_ns},
    record::Recorder,
    script::{Capture, Output, ScriptId},
    suppression::Suppressions,
    verdict::{Judge, ScriptHash},
};

/// Scripts whose findings are remembered, so that a script that was malicious once is not taken back when it grows.
const REPORTED: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// Scores until the capture thread is gone.
pub(super) fn run(
    mut judge: Judge,
    captures: &Receiver<Output>,
    suppressions: &Suppressions,
    node: &Node,
    outbox: Outbox,
    recorder: Option<Recorder>,
    telemetry: &Telemetry,
) {
    let mut reported: LruCache<ScriptId, ScriptHash> = LruCache::new(REPORTED);
    let mut recording = recorder.map(Recording::new);
    for output in captures {
        let capture = match output {
            Output::Capture(capture) => capture,
            Output::Finished(id) => {
                if let Some(recording) = &mut recording {
                    recording.finish(&id);
                }
                continue;
            }
        };
        match judge.judge(&capture.content) {
            Ok(verdict) => {
                telemetry.scored.add(1);
                if verdict.malicious
                    && let Some(rule) = suppressions.matching(&capture, &verdict.hash, Timestamp::now())
                {
                    telemetry.suppressed.add(1);
                    debug!(hash = %verdict.hash, rule.reason, "suppressed");
                } else if verdict.malicious && reported.put(capture.id, verdict.hash) != Some(verdict.hash) {
                    let parent = ProcessFacts::of(capture.ppid);
                    let evidence = Evidence {
                        capture: &capture,
                        verdict: &verdict,
                        node,
                        parent: parent.as_ref(),
                        now_unix_ns: boot_unix_ns() + now_boot_ns(),
                    };
                    outbox.put(build(&evidence));
                }
            }
            Err(e) => {
                telemetry.failed.add(1);
                error!("a script could not be scored: {e}");
            }
        }
        if let Some(recording) = &mut recording {
            recording.latest.insert(capture.id, capture);
        }
        let (hits, misses) = judge.hits_and_misses();
        telemetry.set_cache(hits, misses);
    }
    if let Some(recording) = recording {
        recording.end();
    }
    drop(outbox);
}

/// Captures on their way to a file: the last state of each script is written when nothing more will come.
struct Recording {
    recorder: Recorder,
    latest: HashMap<ScriptId, Box<Capture>>,
    failed: bool,
}

impl Recording {
    fn new(recorder: Recorder) -> Self {
        Self { recorder, latest: HashMap::new(), failed: false }
    }

    fn finish(&mut self, id: &ScriptId) {
        if let Some(capture) = self.latest.remove(id) {
            let written = self.recorder.write(&capture);
            self.note(written);
        }
    }

    fn end(mut self) {
        let mut left: Vec<_> = std::mem::take(&mut self.latest).into_values().collect();
        left.sort_by_key(|capture| capture.time_unix_ns);
        for capture in left {
            let written = self.recorder.write(&capture);
            self.note(written);
        }
        if let Err(e) = self.recorder.finish() {
            warn!("the record is not complete: {e}");
        }
    }

    /// A disk that is full is told once, not for every script.
    fn note(&mut self, written: Result<(), crate::record::RecordError>) {
        if let Err(e) = written
            && !self.failed
        {
            self.failed = true;
            warn!("the record is not complete: {e}");
        }
    }
}
