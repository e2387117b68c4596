//! Any other shell with the builtins of POSIX, taken for one that reads as dash does.

use crate::profile::{Grammar, LonePlus, Long, Named, Operand, Profile, Reads, SourcedReads};

pub(crate) static PROFILE: Profile = Profile {
    name: "posix",
    programs: &["sh", "ash", "ksh"],
    marks: &[b"PS4", b"getopts", b"OPTIND"],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::Next)],
        long: Long::Plain,
        named: Named { command: None, stdin: None },
        ends_options: b"",
        plus_c_is_command: true,
        plus_s_is_stdin: false,
        lone_plus: LonePlus::Skipped,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: None,
        sniff_bytes: None,
        sourced: SourcedReads::ScriptDescriptor,
        startup_files: &[],
        sourced_may_be_data: false,
    },
    evaluates_by: None,
    reads_lines_by: None,
    applets: None,
    limits: &[
        "It does not tell what it evaluates: `eval`, traps.",
        "Which shell it is is not known: its arguments may be read in another way.",
    ],
};
