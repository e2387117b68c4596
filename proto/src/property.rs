//! Source properties of a finding, by their names.

use crate::{scc::Finding, well_known::value::Kind};

impl Finding {
    /// A source property that is a text.
    pub fn text_property(&self, name: &str) -> Option<&str> {
        match self.source_properties.get(name)?.kind.as_ref()? {
            Kind::StringValue(text) => Some(text),
            _ => None,
        }
    }

    /// It is to be looked at first: its triage level says so. What says what a sensor could not see has none, and is, too: nobody
    /// knows what ran.
    pub fn is_urgent(&self) -> bool {
        self.text_property("Triage_Level").is_none_or(|level| level == "urgent")
    }
}
