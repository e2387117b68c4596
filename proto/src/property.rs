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
}
