//! What a model must take and give: the names, types and shapes of its inputs and its output.

use ort::{
    session::Session,
    value::{TensorElementType, ValueType},
};

use crate::technique::MODEL_TECHNIQUES;

/// Input: the features of all sets, one set after the other, int64\[n\].
pub(crate) const FEATURES: &str = "features";
/// Input: where each set ends in `features`, rising, int64\[sets\]. What lies behind the last end belongs to none.
pub(crate) const ENDS: &str = "ends";
/// Output: for each set the probabilities, float32\[sets, [`OUTPUTS`]\], each from 0 to 1.
pub(crate) const PROBABILITIES: &str = "probabilities";
/// Outputs of the model: malicious first, then a probability for each label.
pub(crate) const OUTPUTS: usize = 1 + MODEL_TECHNIQUES;

/// Does the model take and give what it should? An error says what is wrong, and what is expected.
pub(crate) fn check(session: &Session) -> Result<(), String> {
    for input in session.inputs() {
        if ![FEATURES, ENDS].contains(&input.name()) {
            return Err(format!(
                "it has an input {:?}; {FEATURES:?} and {ENDS:?} are expected",
                input.name()
            ));
        }
    }
    let rows = format!("float32[sets, {OUTPUTS}]");
    let expected = [
        (FEATURES, TensorElementType::Int64, "int64[n]", 1, None),
        (ENDS, TensorElementType::Int64, "int64[sets]", 1, None),
        (PROBABILITIES, TensorElementType::Float32, &rows, 2, Some(OUTPUTS as i64)),
    ];
    for (name, element, shape, rank, width) in expected {
        let (kind, outlets) = match name {
            PROBABILITIES => ("output", session.outputs()),
            _ => ("input", session.inputs()),
        };
        let Some(outlet) = outlets.iter().find(|o| o.name() == name) else {
            return Err(format!("it has no {kind} named {name:?}, {shape}"));
        };
        // An unknown size is -1; what comes is looked at then.
        let fits = matches!(outlet.dtype(), ValueType::Tensor { ty, shape, .. }
            if *ty == element && shape.len() == rank && width.is_none_or(|w| [w, -1].contains(&shape[1])));
        if !fits {
            return Err(format!("{kind} {name:?} is {:?}, {shape} is expected", outlet.dtype()));
        }
    }
    Ok(())
}
