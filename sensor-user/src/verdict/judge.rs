//! The judge: one model, one policy, a cache, and the buffers that scoring needs.

use std::{num::NonZeroUsize, sync::Arc};

use super::{
    cache::VerdictCache,
    explain::{self, Span},
    features::{Extractor, FeatureSet},
    hash::ScriptHash,
    model::{Model, ModelError, OperatingPoint},
    technique::LABELS,
};

/// Verdicts remembered.
const CACHED_VERDICTS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// What a score must reach.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// A script scoring at least this is malicious.
    pub threshold: f32,
    /// A malicious script's technique is named from this probability on.
    pub technique_threshold: f32,
}

/// What was found about a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// SHA-256 of the bytes judged.
    pub hash: ScriptHash,
    /// Probability that it is malicious: the worst window's, 0 to 1.
    pub score: f32,
    /// Does it reach the threshold?
    pub malicious: bool,
    /// Indexes into [`LABELS`] of techniques recognised, most probable first.
    pub techniques: Vec<usize>,
    /// The parts that carried the verdict; only of malicious ones.
    pub spans: Vec<Span>,
}

impl Verdict {
    /// ATT&CK ids of the techniques.
    pub fn technique_ids(&self) -> Vec<&'static str> {
        self.techniques.iter().map(|i| LABELS[*i].id).collect()
    }
}

/// Judges scripts.
pub struct Judge {
    model: Model,
    policy: Policy,
    cache: VerdictCache,
    extractor: Extractor,
    set: FeatureSet,
    ids: Vec<i64>,
}

impl Judge {
    /// A judge with a model of its own.
    pub fn new(model: Model, policy: Policy) -> Self {
        Self {
            model,
            policy,
            cache: VerdictCache::new(CACHED_VERDICTS),
            extractor: Extractor::default(),
            set: FeatureSet::default(),
            ids: Vec::new(),
        }
    }

    /// Judges from now on by another threshold: a named one of the model, or a number.
    pub fn set_threshold(&mut self, point: OperatingPoint, threshold: Option<f32>) {
        self.policy.threshold = threshold.unwrap_or_else(|| self.model.threshold(point));
        // What is remembered was said by the old one.
        self.cache.clear();
    }

    /// The score from which a script is malicious.
    pub fn threshold(&self) -> f32 {
        self.policy.threshold
    }

    /// Judges a script, or remembers what was said of it.
    pub fn judge(&mut self, content: &[u8]) -> Result<Arc<Verdict>, ModelError> {
        let hash = ScriptHash::of(content);
        if let Some(verdict) = self.cache.get(&hash) {
            return Ok(verdict);
        }
        let verdict = Arc::new(self.judge_anew(hash, content)?);
        self.cache.put(hash, verdict.clone());
        Ok(verdict)
    }

    /// Judges without looking into the cache.
    pub fn judge_anew(&mut self, hash: ScriptHash, content: &[u8]) -> Result<Verdict, ModelError> {
        self.extractor.extract(content);
        let mut worst = 0;
        let mut score = -1.0f32;
        let mut techniques = [0.0f32; LABELS.len()];
        for window in 0..self.extractor.windows() {
            self.set.distinct(self.extractor.window(window), |_| true, &mut self.ids);
            let scores = self.model.run(&self.ids)?;
            if scores.malicious > score {
                score = scores.malicious;
                worst = window;
            }
            for (best, p) in techniques.iter_mut().zip(scores.techniques) {
                *best = best.max(p);
            }
        }
        let malicious = score >= self.policy.threshold;
        let mut named: Vec<usize> = Vec::new();
        let mut spans = Vec::new();
        if malicious {
            named = (0..LABELS.len()).filter(|i| techniques[*i] >= self.policy.technique_threshold).collect();
            named.sort_by(|a, b| techniques[*b].total_cmp(&techniques[*a]));
            spans = explain::spans(&mut self.model, &self.extractor, &mut self.set, content, worst)?;
        }
        Ok(Verdict { hash, score, malicious, techniques: named, spans })
    }

    /// Cache hits and misses.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        self.cache.hits_and_misses()
    }
}
