//! What a finding makes of the techniques that the model recognised: Security Command Center's enum values, and a severity.

use proto::scc::{
    MitreAttack,
    finding::Severity,
    mitre_attack::{Tactic, Technique},
};
use verdict::{
    Verdict,
    technique::{LABELS, Label},
};

/// Version of ATT&CK that the names come from.
const ATTACK_VERSION: &str = "17";

/// A technique's values in the public API.
struct Mapping {
    /// ATT&CK id, as the label has it.
    id: &'static str,
    /// The enum values: a sub-technique is listed with its parent.
    techniques: &'static [Technique],
    /// Severe enough to make a finding critical rather than high.
    critical: bool,
}

const MAPPINGS: [Mapping; LABELS.len()] = [
    Mapping { id: "T1105", techniques: &[Technique::IngressToolTransfer], critical: false },
    Mapping { id: "T1071", techniques: &[Technique::ApplicationLayerProtocol], critical: true },
    Mapping { id: "T1496", techniques: &[Technique::ResourceHijacking], critical: false },
    Mapping { id: "T1489", techniques: &[Technique::ServiceStop], critical: false },
    Mapping { id: "T1611", techniques: &[Technique::EscapeToHost], critical: true },
    Mapping { id: "T1552", techniques: &[Technique::UnsecuredCredentials], critical: false },
    Mapping {
        id: "T1053.003",
        techniques: &[Technique::ScheduledTaskJob, Technique::ScheduledTaskJobCron],
        critical: false,
    },
    Mapping {
        id: "T1098.004",
        techniques: &[Technique::AccountManipulation, Technique::SshAuthorizedKeys],
        critical: false,
    },
    Mapping { id: "T1543", techniques: &[Technique::CreateOrModifySystemProcess], critical: false },
    Mapping {
        id: "T1574.006",
        techniques: &[Technique::HijackExecutionFlow, Technique::HijackExecutionFlowDynamicLinkerHijacking],
        critical: true,
    },
    Mapping { id: "T1070", techniques: &[Technique::IndicatorRemoval], critical: false },
    Mapping { id: "T1562", techniques: &[Technique::ImpairDefenses], critical: false },
    Mapping { id: "T1027", techniques: &[Technique::ObfuscatedFilesOrInfo], critical: false },
    Mapping { id: "T1485", techniques: &[Technique::DataDestruction], critical: true },
    Mapping { id: "T1021", techniques: &[Technique::LateralToolTransfer], critical: true },
    Mapping { id: "T1041", techniques: &[Technique::ExfiltrationOverWebService], critical: true },
];

fn mapping(label: &Label) -> Option<&'static Mapping> {
    MAPPINGS.iter().find(|mapping| mapping.id == label.id)
}

fn labels(verdict: &Verdict) -> impl Iterator<Item = &'static Label> {
    verdict.techniques.iter().filter_map(|i| LABELS.get(*i))
}

/// The ATT&CK part of a finding.
pub(crate) fn mitre(verdict: &Verdict) -> MitreAttack {
    let mut tactics: Vec<Tactic> = Vec::new();
    let mut techniques: Vec<Technique> = Vec::new();
    // What the documentation of this finding always shows, then what the model recognised.
    let recognised = labels(verdict).filter_map(|label| Tactic::from_str_name(label.tactic));
    for tactic in [Tactic::CommandAndControl].into_iter().chain(recognised) {
        if !tactics.contains(&tactic) {
            tactics.push(tactic);
        }
    }
    let recognised =
        labels(verdict).filter_map(mapping).flat_map(|mapping| mapping.techniques.iter().copied());
    for technique in [Technique::IngressToolTransfer].into_iter().chain(recognised) {
        if !techniques.contains(&technique) {
            techniques.push(technique);
        }
    }
    MitreAttack {
        primary_tactic: Tactic::Execution.into(),
        primary_techniques: vec![
            Technique::CommandAndScriptingInterpreter.into(),
            Technique::UnixShell.into(),
        ],
        additional_tactics: tactics.into_iter().map(Into::into).collect(),
        additional_techniques: techniques.into_iter().map(Into::into).collect(),
        version: ATTACK_VERSION.to_owned(),
    }
}

/// Critical where a technique is, else high.
pub(crate) fn severity(verdict: &Verdict) -> Severity {
    let is_critical = labels(verdict).filter_map(mapping).any(|mapping| mapping.critical);
    if is_critical { Severity::Critical } else { Severity::High }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_its_values_in_the_public_api() {
        for label in &LABELS {
            assert!(mapping(label).is_some_and(|m| !m.techniques.is_empty()), "{}", label.id);
            assert!(Tactic::from_str_name(label.tactic).is_some(), "{}", label.tactic);
        }
    }
}
