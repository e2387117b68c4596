//! A capture for the tests of other rooms, so that a new field concerns one place.

use shell::Family;

use crate::{Capture, Forks, Interpreter, Origin, ScriptFlags, ScriptId};

/// A script file that bash runs as root in a container.
///
/// # Panics
/// Never: bash has a profile.
pub fn sample(pid: u32, content: &[u8]) -> Capture {
    Capture {
        id: ScriptId { pid, exec_ns: 1, ordinal: 0 },
        origin: Origin::File,
        parent: None,
        evaluated_by: None,
        content: content.into(),
        offset: 0,
        size: content.len() as u64,
        flags: ScriptFlags::default(),
        path: None,
        writer: None,
        interpreter: Interpreter {
            kind: Family::named("bash").expect("a profile"),
            path: b"/bin/bash".to_vec(),
            size: 1,
            sha256: None,
        },
        args: vec![],
        args_truncated: false,
        ns_pid: 5,
        ppid: 1,
        uid: 0,
        gid: 0,
        cgroup: 1,
        start_ns: 1,
        time_unix_ns: 1,
        joined: vec![],
        begun_ns: 0,
        forks: Forks::default(),
        news: None,
        reader: pid,
    }
}
