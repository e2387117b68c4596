//! A capture that was judged again, and how it is told.

use identity::Container;
use script::Capture;
use verdict::Verdict;

/// A capture with what was said of it.
pub(crate) struct Replayed {
    pub(crate) capture: Capture,
    pub(crate) container: Option<Container>,
    pub(crate) verdict: Verdict,
    pub(crate) other: Option<Verdict>,
    /// Malicious, but kept from being reported.
    pub(crate) suppressed: bool,
}

/// Sums over a replay.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) captures: u64,
    pub(crate) sessions: u64,
    pub(crate) shown: u64,
    pub(crate) malicious: u64,
    pub(crate) newly: u64,
    pub(crate) no_longer: u64,
    pub(crate) suppressed: u64,
}

/// A word for a verdict.
pub(crate) fn word(verdict: &Verdict) -> &'static str {
    if verdict.malicious { "malicious" } else { "benign" }
}

impl Replayed {
    /// A word for what becomes of it.
    pub(crate) fn outcome(&self) -> &'static str {
        if self.suppressed { "suppressed" } else { word(&self.verdict) }
    }

    /// The pod it ran in, as `namespace/name`, and its container; empty outside of pods.
    pub(crate) fn pod(&self) -> String {
        let Some(container) = &self.container else { return String::new() };
        match &container.pod {
            Some(pod) => format!("{}/{} {}", pod.namespace, pod.name, container.name),
            None => container.id.as_str()[..12].to_owned(),
        }
    }

    /// Where its script came from: its path, or how its shell was called.
    pub(crate) fn source(&self) -> String {
        if let Some(path) = &self.capture.path {
            return String::from_utf8_lossy(path).into_owned();
        }
        let args = self.capture.args.iter().map(|arg| String::from_utf8_lossy(arg));
        args.collect::<Vec<_>>().join(" ")
    }
}
