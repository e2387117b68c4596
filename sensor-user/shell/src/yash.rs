//! yash, Yet Another Shell. Options: `parse_shell_options` of option.c. It keeps most of its texts in wide characters.

use crate::mark::marks;
use crate::profile::{Grammar, LonePlus, Long, Name, Named, Operand, Profile, Reads, SourcedReads};

pub(crate) static PROFILE: Profile = Profile {
    name: "yash",
    programs: &["yash"],
    marks: marks![b"Yet another shell", b"yash -c", b"Y\0\0\0A\0\0\0S\0\0\0H\0\0\0_\0\0\0V"],
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
        plus_c_and_s_are_ignored: false,
        lone_plus: LonePlus::Operand,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: Some(8192),
        sniff_bytes: None,
        sourced_fd_min: 10,
        sourced: SourcedReads::ScriptDescriptor,
        runs_files_itself: false,
        startup_files: &[".yash_profile", ".yashrc"],
        argument_may_be_text: false,
        may_turn_to_stdin: false,
        edits_lines: true,
        sourced_may_be_data: false,
    },
    evaluates_by: None,
    reads_lines_by: None,
    applets: None,
    limits: &["It does not tell what it evaluates: `eval`, traps."],
};
