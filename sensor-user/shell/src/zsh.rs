//! The Z shell. Options: `parseargs` and `parseopts` of init.c.

use crate::mark::marks;
use crate::profile::{
    Evaluates, Grammar, LonePlus, Long, Name, Named, Operand, Profile, Reads, SourcedReads,
};

pub(crate) static PROFILE: Profile = Profile {
    name: "zsh",
    programs: &["zsh", "rzsh"],
    marks: marks![
        b"ZSH_NAME",
        b"shinstdin",
        b"ZSH_EVAL_CONTEXT",
        b"ZSH_ARGZERO",
        b"promptsubst",
        b"kshglob",
        b"rcexpandparam",
        b"autopushd",
    ],
    grammar: Grammar {
        with_operand: &[(b'o', Operand::RestOrNext)],
        long: Long::WithOperands(&["emulate"]),
        named: Named { command: None, stdin: Some(Name { whole: "shinstdin", letters: 9 }) },
        ends_options: b"b",
        plus_c_is_command: true,
        plus_s_is_stdin: false,
        plus_c_and_s_are_ignored: false,
        lone_plus: LonePlus::EndsOptions,
    },
    reads: Reads {
        script_fd_min: 10,
        block_bytes: Some(8192),
        sniff_bytes: None,
        sourced_fd_min: 10,
        sourced: SourcedReads::ScriptDescriptor,
        runs_files_itself: false,
        startup_files: &["zshenv", ".zshenv", "zprofile", ".zprofile", "zshrc", ".zshrc"],
        argument_may_be_text: false,
        may_turn_to_stdin: false,
        edits_lines: true,
        sourced_may_be_data: false,
    },
    evaluates_by: Some(Evaluates::Metafied("parse_string")),
    reads_lines_by: None,
    applets: None,
    limits: &[
        "A zsh whose symbols were stripped off does not tell what it evaluates.",
        "Files compiled with `zcompile` hold no text, and functions that are loaded on demand are read as data is.",
    ],
};
