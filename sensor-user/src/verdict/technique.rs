//! MITRE ATT&CK techniques the model can tell, and what a finding makes of them.
//!
//! The order is the order of the model's outputs behind the first. Names and tactics are ATT&CK's; the enum
//! values are Security Command Center's.

use proto::scc::mitre_attack::{Tactic, Technique};

/// A technique the model can tell.
#[derive(Debug)]
pub struct Label {
    /// ATT&CK id.
    pub id: &'static str,
    /// ATT&CK name.
    pub name: &'static str,
    /// The tactic it is shown under.
    pub tactic: Tactic,
    /// The enum values: a sub-technique is listed with its parent.
    pub techniques: &'static [Technique],
    /// Severe enough to make a finding critical rather than high.
    pub critical: bool,
}

const fn label(
    id: &'static str,
    name: &'static str,
    tactic: Tactic,
    techniques: &'static [Technique],
    critical: bool,
) -> Label {
    Label { id, name, tactic, techniques, critical }
}

/// The labels, in the order of the model's outputs.
pub const LABELS: [Label; 16] = [
    label(
        "T1105",
        "Ingress Tool Transfer",
        Tactic::CommandAndControl,
        &[Technique::IngressToolTransfer],
        false,
    ),
    label(
        "T1071",
        "Application Layer Protocol",
        Tactic::CommandAndControl,
        &[Technique::ApplicationLayerProtocol],
        true,
    ),
    label("T1496", "Resource Hijacking", Tactic::Impact, &[Technique::ResourceHijacking], false),
    label("T1489", "Service Stop", Tactic::Impact, &[Technique::ServiceStop], false),
    label("T1611", "Escape to Host", Tactic::PrivilegeEscalation, &[Technique::EscapeToHost], true),
    label(
        "T1552",
        "Unsecured Credentials",
        Tactic::CredentialAccess,
        &[Technique::UnsecuredCredentials],
        false,
    ),
    label(
        "T1053.003",
        "Scheduled Task/Job: Cron",
        Tactic::Persistence,
        &[Technique::ScheduledTaskJob, Technique::ScheduledTaskJobCron],
        false,
    ),
    label(
        "T1098.004",
        "Account Manipulation: SSH Authorized Keys",
        Tactic::Persistence,
        &[Technique::AccountManipulation, Technique::SshAuthorizedKeys],
        false,
    ),
    label(
        "T1543",
        "Create or Modify System Process",
        Tactic::Persistence,
        &[Technique::CreateOrModifySystemProcess],
        false,
    ),
    label(
        "T1574.006",
        "Hijack Execution Flow: Dynamic Linker Hijacking",
        Tactic::DefenseEvasion,
        &[Technique::HijackExecutionFlow, Technique::HijackExecutionFlowDynamicLinkerHijacking],
        true,
    ),
    label("T1070", "Indicator Removal", Tactic::DefenseEvasion, &[Technique::IndicatorRemoval], false),
    label("T1562", "Impair Defenses", Tactic::DefenseEvasion, &[Technique::ImpairDefenses], false),
    label(
        "T1027",
        "Obfuscated Files or Information",
        Tactic::DefenseEvasion,
        &[Technique::ObfuscatedFilesOrInfo],
        false,
    ),
    label("T1485", "Data Destruction", Tactic::Impact, &[Technique::DataDestruction], true),
    label(
        "T1021",
        "Lateral Movement over SSH",
        Tactic::LateralMovement,
        &[Technique::LateralToolTransfer],
        true,
    ),
    label("T1041", "Exfiltration", Tactic::Exfiltration, &[Technique::ExfiltrationOverWebService], true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_trainers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/trainer/labels.py");
        let trainer = std::fs::read_to_string(path).unwrap();
        let ids: Vec<&str> =
            trainer.lines().filter_map(|line| line.trim().strip_prefix("(\"T")?.split('"').next()).collect();
        let ours: Vec<&str> = LABELS.iter().map(|label| &label.id[1..]).collect();
        assert_eq!(ids, ours);
        for label in &LABELS {
            let line = format!("\"{}\": \"{}\",", label.id, label.tactic.as_str_name());
            assert!(trainer.contains(&line), "{line} is missing");
        }
    }
}
