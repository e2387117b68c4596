//! Any other shell with the builtins of POSIX, taken for one that reads as dash does.

use crate::mark::marks;
use crate::profile::{Evaluates, Grammar, LonePlus, Long, Named, Operand, Profile, Reads, SourcedReads};

pub(crate) static PROFILE: Profile = Profile {
    name: "posix",
    programs: &["sh", "ash", "ksh"],
    marks: marks![],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::Next)],
        long: Long::Plain,
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
        sniff_bytes: Some(80),
        sourced_fd_min: 10,
        sourced: SourcedReads::Either,
        runs_files_itself: true,
        startup_files: &[
            "profile",
            ".profile",
            "zshenv",
            ".zshenv",
            "mkshrc",
            ".mkshrc",
            "ksh.kshrc",
            ".kshrc",
            ".yash_profile",
            ".yashrc",
        ],
        argument_may_be_text: false,
        may_turn_to_stdin: false,
        edits_lines: false,
        sourced_may_be_data: true,
    },
    evaluates_by: Some(Evaluates::InputString),
    reads_lines_by: None,
    applets: None,
    limits: &[
        "What it evaluates is seen in 64-bit builds for x86 and Arm, where the function that takes strings in can be told by what it does.",
        "Which shell it is is not known: its arguments may be read in another way.",
    ],
};
