//! Judges captures, and decides which of them are detections.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use identity::{Ancestry, Directory, Placement, ProcessFacts, Provenance, cut};
use jiff::Timestamp;
use response::{Descendants, Held, Known, Mode, Progress, Responder, Response};
use script::{Capture, ScriptId};
use session::{Place, Question, Sessions};
use suppression::Suppressions;
use tokio::sync::watch;
use tracing::error;
use verdict::{Judge, OperatingPoint, Verdict};

use crate::{
    detection::Detection,
    judged::{Judged, Scripts},
    judging::{JudgeLine, Judging, Opinion},
    merger::Merger,
    metrics::DetectionMetrics,
};

/// Bytes beside what is new that it is judged with: what attacks in a few lines fits. If that is suspicious, so many before it.
const BESIDE: usize = 4096;
const FAR: usize = 64 * 1024;
/// If that is malicious, all of the script decides when it grew by a quarter since that was asked, and so often besides.
const AGAIN: u32 = 8;
/// Scripts from this length on are remembered how far they were judged.
const LONG: usize = 8 * 1024;

/// What a shell left behind is a malicious script's own if it was forked since the script began, or within this time.
const RECENT_NS: u64 = 60_000_000_000;

/// From which score a script is malicious, as the operator says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivity {
    /// A named threshold of the model.
    pub point: OperatingPoint,
    /// A number instead.
    pub threshold: Option<f32>,
}

/// Judges captures. It belongs to one thread; others beside it share all but the judge.
pub struct Detector {
    judge: Judging,
    common: Arc<Common>,
    /// From which score a script was malicious when one was judged last.
    threshold: f32,
    /// Lookups of the judge's cache that are counted already.
    counted: (u64, u64),
}

/// What several detectors share.
struct Common {
    directory: Arc<Directory>,
    ancestry: Ancestry,
    merger: Mutex<Merger>,
    scripts: Mutex<Scripts>,
    sessions: Mutex<Sessions>,
    /// What is done about malicious scripts, and the operator's rules for what is left alone.
    responder: watch::Receiver<Arc<Responder>>,
    suppressions: watch::Receiver<Arc<Suppressions>>,
    /// What descends from a process, for the responder.
    descendants: Descendants,
    metrics: DetectionMetrics,
}

impl Common {
    fn merger(&self) -> MutexGuard<'_, Merger> {
        // A panic ends the process; until then what is there is good enough.
        self.merger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scripts(&self) -> MutexGuard<'_, Scripts> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Detector {
    /// A detector with this judge.
    pub fn new(
        judge: Judge,
        directory: Arc<Directory>,
        responder: watch::Receiver<Arc<Responder>>,
        suppressions: watch::Receiver<Arc<Suppressions>>,
        descendants: Descendants,
        metrics: DetectionMetrics,
    ) -> Self {
        let common = Common {
            directory,
            ancestry: Ancestry::default(),
            merger: Mutex::new(Merger::new()),
            scripts: Mutex::new(Scripts::default()),
            sessions: Mutex::new(Sessions::default()),
            responder,
            suppressions,
            descendants,
            metrics,
        };
        Self {
            judge: Judging::Here(Box::new(judge)),
            common: Arc::new(common),
            threshold: 0.0,
            counted: (0, 0),
        }
    }

    /// Another one, which asks this judge at the same time and knows what this one knows. Captures of one shell must still be
    /// judged in their order.
    #[must_use]
    pub fn beside(&self, judge: JudgeLine) -> Self {
        Self { judge: Judging::Aside(judge), common: self.common.clone(), threshold: 0.0, counted: (0, 0) }
    }

    /// Judges from now on by another threshold; returns its value.
    pub fn set_sensitivity(&mut self, sensitivity: Sensitivity) -> f32 {
        self.judge.set_sensitivity(sensitivity)
    }

    /// Judges a capture that is remembered, and emits the detections that are to be reported now: this one if it is malicious and news, and
    /// others that were put off. `held`: how its shell stands.
    pub fn judge(
        &mut self,
        capture: &Arc<Capture>,
        held: impl FnOnce() -> Held,
        emit: &mut impl FnMut(Detection),
    ) {
        let verdict = match &capture.news {
            None => self.judge_whole(capture),
            Some(news) => self.judge_news(capture, news),
        };
        let Some(verdict) = verdict else {
            // It is still running.
            self.common.scripts().is_running(&capture.id);
            return;
        };
        if !verdict.malicious {
            self.judge_session(capture, &verdict, emit);
        }
        let is_left_alone = self.is_left_alone(capture, &verdict);
        let is_first = self.common.scripts().begin(capture.id) && capture.news.is_none();
        if !verdict.malicious {
            return;
        }
        let placement = self.common.directory.placement(capture.cgroup);
        // First what is urgent.
        let response = if is_left_alone {
            None
        } else {
            self.respond(capture, &verdict, placement.as_deref(), held, is_first)
        };
        let mut detection = self.detection(capture.clone(), verdict, placement.as_deref());
        detection.responded(response);
        self.judge_session(capture, &detection.verdict, emit);
        self.take(detection, emit);
    }

    fn detection(&self, capture: Arc<Capture>, verdict: Verdict, placement: Option<&Placement>) -> Detection {
        let ancestors = self.common.ancestry.of(capture.ppid, capture.start_ns, placement);
        let is_in_container = placement.is_some_and(|placement| placement.container.is_some());
        let is_news = !self.common.merger().is_finding(&capture.id);
        let path = capture.path.as_deref().filter(|_| is_in_container && is_news);
        let provenance = path.and_then(|path| Provenance::of(capture.id.pid, path));
        Detection { provenance, ..Detection::new(capture, verdict, ancestors) }
    }

    fn take(&self, detection: Detection, emit: &mut impl FnMut(Detection)) {
        let detections = self.common.metrics.detections.clone();
        let mut counted = |detection| {
            detections.inc();
            emit(detection);
        };
        if self.common.merger().take(detection, Instant::now(), &mut counted) {
            self.common.metrics.repeated.inc();
        }
    }

    /// Judges a script together with what others of its container, or ancestry, ran before. Nothing is done about what is malicious
    /// together only: most of it has run.
    fn judge_session(&mut self, capture: &Capture, verdict: &Verdict, emit: &mut impl FnMut(Detection)) {
        let placement = self.common.directory.placement(capture.cgroup);
        let container = placement.as_ref().and_then(|placement| placement.container.as_ref());
        let place = if let Some(container) = container {
            Place::container(container.as_str())
        } else {
            let root = self.common.ancestry.root(capture.ppid, capture.start_ns, placement.as_deref());
            Place::cgroup(capture.cgroup, root)
        };
        self.common.sessions().add(capture, verdict, self.threshold, place, clock::now_unix_ns());
        self.answer_one(emit);
    }

    /// Judges the session whose turn it is. One thread does, so that what is told of a session keeps its order.
    fn answer_one(&mut self, emit: &mut impl FnMut(Detection)) {
        if matches!(self.judge, Judging::Here(_)) {
            let due = self.common.sessions().due(clock::now_unix_ns());
            if let Some(question) = due {
                self.answer(question, emit);
            }
        }
    }

    fn answer(&mut self, question: Question, emit: &mut impl FnMut(Detection)) {
        let begun = Instant::now();
        let opinion = self.judge.judge(question.text(), question.part(), false);
        self.count(begun, opinion.lookups);
        self.common.metrics.sessions.inc();
        let verdict = match opinion.verdict {
            Ok(verdict) => verdict,
            Err(e) => return error!("a session could not be scored: {e}"),
        };
        let judged = self.common.sessions().judged(question, verdict, clock::now_unix_ns());
        let Some((session, verdict)) = judged else { return };
        let placement = self.common.directory.placement(session.cgroup);
        let last = session.joined.iter().map(|joined| joined.time_unix_ns).max();
        let mut detection = self.detection(Arc::new(session), verdict, placement.as_deref());
        detection.last_run_unix_ns = last.unwrap_or(detection.last_run_unix_ns);
        self.take(detection, emit);
    }

    /// The verdict on a part of a capture, and whether a part of a malicious script may have such a one.
    fn score(&mut self, capture: &Capture, part: Range<usize>) -> Option<(Verdict, bool)> {
        let begun = Instant::now();
        let Opinion { verdict, is_suspicious, threshold, lookups } =
            self.judge.judge(&capture.content, part, capture.flags.evaluates_unseen);
        self.threshold = threshold;
        self.count(begun, lookups);
        match verdict {
            Ok(verdict) => {
                self.common.metrics.scored.inc();
                let may_be_malicious = verdict.malicious || is_suspicious;
                Some((verdict, may_be_malicious))
            }
            Err(e) => {
                self.common.metrics.failed.inc();
                error!("a script could not be scored: {e}");
                None
            }
        }
    }

    fn judge_whole(&mut self, capture: &Capture) -> Option<Verdict> {
        let length = capture.content.len();
        let (verdict, _) = self.score(capture, 0..length)?;
        if length >= LONG {
            self.common.scripts().judged(capture.id, Judged { to: length, whole: length, again: 0 });
        }
        Some(verdict)
    }

    /// Judges what is new of a long script; `None` if it changes nothing. What it means may depend on what is before it, so more
    /// of that is looked at the more suspicious it is.
    fn judge_news(&mut self, capture: &Capture, news: &Range<usize>) -> Option<Verdict> {
        let content = &capture.content;
        // A capture may have been lost, or the script is not remembered.
        let known = self.common.scripts().judged_so_far(&capture.id);
        let Some(before) = known else { return self.judge_whole(capture) };
        let end = news.end.min(content.len());
        let start = news.start.min(before.to).min(end);
        let near = start.saturating_sub(BESIDE)..end.saturating_add(BESIDE).min(content.len());
        let far = start.saturating_sub(FAR)..near.end;
        let (_, may_be_malicious) = self.score(capture, near)?;
        let mut judged = Judged { to: before.to.max(end), ..before };
        self.common.scripts().judged(capture.id, judged);
        if !may_be_malicious {
            return None;
        }
        let (verdict, may_be_malicious) = self.score(capture, far.clone())?;
        let has_grown = content.len() >= judged.whole.saturating_add(judged.whole / 4);
        if has_grown && may_be_malicious {
            return self.judge_whole(capture);
        }
        if !verdict.malicious {
            return None;
        }
        if judged.again < AGAIN {
            judged.again += 1;
            self.common.scripts().judged(capture.id, judged);
            return self.score(capture, 0..content.len()).map(|(verdict, _)| verdict);
        }
        Some(verdict.within(content, far.start))
    }

    /// Does a suppression match the script, or the one that sourced or evaluated it? Also harmless scripts are looked at: what
    /// they evaluate is theirs.
    fn is_left_alone(&self, capture: &Capture, verdict: &Verdict) -> bool {
        let suppressions = self.common.suppressions.borrow().clone();
        if self.common.responder.borrow().mode() == Mode::Off || suppressions.is_empty() {
            return false;
        }
        let identity = self.common.directory.identify(capture.cgroup);
        let container = identity.container.as_deref();
        let is_in_container = container.is_some() && suppressions.need_provenance();
        let path = capture.path.as_deref().filter(|_| is_in_container);
        let provenance = path.and_then(|path| Provenance::of(capture.id.pid, path));
        let is_suppressed =
            suppressions.matching(capture, &verdict.hash, container, provenance, Timestamp::now()).is_some();
        let mut scripts = self.common.scripts();
        let is_of_one = capture.parent.is_some_and(|parent| scripts.is_left_alone(&parent));
        if is_suppressed || is_of_one {
            scripts.leave_alone(capture.id);
        }
        is_suppressed || is_of_one
    }

    fn respond(
        &self,
        capture: &Capture,
        verdict: &Verdict,
        placement: Option<&Placement>,
        held: impl FnOnce() -> Held,
        is_first: bool,
    ) -> Option<Response> {
        let responder = self.common.responder.borrow().clone();
        if responder.mode() == Mode::Off {
            return None;
        }
        let identity = self.common.directory.identify(capture.cgroup);
        let known = Known {
            placement,
            identity: &identity,
            need_identity: self.common.suppressions.borrow().need_identity(),
            // A shell that lives long has started others since.
            strays_since_ns: capture.begun_ns.min(clock::now_boot_ns().saturating_sub(RECENT_NS)),
            descendants: &self.common.descendants,
        };
        let progress = Progress {
            held: held(),
            is_beginning: is_first && capture.parent.is_none(),
            forks: capture.forks.so_far(),
        };
        let response = responder.respond(capture, verdict, &known, progress)?;
        self.common.metrics.responded(response.action);
        Some(response)
    }

    /// Nothing more comes of a script.
    pub fn finished(&mut self, id: &ScriptId, emit: &mut impl FnMut(Detection)) {
        self.common.scripts().finished(id);
        self.common.merger().finished(id, Instant::now(), emit);
    }

    /// Judges a session that waited for its turn, and emits what was put off and is due.
    pub fn send_due(&mut self, emit: &mut impl FnMut(Detection)) {
        // One at a time: what else waits is more urgent.
        self.answer_one(emit);
        self.common.merger().send_due(Instant::now(), emit);
    }

    /// The last of those that share emits all that was put off.
    pub fn end(mut self, emit: &mut impl FnMut(Detection)) {
        if matches!(self.judge, Judging::Here(_)) {
            while let Some(question) = { self.common.sessions().left() } {
                self.answer(question, emit);
            }
        }
        if let Some(common) = Arc::into_inner(self.common) {
            common.merger().end(Instant::now(), emit);
        }
    }

    fn count(&mut self, begun: Instant, (hits, misses): (u64, u64)) {
        // A judge whose thread is gone says nothing.
        self.common.metrics.hits.inc_by(hits.saturating_sub(self.counted.0));
        if misses > self.counted.1 {
            self.common.metrics.misses.inc_by(misses - self.counted.1);
            self.common.metrics.seconds.observe(begun.elapsed().as_secs_f64());
        }
        self.counted = (hits, misses);
    }

    /// Keeps the shell of a capture in mind: it may be a parent of another whose script is reported. To be called in the order of
    /// the captures: what a process executed last counts.
    pub fn remember(&self, capture: &Capture) {
        if self.common.ancestry.remembers(capture.id.pid, capture.id.exec_ns) {
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
        self.common.ancestry.remember(facts, self.common.directory.placement(capture.cgroup).as_deref());
    }
}
