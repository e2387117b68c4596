//! What was found about a script.

use crate::{hash::ScriptHash, span::Span, technique::LABELS};

/// What was found about a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// SHA-256 of the bytes judged.
    pub hash: ScriptHash,
    /// Probability that it is malicious, 0 to 1: that of its worst window or passage.
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
