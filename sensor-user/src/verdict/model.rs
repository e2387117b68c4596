//! The ONNX model: a window's features in, probabilities out.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    memory::Allocator,
    session::{Session, builder::GraphOptimizationLevel},
    value::{Tensor, TensorElementType, ValueType},
};

use super::technique::LABELS;

/// Outputs of the model: malicious first, then a probability for each label.
const OUTPUTS: usize = 1 + LABELS.len();
/// Name of the input: distinct feature ids of a window, int64, any length from 1.
const INPUT: &str = "features";
/// Name of the output: float32 of length [`OUTPUTS`], each from 0 to 1.
const OUTPUT: &str = "probabilities";

/// Named thresholds, measured when the model was trained and kept in its metadata as `threshold.NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OperatingPoint {
    /// Almost no false alarms.
    Strict,
    /// Few false alarms.
    Balanced,
    /// Finds most.
    Sensitive,
}

impl OperatingPoint {
    /// Used where a model does not say.
    const FALLBACK: f32 = 0.5;

    fn key(self) -> &'static str {
        match self {
            Self::Strict => "threshold.strict",
            Self::Balanced => "threshold.balanced",
            Self::Sensitive => "threshold.sensitive",
        }
    }
}

/// Probabilities for one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// That it is malicious.
    pub malicious: f32,
    /// That it uses each technique of [`LABELS`].
    pub techniques: [f32; LABELS.len()],
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

/// A loaded model. Not shared between threads: each scoring thread has its own session.
pub struct Model {
    session: Session,
    path: PathBuf,
}

impl Model {
    /// Loads ONNX Runtime from `library` (the first time in a process) and the model from `path`, and checks its signature.
    pub fn load(library: &Path, path: &Path) -> Result<Self, ModelError> {
        if !library.exists() {
            return Err(ModelError::Runtime(library.to_owned(), "no such file".to_owned()));
        }
        let environment = environment(library)?;
        let failed = |e: &dyn std::fmt::Display| ModelError::Load(path.to_owned(), e.to_string());
        let bytes = std::fs::read(path).map_err(|e| failed(&e))?;
        let session = Session::builder(&environment)
            .and_then(|b| Ok(b.with_intra_threads(1)?))
            .and_then(|b| Ok(b.with_inter_threads(1)?))
            .and_then(|b| Ok(b.with_optimization_level(GraphOptimizationLevel::Level3)?))
            .and_then(|mut b| b.commit_from_memory(&bytes))
            .map_err(|e| failed(&e))?;
        let model = Self { session, path: path.to_owned() };
        model.check()?;
        Ok(model)
    }

    /// The model's threshold for an operating point.
    pub fn threshold(&self, point: OperatingPoint) -> f32 {
        let stored = self.session.metadata().ok().and_then(|m| m.custom(point.key()));
        stored.and_then(|text| text.parse().ok()).unwrap_or(OperatingPoint::FALLBACK)
    }

    fn check(&self) -> Result<(), ModelError> {
        let misfit = |what: String| ModelError::Signature { path: self.path.clone(), what };
        let input = match self.session.inputs() {
            [one] => one,
            more => {
                return Err(misfit(format!("it has {} inputs, one named {INPUT:?} is expected", more.len())));
            }
        };
        if input.name() != INPUT {
            return Err(misfit(format!("its input is named {:?}, {INPUT:?} is expected", input.name())));
        }
        let fits = |ty: &ValueType, element: TensorElementType| matches!(ty, ValueType::Tensor { ty, shape, .. } if *ty == element && shape.len() == 1);
        if !fits(input.dtype(), TensorElementType::Int64) {
            return Err(misfit(format!("input {INPUT:?} is {:?}, int64[n] is expected", input.dtype())));
        }
        let Some(output) = self.session.outputs().iter().find(|o| o.name() == OUTPUT) else {
            return Err(misfit(format!("it has no output named {OUTPUT:?}")));
        };
        if !fits(output.dtype(), TensorElementType::Float32) {
            return Err(misfit(format!(
                "output {OUTPUT:?} is {:?}, float32[{OUTPUTS}] is expected",
                output.dtype()
            )));
        }
        Ok(())
    }

    /// Scores a window. Feature 0 stands in for a window without any.
    pub fn run(&mut self, ids: &[i64]) -> Result<Scores, ModelError> {
        let failed = |e: ort::Error| ModelError::Run(e.to_string());
        let ids = if ids.is_empty() { &[0][..] } else { ids };
        let mut input = Tensor::<i64>::new(&Allocator::default(), [ids.len()]).map_err(failed)?;
        let (_, slots) = input.extract_tensor_mut();
        slots.copy_from_slice(ids);
        let outputs = self.session.run(ort::inputs![INPUT => input]).map_err(failed)?;
        let (_, values) = outputs[OUTPUT].try_extract_tensor::<f32>().map_err(failed)?;
        let &[malicious, ref techniques @ ..] = values else {
            return Err(ModelError::Run("the output is empty".to_owned()));
        };
        let techniques: [f32; LABELS.len()] = techniques.try_into().map_err(|_| {
            ModelError::Run(format!("the output has {} values, {OUTPUTS} are expected", values.len()))
        })?;
        // A model that answers NaN must not pass for harmless.
        let sane = |p: f32| if p.is_nan() { 1.0 } else { p.clamp(0.0, 1.0) };
        Ok(Scores { malicious: sane(malicious), techniques: techniques.map(sane) })
    }
}
