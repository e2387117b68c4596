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
    /// What was found about a part of a script, said of all of it: the part begins at this byte.
    #[must_use]
    pub fn within(mut self, content: &[u8], at: usize) -> Self {
        let lines = memchr::memchr_iter(b'\n', &content[..at]).count() as u32;
        for span in &mut self.spans {
            span.start += at as u32;
            span.end += at as u32;
            span.first_line += lines;
            span.last_line += lines;
        }
        for reason in &mut self.reasons {
            reason.line += lines;
        }
        Self { hash: ScriptHash::of(content), ..self }
    }

    /// ATT&CK ids of the techniques.
    pub fn technique_ids(&self) -> Vec<&'static str> {
        self.techniques.iter().map(|i| TECHNIQUES[*i].id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_part_points_into_the_whole() {
        let content = b"one\ntwo\nthree\nfour\n";
        let span = Span { start: 0, end: 5, first_line: 1, last_line: 1, weight: 1.0 };
        let part = Verdict {
            hash: ScriptHash::of(&content[8..]),
            score: 0.9,
            malicious: true,
            techniques: vec![],
            spans: vec![span],
            reasons: vec![],
        };
        let whole = part.within(content, 8);
        assert_eq!(whole.hash, ScriptHash::of(content));
        assert_eq!(whole.spans, [Span { start: 8, end: 13, first_line: 3, last_line: 3, weight: 1.0 }]);
    }
}
