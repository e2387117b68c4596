//! The judge: one model, one policy, a cache, and the buffers that scoring needs.

use std::{num::NonZeroUsize, path::Path, time::Duration};

use lru::LruCache;

use behaviour::{Behaviour, Evidence, Fact, Leaning};

use crate::{
    cache::VerdictCache,
    explain::{self, logit},
    feature::Feature,
    features::{Extractor, FeatureSet, PASSAGE_PIECES, Passage, WINDOW_WORDS},
    hash::ScriptHash,
    model::{Model, ModelError, Scores},
    operating_point::OperatingPoint,
    technique::{self, MODEL_TECHNIQUES},
    verdict::{Reason, Verdict},
};

/// Windows whose passages are looked at: the worst ones.
const WORST_WINDOWS: usize = 2;
/// Verdicts remembered.
const CACHED_VERDICTS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// Scripts remembered whose second opinion had no time.
const LATE: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");

/// A fact that adds less to the second opinion's logit is no reason.
const REASON_MIN: f32 = 0.05;

/// How much processor time the second opinion may take about a short script, and how much longer about one of 64 KiB or more.
const OPINION_TIME: Duration = Duration::from_millis(10);
const OPINION_TIME_LONG: Duration = Duration::from_millis(40);

/// So many times as long where nobody waits.
const PATIENCE: u32 = 200;

/// A malicious script's technique is named from this probability on.
const TECHNIQUE_THRESHOLD: f32 = 0.5;

/// What a score must reach.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// A script scoring at least this is malicious.
    pub threshold: f32,
    /// Likewise one that evaluates text which nobody saw.
    pub unseen_threshold: f32,
    /// A malicious script's technique is named from this probability on.
    pub technique_threshold: f32,
}

/// Judges scripts.
pub struct Judge {
    model: Model,
    policy: Policy,
    /// The model's own; `None` when it does not judge passages.
    passage_penalty: Option<f32>,
    cache: VerdictCache,
    extractor: Extractor,
    set: FeatureSet,
    /// Passages to look at.
    passages: Vec<Passage>,
    /// How many times as long as usual the second opinion may take.
    patience: u32,
    /// The second opinion had no time the last time.
    was_late: bool,
    /// The scripts that were late last.
    late: LruCache<ScriptHash, ()>,
}

impl Judge {
    /// Loads ONNX Runtime and a model, and judges by a named threshold of the model or by a number.
    pub fn load(
        onnxruntime: &Path,
        model: &Path,
        point: OperatingPoint,
        threshold: Option<f32>,
    ) -> Result<Self, ModelError> {
        Ok(Self::by(Model::load(onnxruntime, model)?, point, threshold))
    }

    /// Two of them, for two threads, which have the model in memory once.
    pub fn load_two(
        onnxruntime: &Path,
        model: &Path,
        point: OperatingPoint,
        threshold: Option<f32>,
    ) -> Result<(Self, Self), ModelError> {
        let (one, other) = Model::load_two(onnxruntime, model)?;
        Ok((Self::by(one, point, threshold), Self::by(other, point, threshold)))
    }

    fn by(model: Model, point: OperatingPoint, threshold: Option<f32>) -> Self {
        let (threshold, unseen_threshold) = thresholds(&model, point, threshold);
        let policy = Policy { threshold, unseen_threshold, technique_threshold: TECHNIQUE_THRESHOLD };
        Self::new(model, policy)
    }

    /// A judge with a model of its own.
    pub fn new(model: Model, policy: Policy) -> Self {
        Self {
            passage_penalty: model.passage_penalty(),
            model,
            policy,
            cache: VerdictCache::new(CACHED_VERDICTS),
            extractor: Extractor::default(),
            set: FeatureSet::default(),
            passages: Vec::with_capacity(WORST_WINDOWS * PASSAGE_PIECES * (WINDOW_WORDS + PASSAGE_PIECES)),
            patience: 1,
            was_late: false,
            late: LruCache::new(LATE),
        }
    }

    /// Nobody waits for the verdicts: the second opinion may take its time, so that a busy machine says what an idle one does.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patience: PATIENCE, ..self }
    }

    /// Judges from now on by another threshold: a named one of the model, or a number.
    pub fn set_threshold(&mut self, point: OperatingPoint, threshold: Option<f32>) {
        (self.policy.threshold, self.policy.unseen_threshold) = thresholds(&self.model, point, threshold);
        // What is remembered was said by the old one.
        self.cache.clear();
    }

    /// The score from which a script is malicious.
    pub fn threshold(&self) -> f32 {
        self.policy.threshold
    }

    /// May a part of a script that scores so much be a part of a malicious one?
    pub fn is_suspicious(&self, score: f32) -> bool {
        let half = self.policy.threshold / 2.0;
        score >= self.model.opinion().map_or(half, |opinion| half.min(opinion.gate()))
    }

    /// Judges a script, or remembers what was said of it. For scripts that raise no suspicion nothing is allocated once the
    /// buffers have grown and the cache is full. `evaluates_unseen`: the script is a part of what runs; a lower score is enough.
    pub fn judge(&mut self, content: &[u8], evaluates_unseen: bool) -> Result<Verdict, ModelError> {
        let hash = ScriptHash::of(content);
        if let Some(verdict) = self.cache.get(hash, evaluates_unseen) {
            return Ok(verdict);
        }
        let threshold = if evaluates_unseen { self.policy.unseen_threshold } else { self.policy.threshold };
        let verdict = self.judge_at(hash, content, threshold)?;
        // What was said in haste is said anew when there is time, once: a script that is always late must not cost it each time.
        if !self.was_late || self.late.pop(&hash).is_some() {
            self.cache.put(hash, evaluates_unseen, verdict.clone());
        } else {
            self.late.put(hash, ());
        }
        Ok(verdict)
    }

    /// Judges without looking into the cache.
    pub fn judge_anew(&mut self, hash: ScriptHash, content: &[u8]) -> Result<Verdict, ModelError> {
        self.judge_at(hash, content, self.policy.threshold)
    }

    fn judge_at(&mut self, hash: ScriptHash, content: &[u8], threshold: f32) -> Result<Verdict, ModelError> {
        self.extractor.extract(content);
        let mut worst = self.judge_windows()?;
        if let Some(penalty) = self.passage_penalty {
            self.judge_passages(penalty, &mut worst)?;
        }
        let Worst { score: first, part: worst_part, techniques, .. } = worst;
        let worst_at =
            worst_part.features(&mut self.extractor).first().map_or(0, |feature| feature.at as usize);
        let Second { score, does, weights, late } = self.ask_second(first, content, worst_at);
        self.was_late = late;
        let malicious = score >= threshold;
        let mut named: Vec<usize> = Vec::new();
        let mut spans = Vec::new();
        let mut reasons = Vec::new();
        if malicious {
            reasons = reasons_of(&does, &weights, content);
            named = technique::of_reasons(&reasons);
            if named.is_empty() {
                // Nothing that it does has a name: what it looks like.
                named = (0..MODEL_TECHNIQUES)
                    .filter(|i| techniques[*i] >= self.policy.technique_threshold)
                    .collect();
                named.sort_by(|a, b| techniques[*b].total_cmp(&techniques[*a]));
            }
            let features = worst_part.features(&mut self.extractor);
            spans = explain::spans(&mut self.model, features, &mut self.set, content)?;
        }
        Ok(Verdict { hash, score, malicious, techniques: named, spans, reasons })
    }

    /// Looks at what a script does, if the first opinion finds it suspicious. Of a script that is longer than what is followed, it is
    /// the part around its worst place.
    fn ask_second(&self, first: f32, content: &[u8], worst_at: usize) -> Second {
        let Some(opinion) = self.model.opinion().filter(|opinion| opinion.is_followed(first)) else {
            return Second::not_asked(first);
        };
        let share = (content.len() as f32 / 65_536.0).min(1.0);
        let time = (OPINION_TIME + OPINION_TIME_LONG.mul_f32(share)) * self.patience;
        let (start, near) = around(content, worst_at);
        let (mut does, is_in_time) = Behaviour::within(near, time);
        if near.len() < content.len() && !does.has(Fact::Cut) {
            does.evidence.push(Evidence { fact: Fact::Cut, at: 0, about: b"length".to_vec() });
        }
        if !opinion.is_asked(first, &does) {
            return Second::not_asked(first);
        }
        // What was found until there was no more time still counts.
        let (second, weights) = if is_in_time {
            opinion.weigh(&does)
        } else {
            (opinion.late(&does), vec![0.0; does.evidence.len()])
        };
        let score = probability(opinion.logit(logit(first), second));
        let late = !is_in_time;
        let mut does = does.evidence;
        for evidence in &mut does {
            evidence.at += start as u32;
        }
        Second { score, does, weights, late }
    }

    fn judge_windows(&mut self) -> Result<Worst, ModelError> {
        let Self { model, extractor, set, .. } = self;
        let mut worst = Worst::default();
        let with_passages = extractor.windows_with_passages();
        model.score(
            extractor.windows(),
            |window, ids| set.distinct(extractor.window(window), |_| true, ids),
            |window, scores| {
                worst.learn(Part::Window(window), scores.malicious, &scores);
                if with_passages.contains(&window) {
                    worst.rank(window, scores.malicious);
                }
            },
        )?;
        Ok(worst)
    }

    /// Looks closely at the worst windows.
    fn judge_passages(&mut self, penalty: f32, worst: &mut Worst) -> Result<(), ModelError> {
        let Self { model, extractor, set, passages, .. } = self;
        passages.clear();
        for (_, window) in worst.windows.iter().filter(|(score, _)| *score >= 0.0) {
            passages.extend(extractor.passages_of(*window));
        }
        passages.sort_unstable();
        passages.dedup();
        model.score(
            passages.len(),
            |i, ids| set.distinct(extractor.passage(passages[i]), |_| true, ids),
            |i, scores| {
                let score = probability(logit(scores.malicious) - penalty);
                worst.learn(Part::Passage(passages[i]), score, &scores);
            },
        )
    }

    /// Cache hits and misses.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        self.cache.hits_and_misses()
    }
}

/// The thresholds by a named one of the model, or by a number: this many and no fewer, also of what evaluates unseen text.
fn thresholds(model: &Model, point: OperatingPoint, threshold: Option<f32>) -> (f32, f32) {
    match threshold {
        Some(threshold) => (threshold, threshold),
        None => {
            (model.threshold(point), model.threshold(point).min(model.threshold(OperatingPoint::Sensitive)))
        }
    }
}

/// What both opinions say, and what the second one rests on.
struct Second {
    score: f32,
    does: Vec<Evidence>,
    weights: Vec<f32>,
    late: bool,
}

impl Second {
    /// The first opinion alone counts.
    fn not_asked(first: f32) -> Self {
        Self { score: first, does: Vec::new(), weights: Vec::new(), late: false }
    }
}

/// What is followed of a script, from the beginning of a line on, and where it begins.
fn around(content: &[u8], at: usize) -> (usize, &[u8]) {
    if content.len() <= behaviour::TEXT_MAX {
        return (0, content);
    }
    let first = at.saturating_sub(behaviour::TEXT_MAX / 2).min(content.len() - behaviour::TEXT_MAX);
    // A line may be longer than all that is followed.
    let line = memchr::memchr(b'\n', &content[first..at.max(first)]).map_or(0, |i| i + 1);
    let start = if first == 0 { 0 } else { first + line };
    (start, &content[start..content.len().min(start + behaviour::TEXT_MAX)])
}

/// What carried the verdict, the weightiest first.
fn reasons_of(does: &[Evidence], weights: &[f32], content: &[u8]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = does
        .iter()
        .zip(weights)
        .filter(|(evidence, weight)| match evidence.fact.leaning() {
            // Of several that say the same none carries much: each of them is told.
            Leaning::Attack | Leaning::Suspicious => true,
            Leaning::Either => **weight >= REASON_MIN,
            Leaning::Care => false,
        })
        .map(|(evidence, weight)| Reason {
            fact: evidence.fact,
            line: explain::line_number(content, evidence.at),
            about: evidence.about.clone(),
            weight: *weight,
        })
        .collect();
    reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    reasons
}

/// What a score is of: a window, by number, or a passage.
#[derive(Clone, Copy)]
enum Part {
    Window(usize),
    Passage(Passage),
}

impl Part {
    fn features(self, extractor: &mut Extractor) -> &[Feature] {
        match self {
            Self::Window(window) => extractor.window(window),
            Self::Passage(passage) => extractor.passage(passage),
        }
    }
}

/// What is known while a script is judged.
struct Worst {
    score: f32,
    part: Part,
    /// The highest probability of each technique in any window, and in a passage that was the worst part.
    techniques: [f32; MODEL_TECHNIQUES],
    /// The worst windows that have passages, with their scores.
    windows: [(f32, usize); WORST_WINDOWS],
}

impl Default for Worst {
    fn default() -> Self {
        Self {
            score: -1.0,
            part: Part::Window(0),
            techniques: [0.0; MODEL_TECHNIQUES],
            windows: [(-1.0, 0); WORST_WINDOWS],
        }
    }
}

impl Worst {
    /// Enters a window that has passages into the list of the worst, which stays sorted, the worst first.
    fn rank(&mut self, window: usize, score: f32) {
        let rank = self.windows.partition_point(|(worse, _)| *worse >= score);
        if rank < WORST_WINDOWS {
            self.windows[rank..].rotate_right(1);
            self.windows[rank] = (score, window);
        }
    }

    fn learn(&mut self, part: Part, score: f32, scores: &Scores) {
        let is_worst = score > self.score;
        if is_worst {
            self.score = score;
            self.part = part;
        }
        if is_worst || matches!(part, Part::Window(_)) {
            for (best, p) in self.techniques.iter_mut().zip(scores.techniques) {
                *best = best.max(p);
            }
        }
    }
}

fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_script_the_part_around_its_worst_place_is_followed() {
        let most = behaviour::TEXT_MAX;
        let short = b"id\n".repeat(10);
        assert_eq!(around(&short, 20), (0, &short[..]));
        let long = b"echo abc\n".repeat(most / 3);
        for at in [0, 5, most / 2, most, 2 * most, long.len() - 1] {
            let (start, near) = around(&long, at);
            assert!(
                near.len() <= most && start <= at && at < start + near.len(),
                "{at}: {start} {}",
                near.len()
            );
            assert!(start == 0 || long[start - 1] == b'\n', "{at}");
        }
        let one_line = vec![b'a'; 4 * most];
        let (start, near) = around(&one_line, 3 * most);
        assert!(start <= 3 * most && 3 * most < start + near.len());
    }

    #[test]
    fn passages_are_looked_at_near_the_worst_windows_that_have_some() {
        let mut extractor = Extractor::default();
        extractor.extract("echo a b c d e f g h\ncurl x; sh x\n".repeat(60).as_bytes());
        let with = extractor.windows_with_passages();
        assert!(with.end > 4 && with.end + 2 < extractor.windows(), "{with:?} of {}", extractor.windows());
        for window in 0..extractor.windows() {
            assert_eq!(extractor.passages_of(window).next().is_some(), with.contains(&window), "{window}");
        }
        let mut worst = Worst::default();
        for (window, score) in [(0, 0.3), (1, 0.1), (2, 0.7), (3, 0.5), (4, 0.2)] {
            worst.rank(window, score);
        }
        assert_eq!(worst.windows.map(|(_, window)| window), [2, 3]);
    }
}
