//! What a finding is searched by: columns beside the message.

use proto::{
    scc::Finding,
    well_known::{Value, value::Kind},
};

/// The values of the columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// When it happened, Unix time in ns.
    pub event_ns: i64,
    /// Hash of the script.
    pub sha256: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the image.
    pub image: String,
    /// ATT&CK ids, each between blanks.
    pub techniques: String,
    /// How the script came to its shell.
    pub origin: String,
    /// Where its file came from.
    pub provenance: String,
    /// Name of the process that wrote it.
    pub written_by: String,
    /// It is to be looked at first.
    pub is_urgent: bool,
}

impl Columns {
    /// Those of a finding.
    pub fn of(finding: &Finding) -> Self {
        let property = |name: &str| finding.text_property(name).unwrap_or_default().to_owned();
        let event = finding.event_time.as_ref();
        let script = finding.processes.first().and_then(|process| process.script.as_ref());
        Self {
            event_ns: event
                .map_or(0, |t| t.seconds.saturating_mul(1_000_000_000).saturating_add(t.nanos.into())),
            sha256: script.map(|script| script.sha256.clone()).unwrap_or_default(),
            namespace: property("Pod_Namespace"),
            pod: property("Pod_Name"),
            image: property("Container_Image_Uri"),
            techniques: techniques(finding.source_properties.get("Verdict_Techniques")),
            origin: property("Script_Origin"),
            provenance: property("Script_Provenance"),
            written_by: property("Script_Written_By"),
            is_urgent: finding.is_urgent(),
        }
    }
}

fn techniques(value: Option<&Value>) -> String {
    let Some(Kind::ListValue(list)) = value.and_then(|value| value.kind.as_ref()) else {
        return String::new();
    };
    let ids = list.values.iter().filter_map(|value| match value.kind.as_ref() {
        Some(Kind::StringValue(id)) => Some(format!(" {id} ")),
        _ => None,
    });
    ids.collect()
}
