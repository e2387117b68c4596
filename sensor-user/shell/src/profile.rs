//! The form of a profile: data, so that a shell's file reads like a table and not like a program.

use crate::mark::Mark;

/// A shell family. All texts are as they stand in the family's sources.
#[derive(Debug)]
pub struct Profile {
    /// Name in records and findings: lower-case letters and digits.
    pub name: &'static str,
    /// Names its programs usually bear. Only looked at when the binary itself cannot be read any more.
    pub programs: &'static [&'static str],
    /// Texts that every build of it holds. More than half of them must be there for a binary to be recognised.
    pub marks: &'static [Mark],
    /// How its arguments are read.
    pub grammar: Grammar,
    /// Which of its reads are script.
    pub reads: Reads,
    /// Where the strings that it evaluates pass.
    pub evaluates_by: Option<Evaluates>,
    /// Exported function that returns each line typed at a terminal, as `char *f(…)`.
    pub reads_lines_by: Option<&'static str>,
    /// Names under which a binary of many programs is this shell; `None` where the binary is nothing but the shell.
    pub applets: Option<Applets>,
    /// What a capture of it lacks, a sentence each.
    pub limits: &'static [&'static str],
}

/// A function that every string passes which a shell evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluates {
    /// It is exported, as `f(char *string, char *reason, …)`, and sourced files pass it too.
    WithReason(&'static str),
    /// It is exported, as `f(char *string, …)`, and of its string some bytes are a mark and another byte (zsh).
    Metafied(&'static str),
    /// `setinputstring(char *string)` of the Almquist shells, known by what it does.
    InputString,
}

/// A binary that is a shell only when it is called by a shell's name, or with that name as its first argument.
#[derive(Clone, Copy, Debug)]
pub struct Applets {
    /// What the binary itself is called; then the next argument names the applet.
    pub binary: &'static str,
    /// The applets that are shells.
    pub shells: &'static [&'static str],
}

/// Where the operand of an option letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The next word; what follows in the word are options still (`bash -oe pipefail`).
    Next,
    /// The rest of the word where there is any, else the next word (`zsh -oerrexit`).
    RestOrNext,
    /// As before, but a next word that looks like an option is none: the operand may be missing (`ksh93 -o -c`).
    RestOrNextUnless(LooksLikeOption),
}

/// Which words are options and no operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LooksLikeOption {
    /// A dash and something behind it.
    DashAndMore,
    /// Whatever begins with a dash or a plus.
    DashOrPlus,
}

/// How words with two dashes, and long names behind one, are read.
#[derive(Clone, Copy, Debug)]
pub enum Long {
    /// They are none: the shell gives up, or takes the word for an operand.
    None,
    /// `--NAME`, without operand.
    Plain,
    /// These names, behind one dash or two, before all other options; the second list is of those that take the next word.
    OneDashOrTwo(&'static [&'static str], &'static [&'static str]),
    /// `--NAME` or `--NAME=…`. Those of the list, also when cut to two letters or more, take the next word when there is no
    /// `=`.
    WithOperands(&'static [&'static str]),
}

/// What a word that is a single `+` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LonePlus {
    /// An option word without options: more may follow.
    Skipped,
    /// The end of the options.
    EndsOptions,
    /// The first operand.
    Operand,
}

/// How a shell reads its argument vector.
#[derive(Clone, Copy, Debug)]
pub struct Grammar {
    /// Letters that take an operand, and where that is.
    pub with_operand: &'static [(u8, Operand)],
    /// Long options.
    pub long: Long,
    /// Option names that mean `-c` and `-s`, if there are such.
    pub named: Named,
    /// Letters behind which there are no more options, in that word or others.
    pub ends_options: &'static [u8],
    /// Does `+c` mean what `-c` does?
    pub plus_c_is_command: bool,
    /// Does `+s` mean what `-s` does?
    pub plus_s_is_stdin: bool,
    /// Do `+c` and `+s` change nothing? Elsewhere they take `-c` and `-s` back.
    pub plus_c_and_s_are_ignored: bool,
    /// What a lone `+` is. A lone `-` ends the options everywhere.
    pub lone_plus: LonePlus,
}

/// Names of the options that letters stand for, as `-o NAME` and `--NAME` have them.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// That of `-c`.
    pub command: Option<Name>,
    /// That of `-s`.
    pub stdin: Option<Name>,
}

/// The name of an option.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// In lower-case letters without `_` and `-`.
    pub whole: &'static str,
    /// Letters that suffice.
    pub letters: usize,
}

/// Which reads of a shell are script.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// Its script is read from a descriptor of at least this number.
    pub script_fd_min: i32,
    /// Bytes asked for when it reads a script, where that tells a script from other reads on such descriptors.
    pub block_bytes: Option<u64>,
    /// Bytes of a script that it looks at first, on whatever descriptor, to see whether it is a binary.
    pub sniff_bytes: Option<u64>,
    /// Sourced files are read from a descriptor of at least this number.
    pub sourced_fd_min: i32,
    /// How sourced files are read.
    pub sourced: SourcedReads,
    /// A file without `#!` is read by the child that was to execute it, without another `execve`.
    pub runs_files_itself: bool,
    /// Files that it reads by itself before its script, by the last part of their names.
    pub startup_files: &'static [&'static str],
    /// Its argument is run as a command where no such file is found.
    pub argument_may_be_text: bool,
    /// `set -s` makes it read standard input behind its script.
    pub may_turn_to_stdin: bool,
    /// It edits lines by itself, so that what is read at a terminal are keys.
    pub edits_lines: bool,
    /// Are there reads of data that look like those of a sourced file?
    pub sourced_may_be_data: bool,
}

/// How a shell reads the files that it sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourcedReads {
    /// The whole file in one call, on any descriptor. Its history is read so, too: only the evaluation tells them apart.
    WholeFile,
    /// As scripts are.
    ScriptDescriptor,
    /// In one way or the other.
    Either,
}
