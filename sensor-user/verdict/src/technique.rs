//! MITRE ATT&CK techniques that a verdict can name. Ids, names and tactics are ATT&CK's.

use crate::verdict::Reason;

/// A technique.
#[derive(Debug)]
pub struct Technique {
    /// ATT&CK id.
    pub id: &'static str,
    /// ATT&CK name.
    pub name: &'static str,
    /// The tactic it is shown under: ATT&CK's name in upper case with underscores.
    pub tactic: &'static str,
}

/// How many of [`TECHNIQUES`] are outputs of the model, in this order behind the first output. The others are known by facts only.
pub const MODEL_TECHNIQUES: usize = 16;

/// All of them.
pub const TECHNIQUES: &[Technique] = &[
    Technique { id: "T1105", name: "Ingress Tool Transfer", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1071", name: "Application Layer Protocol", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1496", name: "Resource Hijacking", tactic: "IMPACT" },
    Technique { id: "T1489", name: "Service Stop", tactic: "IMPACT" },
    Technique { id: "T1611", name: "Escape to Host", tactic: "PRIVILEGE_ESCALATION" },
    Technique { id: "T1552", name: "Unsecured Credentials", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1053.003", name: "Scheduled Task/Job: Cron", tactic: "PERSISTENCE" },
    Technique { id: "T1098.004", name: "Account Manipulation: SSH Authorized Keys", tactic: "PERSISTENCE" },
    Technique { id: "T1543", name: "Create or Modify System Process", tactic: "PERSISTENCE" },
    Technique {
        id: "T1574.006",
        name: "Hijack Execution Flow: Dynamic Linker Hijacking",
        tactic: "DEFENSE_EVASION",
    },
    Technique { id: "T1070", name: "Indicator Removal", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1562", name: "Impair Defenses", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1027", name: "Obfuscated Files or Information", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1485", name: "Data Destruction", tactic: "IMPACT" },
    Technique { id: "T1021", name: "Lateral Movement over SSH", tactic: "LATERAL_MOVEMENT" },
    Technique { id: "T1041", name: "Exfiltration", tactic: "EXFILTRATION" },
    Technique { id: "T1059.004", name: "Unix Shell", tactic: "EXECUTION" },
    Technique { id: "T1620", name: "Reflective Code Loading", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1140", name: "Deobfuscate/Decode Files or Information", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1036", name: "Masquerading", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1564", name: "Hide Artifacts", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1564.001", name: "Hidden Files and Directories", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1571", name: "Non-Standard Port", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1102", name: "Web Service", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1572", name: "Protocol Tunneling", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1090.003", name: "Multi-hop Proxy", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1095", name: "Non-Application Layer Protocol", tactic: "COMMAND_AND_CONTROL" },
    Technique { id: "T1082", name: "System Information Discovery", tactic: "DISCOVERY" },
    Technique { id: "T1083", name: "File and Directory Discovery", tactic: "DISCOVERY" },
    Technique { id: "T1069", name: "Permission Groups Discovery", tactic: "DISCOVERY" },
    Technique { id: "T1018", name: "Remote System Discovery", tactic: "DISCOVERY" },
    Technique { id: "T1046", name: "Network Service Discovery", tactic: "DISCOVERY" },
    Technique { id: "T1613", name: "Container and Resource Discovery", tactic: "DISCOVERY" },
    Technique { id: "T1040", name: "Network Sniffing", tactic: "DISCOVERY" },
    Technique { id: "T1560", name: "Archive Collected Data", tactic: "COLLECTION" },
    Technique { id: "T1056", name: "Input Capture", tactic: "COLLECTION" },
    Technique { id: "T1048", name: "Exfiltration Over Alternative Protocol", tactic: "EXFILTRATION" },
    Technique { id: "T1567", name: "Exfiltration Over Web Service", tactic: "EXFILTRATION" },
    Technique { id: "T1552.001", name: "Credentials In Files", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1552.003", name: "Shell History", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1552.004", name: "Private Keys", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1552.005", name: "Cloud Instance Metadata API", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1528", name: "Steal Application Access Token", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1003.008", name: "/etc/passwd and /etc/shadow", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1555.003", name: "Credentials from Web Browsers", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1555.006", name: "Cloud Secrets Management Stores", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1080", name: "Taint Shared Content", tactic: "LATERAL_MOVEMENT" },
    Technique { id: "T1110", name: "Brute Force", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1543.002", name: "Systemd Service", tactic: "PERSISTENCE" },
    Technique { id: "T1037", name: "Boot or Logon Initialization Scripts", tactic: "PERSISTENCE" },
    Technique { id: "T1546", name: "Event Triggered Execution", tactic: "PERSISTENCE" },
    Technique { id: "T1546.004", name: "Unix Shell Configuration Modification", tactic: "PERSISTENCE" },
    Technique { id: "T1556", name: "Modify Authentication Process", tactic: "PERSISTENCE" },
    Technique { id: "T1556.003", name: "Pluggable Authentication Modules", tactic: "PERSISTENCE" },
    Technique { id: "T1136.001", name: "Local Account", tactic: "PERSISTENCE" },
    Technique { id: "T1098", name: "Account Manipulation", tactic: "PERSISTENCE" },
    Technique { id: "T1098.006", name: "Additional Container Cluster Roles", tactic: "PERSISTENCE" },
    Technique { id: "T1554", name: "Compromise Host Software Binary", tactic: "PERSISTENCE" },
    Technique { id: "T1547.006", name: "Kernel Modules and Extensions", tactic: "PERSISTENCE" },
    Technique { id: "T1548", name: "Abuse Elevation Control Mechanism", tactic: "PRIVILEGE_ESCALATION" },
    Technique { id: "T1548.001", name: "Setuid and Setgid", tactic: "PRIVILEGE_ESCALATION" },
    Technique { id: "T1548.003", name: "Sudo and Sudo Caching", tactic: "PRIVILEGE_ESCALATION" },
    Technique { id: "T1068", name: "Exploitation for Privilege Escalation", tactic: "PRIVILEGE_ESCALATION" },
    Technique { id: "T1574", name: "Hijack Execution Flow", tactic: "DEFENSE_EVASION" },
    Technique {
        id: "T1574.007",
        name: "Path Interception by PATH Environment Variable",
        tactic: "DEFENSE_EVASION",
    },
    Technique { id: "T1070.002", name: "Clear Linux or Mac System Logs", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1070.003", name: "Clear Command History", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1070.004", name: "File Deletion", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1070.006", name: "Timestomp", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1562.001", name: "Disable or Modify Tools", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1562.004", name: "Disable or Modify System Firewall", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1562.006", name: "Indicator Blocking", tactic: "DEFENSE_EVASION" },
    Technique {
        id: "T1222.002",
        name: "Linux and Mac File and Directory Permissions Modification",
        tactic: "DEFENSE_EVASION",
    },
    Technique { id: "T1497", name: "Virtualization/Sandbox Evasion", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1486", name: "Data Encrypted for Impact", tactic: "IMPACT" },
    Technique { id: "T1561", name: "Disk Wipe", tactic: "IMPACT" },
    Technique { id: "T1490", name: "Inhibit System Recovery", tactic: "IMPACT" },
    Technique { id: "T1531", name: "Account Access Removal", tactic: "IMPACT" },
    Technique { id: "T1565", name: "Data Manipulation", tactic: "IMPACT" },
    Technique { id: "T1499", name: "Endpoint Denial of Service", tactic: "IMPACT" },
    Technique { id: "T1498", name: "Network Denial of Service", tactic: "IMPACT" },
    Technique { id: "T1529", name: "System Shutdown/Reboot", tactic: "IMPACT" },
    Technique { id: "T1491", name: "Defacement", tactic: "IMPACT" },
    Technique { id: "T1610", name: "Deploy Container", tactic: "EXECUTION" },
    Technique { id: "T1609", name: "Container Administration Command", tactic: "EXECUTION" },
    Technique { id: "T1021.004", name: "SSH", tactic: "LATERAL_MOVEMENT" },
    Technique { id: "T1210", name: "Exploitation of Remote Services", tactic: "LATERAL_MOVEMENT" },
    Technique { id: "T1136", name: "Create Account", tactic: "PERSISTENCE" },
    Technique { id: "T1562.003", name: "Impair Command History Logging", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1003.007", name: "Proc Filesystem", tactic: "CREDENTIAL_ACCESS" },
    Technique { id: "T1078", name: "Valid Accounts", tactic: "LATERAL_MOVEMENT" },
    Technique { id: "T1564.011", name: "Ignore Process Interrupts", tactic: "DEFENSE_EVASION" },
    Technique { id: "T1568", name: "Dynamic Resolution", tactic: "COMMAND_AND_CONTROL" },
    Technique {
        id: "T1048.003",
        name: "Exfiltration Over Unencrypted Non-C2 Protocol",
        tactic: "EXFILTRATION",
    },
    Technique { id: "T1505.003", name: "Web Shell", tactic: "PERSISTENCE" },
];

/// The techniques that facts name, the weightiest first, each of them once.
pub(crate) fn of_reasons(reasons: &[Reason]) -> Vec<usize> {
    let mut named = Vec::new();
    for reason in reasons {
        let place = TECHNIQUES.iter().position(|technique| technique.id == reason.fact.technique());
        if let Some(place) = place.filter(|place| !named.contains(place)) {
            named.push(place);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_the_trainers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../model/trainer/labels.py");
        let trainer = std::fs::read_to_string(path).unwrap();
        let ids: Vec<&str> =
            trainer.lines().filter_map(|line| line.trim().strip_prefix("(\"T")?.split('"').next()).collect();
        let ours: Vec<&str> = TECHNIQUES[..MODEL_TECHNIQUES].iter().map(|label| &label.id[1..]).collect();
        assert_eq!(ids, ours);
        for label in &TECHNIQUES[..MODEL_TECHNIQUES] {
            let line = format!("\"{}\": \"{}\",", label.id, label.tactic);
            assert!(trainer.contains(&line), "{line} is missing");
        }
    }

    #[test]
    fn every_fact_names_a_technique_of_the_list_and_none_is_there_twice() {
        for fact in behaviour::Fact::ALL.iter().filter(|fact| !fact.technique().is_empty()) {
            assert!(TECHNIQUES.iter().any(|t| t.id == fact.technique()), "{fact}: {}", fact.technique());
        }
        let ids: std::collections::HashSet<&str> = TECHNIQUES.iter().map(|t| t.id).collect();
        assert_eq!(ids.len(), TECHNIQUES.len());
    }
}
