//! busybox. Its shells, ash and hush, are applets of one binary. Options: `procargs` and `options` of ash.c.

use crate::mark::marks;
use crate::profile::{
    Applets, Evaluates, Grammar, LonePlus, Long, Named, Operand, Profile, Reads, SourcedReads,
};

pub(crate) static PROFILE: Profile = Profile {
    name: "busybox",
    programs: &["busybox"],
    marks: marks![
        b"BusyBox v",
        b"applet not found",
        b"BusyBox is copyrighted",
        b"busybox --list",
        b"busybox --install",
    ],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::Next)],
        long: Long::Plain,
        named: Named { command: None, stdin: None },
        ends_options: b"",
        plus_c_is_command: true,
        plus_s_is_stdin: true,
        plus_c_and_s_are_ignored: false,
        lone_plus: LonePlus::Skipped,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: None,
        sniff_bytes: None,
        sourced_fd_min: 10,
        sourced: SourcedReads::ScriptDescriptor,
        runs_files_itself: false,
        startup_files: &["profile", ".profile"],
        argument_may_be_text: false,
        may_turn_to_stdin: false,
        edits_lines: true,
        sourced_may_be_data: false,
    },
    evaluates_by: Some(Evaluates::InputString),
    reads_lines_by: None,
    applets: Some(Applets { binary: "busybox", shells: &["ash", "bash", "hush", "sh"] }),
    limits: &[
        "What it evaluates is seen in 64-bit builds for x86 and Arm, where the function that takes strings in can be told by what it does.",
        "hush reads its script on whatever descriptor is free: of a file below 10 only the name is known.",
    ],
};
