//! Ids that a retry or a restart derives again.

use sha2::{Digest, Sha256};

use script::ScriptId;

/// The id of a script's finding: 32 lower-case hex digits from the boot, the process and the script, so that
/// the same finding made twice is written once, and a growing script updates its finding.
pub fn finding_id(boot_id: &str, script: &ScriptId) -> String {
    let mut hash = Sha256::new();
    hash.update(boot_id.as_bytes());
    hash.update([0]);
    hash.update(script.pid.to_le_bytes());
    hash.update(script.exec_ns.to_le_bytes());
    hash.update(script.ordinal.to_le_bytes());
    let mut id = hex::encode(hash.finalize());
    id.truncate(32);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_stable_and_depends_on_everything() {
        let script = ScriptId { pid: 7, exec_ns: 99, ordinal: 0 };
        let id = finding_id("boot", &script);
        assert_eq!(id, finding_id("boot", &script));
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
        assert_ne!(id, finding_id("toob", &script));
        assert_ne!(id, finding_id("boot", &ScriptId { ordinal: 1, ..script }));
        assert_ne!(id, finding_id("boot", &ScriptId { exec_ns: 98, ..script }));
    }
}
