//! Named thresholds.

/// Named thresholds, measured when the model was trained and kept in its metadata as `threshold.NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatingPoint {
    /// Almost no false alarms.
    Strict,
    /// Few false alarms.
    Balanced,
    /// Finds most.
    Sensitive,
}

impl OperatingPoint {
    /// Each of them, the one with the fewest false alarms first.
    pub const ALL: [Self; 3] = [Self::Strict, Self::Balanced, Self::Sensitive];
    /// Used where a model does not say.
    pub(crate) const FALLBACK: f32 = 0.5;

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Balanced => "balanced",
            Self::Sensitive => "sensitive",
        }
    }

    /// Key of its threshold in a model's metadata.
    pub(crate) fn key(self) -> String {
        format!("threshold.{}", self.name())
    }
}
