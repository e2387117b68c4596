//! What was found about a script.

use behaviour::Fact;

use crate::{hash::ScriptHash, span::Span, technique::TECHNIQUES};

/// Something that a malicious script does, and how much of the verdict rests on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// What it does.
    pub fact: Fact,
    /// The line where that was seen first, from 1.
    pub line: u32,
    /// What it is about: a path, a host. Hostile text; may be empty.
    pub about: Vec<u8>,
    /// By how much the second opinion's logit would be lower without it.
    pub weight: f32,
}

/// What was found about a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// SHA-256 of the bytes judged.
    pub hash: ScriptHash,
    /// Probability that it is malicious, 0 to 1: that of its worst window or passage, and of what it does where that was
    /// looked at.
    pub score: f32,
    /// Does it reach the threshold?
    pub malicious: bool,
    /// Indexes into [`TECHNIQUES`] of techniques recognised, those first that weigh most.
    pub techniques: Vec<usize>,
    /// The parts that carried the verdict; only of malicious ones.
    pub spans: Vec<Span>,
    /// What it does, the weightiest first; only of malicious ones.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// ATT&CK ids of the techniques.
    pub fn technique_ids(&self) -> Vec<&'static str> {
        self.techniques.iter().map(|i| TECHNIQUES[*i].id).collect()
    }
}
