//! Which captures of a replay are shown.

use globset::GlobMatcher;

use crate::replayed::Replayed;
use script::Origin;

/// What a capture must be; what is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only malicious (true) or only benign ones.
    pub malicious: Option<bool>,
    /// Only those on which two models disagree.
    pub only_changed: bool,
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
    /// In a pod whose `namespace/name` fits this glob.
    pub pod: Option<GlobMatcher>,
    /// In a container whose image fits this glob.
    pub image: Option<GlobMatcher>,
    /// Read from what a process of this name wrote.
    pub written_by: Option<String>,
    /// Holding this text.
    pub contains: Option<String>,
}

impl Filter {
    /// Is it to be shown?
    pub(super) fn accepts(&self, replayed: &Replayed) -> bool {
        let Replayed { capture, verdict, container, other, .. } = replayed;
        let pod = container.as_ref().and_then(|c| c.pod.as_ref());
        let pod = pod.map(|pod| format!("{}/{}", pod.namespace, pod.name));
        let image = container.as_ref().map(|c| c.image_uri.as_str());
        let technique = |wanted: &String| {
            let below = |id: &&str| {
                id.strip_prefix(wanted.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'))
            };
            verdict.technique_ids().iter().any(below)
        };
        self.malicious.is_none_or(|wanted| wanted == verdict.malicious)
            && (!self.only_changed || other.as_ref().is_some_and(|o| o.malicious != verdict.malicious))
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
            && self.pod.as_ref().is_none_or(|glob| pod.is_some_and(|pod| glob.is_match(pod)))
            && self.image.as_ref().is_none_or(|glob| image.is_some_and(|image| glob.is_match(image)))
            && self.written_by.as_ref().is_none_or(|name| {
                capture.writer.as_ref().is_some_and(|writer| writer.name == name.as_bytes())
            })
            && self
                .contains
                .as_ref()
                .is_none_or(|text| memchr::memmem::find(&capture.content, text.as_bytes()).is_some())
    }
}
