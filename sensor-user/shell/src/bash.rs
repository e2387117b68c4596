//! GNU bash. Options: `parse_long_options` and `parse_shell_options` of shell.c.

use crate::mark::marks;
use crate::profile::{Evaluates, Grammar, LonePlus, Long, Named, Operand, Profile, Reads, SourcedReads};

/// They must come before all other options.
const LONG: &[&str] = &[
    "debug",
    "debugger",
    "dump-po-strings",
    "dump-strings",
    "help",
    "init-file",
    "login",
    "noediting",
    "noprofile",
    "norc",
    "posix",
    "pretty-print",
    "protected",
    "rcfile",
    "restricted",
    "verbose",
    "version",
    "wordexp",
];

pub(crate) static PROFILE: Profile = Profile {
    name: "bash",
    programs: &["bash", "rbash"],
    marks: marks![
        b"BASH_VERSINFO",
        b"BASH_EXECUTION_STRING",
        b"BASH_LINENO",
        b"BASH_SUBSHELL",
        b"BASH_ALIASES",
        b"BASH_CMDS",
        b"BASHOPTS",
        b"COMP_WORDBREAKS",
        b"PROMPT_COMMAND",
        b"HISTTIMEFORMAT",
        b"parse_and_execute",
        b"FUNCNEST",
    ],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::Next), (b'O', Operand::Next)],
        long: Long::OneDashOrTwo(LONG, &["init-file", "rcfile"]),
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
        sniff_bytes: Some(80),
        sourced_fd_min: 10,
        sourced: SourcedReads::WholeFile,
        runs_files_itself: true,
        startup_files: &[],
        argument_may_be_text: false,
        may_turn_to_stdin: false,
        edits_lines: false,
        sourced_may_be_data: true,
    },
    evaluates_by: Some(Evaluates::WithReason("parse_and_execute")),
    reads_lines_by: Some("readline"),
    applets: None,
    limits: &[
        "A bash whose symbols were stripped off, such as Debian's bash-static, does not tell what it evaluates.",
    ],
};
