//! yash, Yet Another Shell. Options: `parse_shell_options` of option.c. It keeps most of its texts in wide characters.

use crate::profile::{Grammar, LonePlus, Long, Name, Named, Operand, Profile, Reads, SourcedReads};

pub(crate) static PROFILE: Profile = Profile {
    name: "yash",
    programs: &["yash"],
    marks: &[b"Yet another shell", b"yash -c"],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::RestOrNext)],
        long: Long::WithOperands(&["profile", "rcfile"]),
        named: Named {
            command: Some(Name { whole: "cmdline", letters: 2 }),
            stdin: Some(Name { whole: "stdin", letters: 1 }),
        },
        ends_options: b"",
        plus_c_is_command: false,
        plus_s_is_stdin: false,
        lone_plus: LonePlus::Operand,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: Some(8192),
        sniff_bytes: None,
        sourced: SourcedReads::ScriptDescriptor,
        startup_files: &[],
        sourced_may_be_data: false,
    },
    evaluates_by: None,
    reads_lines_by: None,
    applets: None,
    limits: &["It does not tell what it evaluates: `eval`, traps."],
};
