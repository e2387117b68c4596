//! The MirBSD Korn shell, mksh and lksh. Options: `parse_args` of misc.c.

use crate::mark::marks;
use crate::profile::{
    Grammar, LonePlus, Long, LooksLikeOption, Name, Named, Operand, Profile, Reads, SourcedReads,
};

pub(crate) static PROFILE: Profile = Profile {
    name: "mksh",
    programs: &["lksh", "mksh"],
    marks: marks![b"KSHEGID", b"KSHUID", b"KSHGID", b"KSH_VERSION", b"PIPESTATUS"],
    grammar: Grammar {
        with_operand: &[
            (b'o', Operand::RestOrNextUnless(LooksLikeOption::DashOrPlus)),
            (b'T', Operand::RestOrNext),
        ],
        long: Long::None,
        named: Named { command: None, stdin: Some(Name { whole: "stdin", letters: 5 }) },
        ends_options: b"",
        plus_c_is_command: false,
        plus_s_is_stdin: false,
        plus_c_and_s_are_ignored: true,
        lone_plus: LonePlus::EndsOptions,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: Some(512),
        sniff_bytes: None,
        sourced_fd_min: 10,
        sourced: SourcedReads::ScriptDescriptor,
        runs_files_itself: false,
        startup_files: &["profile", ".profile", "mkshrc", ".mkshrc"],
        argument_may_be_text: false,
        may_turn_to_stdin: false,
        edits_lines: true,
        sourced_may_be_data: true,
    },
    evaluates_by: None,
    reads_lines_by: None,
    applets: None,
    limits: &[
        "It does not tell what it evaluates: `eval`, traps.",
        "What `$(<file)` and `$(command)` read cannot be told from a sourced file.",
    ],
};
