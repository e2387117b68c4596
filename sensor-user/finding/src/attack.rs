//! What a finding makes of the techniques that the model recognised: Security Command Center's enum values, and a severity.

use proto::scc::{
    MitreAttack,
    finding::Severity,
    mitre_attack::{Tactic, Technique},
};
use verdict::{
    Verdict,
    technique::{TECHNIQUES, Technique as Known},
};

/// Version of ATT&CK that the names come from.
const ATTACK_VERSION: &str = "17";

/// A technique's values in the public API.
struct Mapping {
    /// ATT&CK id, as the label has it.
    id: &'static str,
    /// The enum values: a sub-technique is listed with its parent.
    techniques: &'static [Technique],
    /// Somebody else is in control of the machine, or data is gone: look at it before others.
    urgent: bool,
}

/// What the public API has for a technique; where it lacks a sub-technique, its parent or what is nearest. Some it lacks altogether.
const MAPPINGS: &[Mapping] = &[
    Mapping { id: "T1105", techniques: &[Technique::IngressToolTransfer], urgent: false },
    Mapping { id: "T1071", techniques: &[Technique::ApplicationLayerProtocol], urgent: true },
    Mapping { id: "T1496", techniques: &[Technique::ResourceHijacking], urgent: false },
    Mapping { id: "T1489", techniques: &[Technique::ServiceStop], urgent: false },
    Mapping { id: "T1611", techniques: &[Technique::EscapeToHost], urgent: true },
    Mapping { id: "T1552", techniques: &[Technique::UnsecuredCredentials], urgent: false },
    Mapping {
        id: "T1053.003",
        techniques: &[Technique::ScheduledTaskJob, Technique::ScheduledTaskJobCron],
        urgent: false,
    },
    Mapping {
        id: "T1098.004",
        techniques: &[Technique::AccountManipulation, Technique::SshAuthorizedKeys],
        urgent: false,
    },
    Mapping { id: "T1543", techniques: &[Technique::CreateOrModifySystemProcess], urgent: false },
    Mapping {
        id: "T1574.006",
        techniques: &[Technique::HijackExecutionFlow, Technique::HijackExecutionFlowDynamicLinkerHijacking],
        urgent: true,
    },
    Mapping { id: "T1070", techniques: &[Technique::IndicatorRemoval], urgent: false },
    Mapping { id: "T1562", techniques: &[Technique::ImpairDefenses], urgent: false },
    Mapping { id: "T1027", techniques: &[Technique::ObfuscatedFilesOrInfo], urgent: false },
    Mapping { id: "T1485", techniques: &[Technique::DataDestruction], urgent: true },
    Mapping { id: "T1021", techniques: &[Technique::LateralToolTransfer], urgent: true },
    Mapping { id: "T1041", techniques: &[Technique::ExfiltrationOverWebService], urgent: true },
    Mapping {
        id: "T1059.004",
        techniques: &[Technique::CommandAndScriptingInterpreter, Technique::UnixShell],
        urgent: false,
    },
    Mapping { id: "T1620", techniques: &[Technique::ReflectiveCodeLoading], urgent: true },
    Mapping { id: "T1140", techniques: &[Technique::DeobfuscateDecodeFilesOrInfo], urgent: false },
    Mapping { id: "T1036", techniques: &[Technique::Masquerading], urgent: false },
    Mapping { id: "T1564", techniques: &[Technique::HideArtifacts], urgent: false },
    Mapping {
        id: "T1564.001",
        techniques: &[Technique::HideArtifacts, Technique::HiddenFilesAndDirectories],
        urgent: false,
    },
    Mapping { id: "T1571", techniques: &[Technique::ApplicationLayerProtocol], urgent: false },
    Mapping { id: "T1102", techniques: &[Technique::ApplicationLayerProtocol], urgent: false },
    Mapping { id: "T1572", techniques: &[Technique::Proxy], urgent: false },
    Mapping { id: "T1090.003", techniques: &[Technique::Proxy, Technique::MultiHopProxy], urgent: false },
    Mapping { id: "T1095", techniques: &[Technique::ApplicationLayerProtocol], urgent: true },
    Mapping { id: "T1083", techniques: &[Technique::FileAndDirectoryDiscovery], urgent: false },
    Mapping { id: "T1069", techniques: &[Technique::PermissionGroupsDiscovery], urgent: false },
    Mapping { id: "T1046", techniques: &[Technique::NetworkServiceDiscovery], urgent: false },
    Mapping { id: "T1613", techniques: &[Technique::ContainerAndResourceDiscovery], urgent: false },
    Mapping { id: "T1560", techniques: &[Technique::DataFromLocalSystem], urgent: false },
    Mapping { id: "T1056", techniques: &[Technique::InputCapture], urgent: false },
    Mapping { id: "T1048", techniques: &[Technique::AutomatedExfiltration], urgent: true },
    Mapping { id: "T1567", techniques: &[Technique::ExfiltrationOverWebService], urgent: true },
    Mapping {
        id: "T1552.001",
        techniques: &[Technique::UnsecuredCredentials, Technique::CredentialsInFiles],
        urgent: false,
    },
    Mapping {
        id: "T1552.003",
        techniques: &[Technique::UnsecuredCredentials, Technique::BashHistory],
        urgent: false,
    },
    Mapping {
        id: "T1552.004",
        techniques: &[Technique::UnsecuredCredentials, Technique::PrivateKeys],
        urgent: false,
    },
    Mapping { id: "T1552.005", techniques: &[Technique::UnsecuredCredentials], urgent: true },
    Mapping { id: "T1528", techniques: &[Technique::StealApplicationAccessToken], urgent: false },
    Mapping {
        id: "T1003.008",
        techniques: &[Technique::OsCredentialDumping, Technique::OsCredentialDumpingEtcPasswordAndEtcShadow],
        urgent: true,
    },
    Mapping { id: "T1555.003", techniques: &[Technique::CredentialsFromPasswordStores], urgent: false },
    Mapping { id: "T1555.006", techniques: &[Technique::CredentialsFromPasswordStores], urgent: true },
    Mapping { id: "T1110", techniques: &[Technique::BruteForce], urgent: false },
    Mapping { id: "T1543.002", techniques: &[Technique::CreateOrModifySystemProcess], urgent: false },
    Mapping { id: "T1037", techniques: &[Technique::BootOrLogonInitializationScripts], urgent: false },
    Mapping { id: "T1546", techniques: &[Technique::EventTriggeredExecution], urgent: false },
    Mapping { id: "T1546.004", techniques: &[Technique::EventTriggeredExecution], urgent: false },
    Mapping { id: "T1556", techniques: &[Technique::ModifyAuthenticationProcess], urgent: false },
    Mapping {
        id: "T1556.003",
        techniques: &[Technique::ModifyAuthenticationProcess, Technique::PluggableAuthenticationModules],
        urgent: false,
    },
    Mapping {
        id: "T1136.001",
        techniques: &[Technique::CreateAccount, Technique::LocalAccount],
        urgent: false,
    },
    Mapping { id: "T1098", techniques: &[Technique::AccountManipulation], urgent: false },
    Mapping {
        id: "T1098.006",
        techniques: &[Technique::AccountManipulation, Technique::AdditionalContainerClusterRoles],
        urgent: false,
    },
    Mapping { id: "T1554", techniques: &[Technique::CompromiseHostSoftwareBinary], urgent: false },
    Mapping {
        id: "T1547.006",
        techniques: &[Technique::BootOrLogonAutostartExecution, Technique::KernelModulesAndExtensions],
        urgent: false,
    },
    Mapping { id: "T1548", techniques: &[Technique::AbuseElevationControlMechanism], urgent: false },
    Mapping {
        id: "T1548.001",
        techniques: &[
            Technique::AbuseElevationControlMechanism,
            Technique::AbuseElevationControlMechanismSetuidAndSetgid,
        ],
        urgent: false,
    },
    Mapping {
        id: "T1548.003",
        techniques: &[
            Technique::AbuseElevationControlMechanism,
            Technique::AbuseElevationControlMechanismSudoAndSudoCaching,
        ],
        urgent: false,
    },
    Mapping { id: "T1068", techniques: &[Technique::ExploitationForPrivilegeEscalation], urgent: true },
    Mapping { id: "T1574", techniques: &[Technique::HijackExecutionFlow], urgent: false },
    Mapping { id: "T1574.007", techniques: &[Technique::HijackExecutionFlow], urgent: false },
    Mapping {
        id: "T1070.002",
        techniques: &[Technique::IndicatorRemoval, Technique::IndicatorRemovalClearLinuxOrMacSystemLogs],
        urgent: false,
    },
    Mapping {
        id: "T1070.003",
        techniques: &[Technique::IndicatorRemoval, Technique::IndicatorRemovalClearCommandHistory],
        urgent: false,
    },
    Mapping {
        id: "T1070.004",
        techniques: &[Technique::IndicatorRemoval, Technique::IndicatorRemovalFileDeletion],
        urgent: false,
    },
    Mapping {
        id: "T1070.006",
        techniques: &[Technique::IndicatorRemoval, Technique::IndicatorRemovalTimestomp],
        urgent: false,
    },
    Mapping {
        id: "T1562.001",
        techniques: &[Technique::ImpairDefenses, Technique::DisableOrModifyTools],
        urgent: false,
    },
    Mapping { id: "T1562.004", techniques: &[Technique::ImpairDefenses], urgent: false },
    Mapping {
        id: "T1562.006",
        techniques: &[Technique::ImpairDefenses, Technique::IndicatorBlocking],
        urgent: false,
    },
    Mapping {
        id: "T1222.002",
        techniques: &[Technique::LinuxAndMacFileAndDirectoryPermissionsModification],
        urgent: false,
    },
    Mapping { id: "T1486", techniques: &[Technique::DataEncryptedForImpact], urgent: true },
    Mapping { id: "T1561", techniques: &[Technique::DataDestruction], urgent: true },
    Mapping { id: "T1490", techniques: &[Technique::InhibitSystemRecovery], urgent: true },
    Mapping { id: "T1531", techniques: &[Technique::AccountAccessRemoval], urgent: false },
    Mapping { id: "T1498", techniques: &[Technique::NetworkDenialOfService], urgent: false },
    Mapping { id: "T1610", techniques: &[Technique::DeployContainer], urgent: true },
    Mapping { id: "T1609", techniques: &[Technique::ContainerAdministrationCommand], urgent: false },
    Mapping { id: "T1021.004", techniques: &[Technique::LateralToolTransfer], urgent: false },
    Mapping { id: "T1136", techniques: &[Technique::CreateAccount], urgent: false },
    Mapping { id: "T1562.003", techniques: &[Technique::ImpairDefenses], urgent: false },
    Mapping {
        id: "T1003.007",
        techniques: &[Technique::OsCredentialDumping, Technique::OsCredentialDumpingProcFilesystem],
        urgent: false,
    },
    Mapping { id: "T1078", techniques: &[Technique::ValidAccounts], urgent: false },
    Mapping { id: "T1564.011", techniques: &[Technique::HideArtifacts], urgent: false },
    Mapping { id: "T1568", techniques: &[Technique::DynamicResolution], urgent: false },
    Mapping { id: "T1048.003", techniques: &[Technique::AutomatedExfiltration], urgent: true },
];

fn mapping(label: &Known) -> Option<&'static Mapping> {
    MAPPINGS.iter().find(|mapping| mapping.id == label.id)
}

fn labels(verdict: &Verdict) -> impl Iterator<Item = &'static Known> {
    verdict.techniques.iter().filter_map(|i| TECHNIQUES.get(*i))
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

/// What Security Command Center's own detector says of such a script.
pub(crate) const SEVERITY: Severity = Severity::Critical;

/// Facts of an attack that make a finding urgent where there are so many of them.
const URGENT_FACTS: usize = 4;

/// Which of several findings to look at first, which the severity does not tell: it is the same for all of them.
pub(crate) fn triage(verdict: &Verdict) -> &'static str {
    let attacks = verdict.reasons.iter().filter(|reason| reason.fact.is_of_attacks()).count();
    let urgent = labels(verdict).filter_map(mapping).any(|mapping| mapping.urgent);
    if urgent || attacks >= URGENT_FACTS { "urgent" } else { "usual" }
}

#[cfg(test)]
mod tests {
    use verdict::technique::MODEL_TECHNIQUES;

    use super::*;

    #[test]
    fn what_the_model_recognises_has_its_values_in_the_public_api_and_every_tactic_has() {
        for label in &TECHNIQUES[..MODEL_TECHNIQUES] {
            assert!(mapping(label).is_some_and(|m| !m.techniques.is_empty()), "{}", label.id);
        }
        for technique in TECHNIQUES {
            assert!(Tactic::from_str_name(technique.tactic).is_some(), "{}", technique.tactic);
        }
        for mapping in MAPPINGS {
            assert!(TECHNIQUES.iter().any(|technique| technique.id == mapping.id), "{}", mapping.id);
        }
    }
}
