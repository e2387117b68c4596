//! Which captures of a replay are shown.

use globset::GlobMatcher;

use crate::{
    script::{Capture, Origin},
    verdict::Verdict,
};

/// What a capture must be; what is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only malicious (true) or only benign ones.
    pub malicious: Option<bool>,
    /// Only those on which two models disagree.
    pub flipped: bool,
    /// Of one of these origins.
    pub origins: Vec<Origin>,
    /// Scoring at least this.
    pub min_score: Option<f32>,
    /// Showing this ATT&CK technique, or one below it.
    pub technique: Option<String>,
    /// With a hash that begins so, lower-case hex.
    pub sha256: Option<String>,
    /// With a path that fits this glob.
    pub path: Option<GlobMatcher>,
    /// Holding this text.
    pub contains: Option<String>,
}

impl Filter {
    /// Is it to be shown?
    pub fn accepts(&self, capture: &Capture, verdict: &Verdict, other: Option<&Verdict>) -> bool {
        let technique = |wanted: &String| {
            let below = |id: &&str| {
                id.strip_prefix(wanted.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'))
            };
            verdict.technique_ids().iter().any(below)
        };
        self.malicious.is_none_or(|wanted| wanted == verdict.malicious)
            && (!self.flipped || other.is_some_and(|o| o.malicious != verdict.malicious))
            && (self.origins.is_empty() || self.origins.contains(&capture.origin))
            && self.min_score.is_none_or(|least| verdict.score >= least)
            && self.technique.as_ref().is_none_or(technique)
            && self.sha256.as_ref().is_none_or(|prefix| verdict.hash.to_string().starts_with(prefix))
            && self.path.as_ref().is_none_or(|glob| {
                capture
                    .path
                    .as_ref()
                    .is_some_and(|path| glob.is_match(String::from_utf8_lossy(path).as_ref()))
            })
            && self
                .contains
                .as_ref()
                .is_none_or(|text| memchr::memmem::find(&capture.content, text.as_bytes()).is_some())
    }
}
