//! The Korn shell of AT&T, ksh93, and its continuation ksh93u+m. Options: `sh_argopts` of args.c.

use crate::mark::marks;
use crate::profile::{
    Grammar, LonePlus, Long, LooksLikeOption, Named, Operand, Profile, Reads, SourcedReads,
};

pub(crate) static PROFILE: Profile = Profile {
    name: "ksh93",
    programs: &["ksh93", "rksh93"],
    marks: marks![
        b".sh.match",
        b".sh.version",
        b"/etc/ksh.kshrc",
        b".sh.subscript",
        b".sh.edchar",
        b".sh.lineno"
    ],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::RestOrNextUnless(LooksLikeOption::DashAndMore))],
        long: Long::Plain,
        named: Named { command: None, stdin: None },
        ends_options: b"",
        plus_c_is_command: false,
        plus_s_is_stdin: false,
        plus_c_and_s_are_ignored: false,
        lone_plus: LonePlus::EndsOptions,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: Some(65536),
        sniff_bytes: None,
        sourced_fd_min: 3,
        sourced: SourcedReads::ScriptDescriptor,
        runs_files_itself: true,
        startup_files: &["profile", ".profile", "ksh.kshrc", ".kshrc"],
        argument_may_be_text: true,
        may_turn_to_stdin: false,
        edits_lines: true,
        sourced_may_be_data: true,
    },
    evaluates_by: None,
    reads_lines_by: None,
    applets: None,
    limits: &[
        "It does not tell what it evaluates: `eval`, traps.",
        "Files read on low descriptors are taken for sourced ones, and may be data.",
    ],
};
