//! The ONNX model: sets of features in, probabilities out.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    session::{Session, builder::GraphOptimizationLevel},
};

use prost::bytes::Bytes;

use crate::{
    batch::Batch,
    fingerprint::{METADATA_KEY, fingerprint},
    operating_point::OperatingPoint,
    opinion::Opinion,
    signature,
    technique::MODEL_TECHNIQUES,
    weights::Weights,
};

/// Where a model's metadata says by how much (in logits) a passage counts less than a window. A model without it is not
/// asked about passages.
const PASSAGE_PENALTY: &str = "passage.penalty";

/// Probabilities for one set of features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// That it is malicious.
    pub malicious: f32,
    /// That it uses each technique of [`TECHNIQUES`](crate::technique::TECHNIQUES) that the model knows.
    pub techniques: [f32; MODEL_TECHNIQUES],
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// ONNX Runtime is not there.
    #[error(
        "ONNX Runtime's library {0} cannot be loaded ({1}): run `cargo xtask setup`, or point --onnxruntime at libonnxruntime.so"
    )]
    Runtime(PathBuf, String),
    /// The file cannot be read as a model.
    #[error("the model {0} cannot be loaded: {1}")]
    Load(PathBuf, String),
    /// It is a model, but not for this sensor.
    #[error("the model {path} does not fit: {what}")]
    Signature {
        /// The model's file.
        path: PathBuf,
        /// What is wrong, and what is expected.
        what: String,
    },
    /// It failed on an input.
    #[error("the model failed: {0}")]
    Run(String),
}

/// ONNX Runtime allows one environment a process; every session shares it.
fn environment(library: &Path) -> Result<Environment, ModelError> {
    static LOADED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let failed = |e: &dyn std::fmt::Display| ModelError::Runtime(library.to_owned(), e.to_string());
    let builder = ort::init_from(library).map_err(|e| failed(&e))?;
    let environment = builder.with_name("scriptwatch").build().map_err(|e| failed(&e))?;
    Ok(loaded.insert(environment).clone())
}

/// What a model is made of.
struct ModelFile<'a> {
    path: &'a Path,
    environment: Environment,
    bytes: Bytes,
    weights: Weights,
}

impl<'a> ModelFile<'a> {
    fn read(library: &Path, path: &'a Path) -> Result<Self, ModelError> {
        if !library.exists() {
            return Err(ModelError::Runtime(library.to_owned(), "no such file".to_owned()));
        }
        let environment = environment(library)?;
        let bytes = std::fs::read(path).map_err(|e| ModelError::Load(path.to_owned(), e.to_string()))?;
        let bytes = Bytes::from(bytes);
        Ok(Self { path, environment, weights: Weights::of(&bytes), bytes })
    }
}

/// A loaded model. Not shared between threads: each scoring thread has its own session.
pub struct Model {
    session: Session,
    /// From the smallest to the largest.
    batches: Vec<Batch>,
    /// Features of the sets that wait for a run.
    features: Vec<i64>,
    /// Where each of these sets ends.
    ends: Vec<i64>,
    /// The second opinion, if the model has one.
    opinion: Option<Opinion>,
}

impl Model {
    /// Loads ONNX Runtime from `library` (the first time in a process) and the model from `path`, and checks its signature.
    pub fn load(library: &Path, path: &Path) -> Result<Self, ModelError> {
        let file = ModelFile::read(library, path)?;
        Self::of(&file)
    }

    /// Two of one file, which share its large tensors.
    pub(crate) fn load_two(library: &Path, path: &Path) -> Result<(Self, Self), ModelError> {
        let file = ModelFile::read(library, path)?;
        Ok((Self::of(&file)?, Self::of(&file)?))
    }

    fn of(file: &ModelFile<'_>) -> Result<Self, ModelError> {
        let ModelFile { path, environment, bytes, weights } = file;
        let path = *path;
        let failed = |e: &dyn std::fmt::Display| ModelError::Load(path.to_owned(), e.to_string());
        let session = Session::builder(environment)
            .and_then(|b| Ok(b.with_intra_threads(1)?))
            .and_then(|b| Ok(b.with_inter_threads(1)?))
            .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::Level3)?))
            .and_then(|b| weights.give(b))
            .and_then(|mut b| b.commit_from_memory(bytes))
            .map_err(|e| failed(&e))?;
        signature::check(&session).map_err(|what| ModelError::Signature { path: path.to_owned(), what })?;
        check_features(&session).map_err(|what| ModelError::Signature { path: path.to_owned(), what })?;
        let opinion = Opinion::read(|key| session.metadata().ok()?.custom(key))
            .map_err(|what| ModelError::Signature { path: path.to_owned(), what })?;
        let batches = Batch::all(&session).map_err(|e| failed(&e))?;
        // A set that no longer fits waits behind those that are run.
        let (features, ends) = batches.last().map_or((0, 0), Batch::size);
        let (features, ends) = (Vec::with_capacity(2 * features), Vec::with_capacity(ends));
        Ok(Self { session, batches, features, ends, opinion })
    }

    /// The second opinion.
    pub(super) fn opinion(&self) -> Option<&Opinion> {
        self.opinion.as_ref()
    }

    /// The model's threshold for an operating point.
    pub fn threshold(&self, point: OperatingPoint) -> f32 {
        let stored = self.session.metadata().ok().and_then(|m| m.custom(&point.key()));
        stored.and_then(|text| text.parse().ok()).unwrap_or(OperatingPoint::FALLBACK)
    }

    /// By how much, in logits, a passage counts less than a window; `None` where the model does not judge passages.
    pub fn passage_penalty(&self) -> Option<f32> {
        let stored = self.session.metadata().ok().and_then(|m| m.custom(PASSAGE_PENALTY));
        stored.and_then(|text| text.parse().ok()).filter(|p: &f32| p.is_finite())
    }

    /// Scores `count` sets of features: `fill` appends those of one, `found` is told what the model says of it. They go
    /// through the model many at a time.
    pub fn score(
        &mut self,
        count: usize,
        mut fill: impl FnMut(usize, &mut Vec<i64>),
        mut found: impl FnMut(usize, Scores),
    ) -> Result<(), ModelError> {
        let Some((features_max, sets_max)) = self.batches.last().map(Batch::size) else { return Ok(()) };
        let mut first = 0;
        self.features.clear();
        self.ends.clear();
        for set in 0..count {
            let begin = self.features.len();
            fill(set, &mut self.features);
            // Feature 0 stands in for a set without any. A set larger than a batch cannot be: a window has 96 words.
            if self.features.len() == begin {
                self.features.push(0);
            }
            self.features.truncate(begin + features_max);
            if self.features.len() > features_max {
                self.run(first, begin, &mut found)?;
                first = set;
                self.features.drain(..begin);
            }
            self.ends.push(self.features.len() as i64);
            if self.ends.len() == sets_max {
                self.run(first, self.features.len(), &mut found)?;
                first = set + 1;
                self.features.clear();
            }
        }
        if !self.ends.is_empty() {
            self.run(first, self.features.len(), &mut found)?;
        }
        Ok(())
    }

    /// Runs the sets that wait; the first of them has the number `first`, and their features are the first `features`.
    fn run(
        &mut self,
        first: usize,
        features: usize,
        found: &mut impl FnMut(usize, Scores),
    ) -> Result<(), ModelError> {
        let failed = |e: ort::Error| ModelError::Run(e.to_string());
        let fits = |batch: &&mut Batch| batch.size().0 >= features && batch.size().1 >= self.ends.len();
        let Some(batch) = self.batches.iter_mut().find(fits) else {
            return Err(ModelError::Run(format!("{features} features are more than a batch holds")));
        };
        let rows = batch.run(&mut self.session, &self.features[..features], &self.ends).map_err(failed)?;
        for (i, row) in rows.enumerate() {
            // A model that answers NaN must not pass for harmless.
            let sane = |p: &f32| if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) };
            let mut techniques = [0.0; MODEL_TECHNIQUES];
            for (slot, p) in techniques.iter_mut().zip(&row[1..]) {
                *slot = sane(p);
            }
            found(first + i, Scores { malicious: sane(&row[0]), techniques });
        }
        self.ends.clear();
        Ok(())
    }
}

/// Was the model trained with the features that this sensor computes?
fn check_features(session: &Session) -> Result<(), String> {
    let ours = fingerprint();
    let trained_with = session.metadata().ok().and_then(|m| m.custom(METADATA_KEY));
    match trained_with {
        Some(theirs) if theirs == ours => Ok(()),
        Some(theirs) => Err(format!(
            "it was trained with other features ({METADATA_KEY} is {theirs}; this sensor's is {ours}): train it again"
        )),
        None => Err(format!(
            "its metadata does not say with which features it was trained: {METADATA_KEY} = {ours} is expected, as \
             `sensor features --fingerprint` prints it"
        )),
    }
}
