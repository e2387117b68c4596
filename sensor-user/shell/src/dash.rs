//! dash, the Debian Almquist shell. Options: `procargs` and `options` of options.c.

use crate::profile::{Grammar, LonePlus, Long, Named, Operand, Profile, Reads, SourcedReads};

pub(crate) static PROFILE: Profile = Profile {
    name: "dash",
    programs: &["dash"],
    marks: &[b"Illegal option -o %s", b"%s unexpected (expecting %s)"],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::Next)],
        long: Long::None,
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
    limits: &["It does not tell what it evaluates: `eval`, traps."],
};
