//! The JSON that a finding becomes.

use store::Stored;

use crate::ocsf::{self, Class};

/// Which there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The finding as Security Command Center has it.
    #[default]
    Scc,
    /// An OCSF Detection Finding (2004).
    Ocsf,
    /// An OCSF Script Activity (1009).
    OcsfScriptActivity,
}

impl Format {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Scc, Self::Ocsf, Self::OcsfScriptActivity];

    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scc => "scc",
            Self::Ocsf => "ocsf",
            Self::OcsfScriptActivity => "ocsf-script-activity",
        }
    }

    /// The finding in this format, without line breaks.
    pub(crate) fn json(self, stored: &Stored) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Scc => serde_json::to_vec(&stored.finding),
            Self::Ocsf => serde_json::to_vec(&ocsf::event(stored, Class::DetectionFinding)),
            Self::OcsfScriptActivity => serde_json::to_vec(&ocsf::event(stored, Class::ScriptActivity)),
        }
    }
}
