//! dash, the Debian Almquist shell. Options: `procargs` and `options` of options.c.

use crate::mark::marks;
use crate::profile::{Evaluates, Grammar, LonePlus, Long, Named, Operand, Profile, Reads, SourcedReads};

pub(crate) static PROFILE: Profile = Profile {
    name: "dash",
    programs: &["dash"],
    marks: marks![
        b"Illegal option -o %s",
        b"%s unexpected (expecting %s)",
        b"Illegal option -%c",
        b"Missing '))'",
        b"cannot %s %s: %s",
    ],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::Next)],
        long: Long::None,
        named: Named { command: None, stdin: None },
        ends_options: b"",
        plus_c_is_command: true,
        plus_s_is_stdin: false,
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
        may_turn_to_stdin: true,
        edits_lines: false,
        sourced_may_be_data: false,
    },
    evaluates_by: Some(Evaluates::InputString),
    reads_lines_by: None,
    applets: None,
    limits: &[
        "What it evaluates is seen in 64-bit builds for x86 and Arm, where the function that takes strings in can be told by what it does.",
    ],
};
