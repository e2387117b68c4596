//! Ids that a retry or a restart derives again.

use sha2::{Digest, Sha256};

use script::ScriptId;

/// The id of a script's finding: from the boot, the process and the script, so that the same finding made twice is written
/// once, and a growing script updates its finding.
pub fn finding_id(boot_id: &str, script: &ScriptId) -> String {
    let ScriptId { pid, exec_ns, ordinal } = script;
    id_of(&[boot_id.as_bytes(), &[0], &pid.to_le_bytes(), &exec_ns.to_le_bytes(), &ordinal.to_le_bytes()])
}

/// An id as Security Command Center takes it: 32 lower-case hex digits.
pub(crate) fn id_of(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
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
