//! MITRE ATT&CK techniques that the model can tell.
//!
//! The order is the order of the model's outputs behind the first. Ids, names and tactics are ATT&CK's.

/// A technique that the model can tell.
#[derive(Debug)]
pub struct Label {
    /// ATT&CK id.
    pub id: &'static str,
    /// ATT&CK name.
    pub name: &'static str,
    /// The tactic it is shown under: ATT&CK's name in upper case with underscores.
    pub tactic: &'static str,
}

/// The labels, in the order of the model's outputs.
pub const LABELS: [Label; 16] = [
    Label { id: "T1105", name: "Ingress Tool Transfer", tactic: "COMMAND_AND_CONTROL" },
    Label { id: "T1071", name: "Application Layer Protocol", tactic: "COMMAND_AND_CONTROL" },
    Label { id: "T1496", name: "Resource Hijacking", tactic: "IMPACT" },
    Label { id: "T1489", name: "Service Stop", tactic: "IMPACT" },
    Label { id: "T1611", name: "Escape to Host", tactic: "PRIVILEGE_ESCALATION" },
    Label { id: "T1552", name: "Unsecured Credentials", tactic: "CREDENTIAL_ACCESS" },
    Label { id: "T1053.003", name: "Scheduled Task/Job: Cron", tactic: "PERSISTENCE" },
    Label { id: "T1098.004", name: "Account Manipulation: SSH Authorized Keys", tactic: "PERSISTENCE" },
    Label { id: "T1543", name: "Create or Modify System Process", tactic: "PERSISTENCE" },
    Label {
        id: "T1574.006",
        name: "Hijack Execution Flow: Dynamic Linker Hijacking",
        tactic: "DEFENSE_EVASION",
    },
    Label { id: "T1070", name: "Indicator Removal", tactic: "DEFENSE_EVASION" },
    Label { id: "T1562", name: "Impair Defenses", tactic: "DEFENSE_EVASION" },
    Label { id: "T1027", name: "Obfuscated Files or Information", tactic: "DEFENSE_EVASION" },
    Label { id: "T1485", name: "Data Destruction", tactic: "IMPACT" },
    Label { id: "T1021", name: "Lateral Movement over SSH", tactic: "LATERAL_MOVEMENT" },
    Label { id: "T1041", name: "Exfiltration", tactic: "EXFILTRATION" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_trainers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/trainer/labels.py");
        let trainer = std::fs::read_to_string(path).unwrap();
        let ids: Vec<&str> =
            trainer.lines().filter_map(|line| line.trim().strip_prefix("(\"T")?.split('"').next()).collect();
        let ours: Vec<&str> = LABELS.iter().map(|label| &label.id[1..]).collect();
        assert_eq!(ids, ours);
        for label in &LABELS {
            let line = format!("\"{}\": \"{}\",", label.id, label.tactic);
            assert!(trainer.contains(&line), "{line} is missing");
        }
    }
}
