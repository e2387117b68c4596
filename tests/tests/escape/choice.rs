//! What an attempt is made of: a shell, how its binary is called, how the text arrives, and options.

use std::fmt;

use e2e::{
    proxy::Random,
    shells::{SHELLS, Shell},
};

/// How the shell's binary is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// By its path.
    Plain,
    /// Through a path of 400 bytes.
    LongPath,
    /// With another name in its arguments.
    OtherName,
    /// With an empty name.
    NoName,
    /// A copy under another name.
    Copy,
    /// A copy that is unlinked while it runs.
    Unlinked,
    /// A copy in memory.
    Memfd,
    /// Through the dynamic loader.
    Loader,
    /// A copy with a hole of 40 MiB behind it.
    Padded,
    /// A copy with names of variables changed.
    Patched,
    /// A copy of which the code may be written to, where the kernel puts no probe.
    Writable,
    /// With the binary's own name and its directory several times before the applet's.
    Nested,
}

impl Carrier {
    const ALL: [Self; 12] = [
        Self::Plain,
        Self::LongPath,
        Self::OtherName,
        Self::NoName,
        Self::Copy,
        Self::Unlinked,
        Self::Memfd,
        Self::Loader,
        Self::Padded,
        Self::Patched,
        Self::Writable,
        Self::Nested,
    ];

    /// Can this shell be called so? A binary of many programs needs its name, a static one no loader.
    fn fits(self, shell: &Shell) -> bool {
        match self {
            Self::OtherName | Self::NoName => shell.family != "busybox",
            Self::Loader => !matches!(shell.name, "bash-static" | "busybox-sh" | "busybox-ash"),
            Self::Nested => shell.family == "busybox",
            _ => true,
        }
    }
}

/// How the text arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A file as an argument.
    File,
    /// A file with `#!`.
    Shebang,
    /// A file without `#!`, called by name from a script of this shell.
    NoShebang,
    /// A file without `#!`, called by name from `-c` of this shell.
    NoShebangFromCommand,
    /// `-c`.
    Command,
    /// A pipe at standard input.
    Pipe,
    /// A pipe at standard input, in pieces.
    SlowPipe,
    /// A file at standard input.
    Input,
    /// A socket at standard input.
    Socket,
    /// A named pipe as an argument.
    Fifo,
    /// A pipe by its name below `/dev/fd`.
    Descriptor,
    /// A file sourced by `-c`.
    Sourced,
    /// A file sourced by a script.
    SourcedByFile,
    /// A here-document of a script, given to this shell.
    HereDocument,
    /// A string that is evaluated and stands nowhere.
    Evaluated,
    /// A trap's text that stands nowhere.
    Trap,
    /// A file behind 1.2 MB of comments.
    LongFile,
    /// A file that writes itself anew before its first fork.
    Rewritten,
    /// A command substitution in `PS4`.
    Ps4,
    /// A command substitution in `BASH_ENV`.
    BashEnv,
    /// A command substitution in `ENV`.
    Env,
    /// A command substitution in the subscript of an array.
    Subscript,
    /// `${x@P}` of a variable of the environment.
    PromptExpansion,
    /// An exported function.
    Function,
    /// Another file at standard input from a line on.
    OtherInput,
    /// A file without `#!` in the shell's own place.
    ExecutedFile,
    /// The text of an alias that stands nowhere.
    Alias,
    /// As `Evaluated`, with its letters apart in the text before it.
    Decoy,
    /// As `Ps4`, behind many other variables.
    PaddedPs4,
    /// A file sourced by `-c`, behind 1.2 MB of comments.
    LongSourced,
    /// A pipe at standard input that is sourced.
    SourcedInput,
    /// An argument without `-c`, which is no file.
    TextArgument,
    /// Evaluated, with the same words in the text before it, but as one command.
    OtherCommand,
}

impl Delivery {
    const ALL: [Self; 33] = [
        Self::File,
        Self::Shebang,
        Self::NoShebang,
        Self::NoShebangFromCommand,
        Self::Command,
        Self::Pipe,
        Self::SlowPipe,
        Self::Input,
        Self::Socket,
        Self::Fifo,
        Self::Descriptor,
        Self::Sourced,
        Self::SourcedByFile,
        Self::HereDocument,
        Self::Evaluated,
        Self::Trap,
        Self::LongFile,
        Self::Rewritten,
        Self::Ps4,
        Self::BashEnv,
        Self::Env,
        Self::Subscript,
        Self::PromptExpansion,
        Self::Function,
        Self::OtherInput,
        Self::ExecutedFile,
        Self::Alias,
        Self::Decoy,
        Self::PaddedPs4,
        Self::LongSourced,
        Self::SourcedInput,
        Self::TextArgument,
        Self::OtherCommand,
    ];

    fn fits(self, shell: &Shell) -> bool {
        match self {
            Self::BashEnv | Self::PromptExpansion | Self::Function | Self::Rewritten => {
                shell.family == "bash"
            }
            Self::TextArgument => shell.family == "ksh93",
            Self::Subscript => matches!(shell.family, "bash" | "ksh93" | "mksh"),
            _ => true,
        }
    }

    /// May the text be one that its shell does not tell of?
    pub(crate) fn may_be_unseen(self) -> bool {
        matches!(
            self,
            Self::Evaluated
                | Self::Trap
                | Self::Alias
                | Self::Decoy
                | Self::OtherCommand
                | Self::SourcedInput
        )
    }

    /// The origins that a capture of it may have.
    pub(crate) fn origins(self) -> &'static [&'static str] {
        match self {
            Self::File | Self::Shebang | Self::Fifo | Self::Descriptor | Self::LongFile | Self::Rewritten => {
                &["file"]
            }
            Self::NoShebang | Self::NoShebangFromCommand | Self::ExecutedFile => &["file", "sourced"],
            Self::Command | Self::TextArgument => &["command"],
            Self::Pipe
            | Self::SlowPipe
            | Self::Input
            | Self::Socket
            | Self::HereDocument
            | Self::OtherInput => &["stdin"],
            Self::Sourced | Self::SourcedByFile | Self::LongSourced => &["sourced"],
            Self::SourcedInput => &["sourced", "stdin", "eval"],
            Self::Evaluated | Self::Trap | Self::Alias | Self::Decoy | Self::OtherCommand => &["eval"],
            Self::Ps4
            | Self::PaddedPs4
            | Self::BashEnv
            | Self::Env
            | Self::Subscript
            | Self::PromptExpansion
            | Self::Function => &["eval", "environment"],
        }
    }
}

/// Options of a family that change nothing of where its script comes from.
const OPTIONS: [(&str, &[&str]); 7] = [
    (
        "bash",
        &[
            "-u",
            "+x",
            "-o nounset",
            "-norc",
            "--norc",
            "-noprofile",
            "--posix",
            "-posix",
            "-O extglob",
            "-login",
            "-eo pipefail",
            "+ -u",
        ],
    ),
    ("dash", &["-u", "+x", "-o nounset", "+", "-e +e", "-b"]),
    ("busybox", &["-u", "+x", "-o nounset", "+", "--login", "-e +e"]),
    ("zsh", &["-u", "+x", "-o nounset", "--no-rcs", "-onounset", "--emulate ksh"]),
    ("ksh93", &["-u", "+x", "-o nounset", "-onounset", "--nounset"]),
    ("mksh", &["-u", "+x", "-o nounset", "-onounset"]),
    ("yash", &["-u", "+x", "-o nounset", "-onounset", "--nounset", "--norcfile"]),
];

/// An attempt's parts.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) shell: Shell,
    pub(crate) carrier: Carrier,
    pub(crate) delivery: Delivery,
    pub(crate) options: Vec<&'static str>,
}

impl Choice {
    /// A choice at random.
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut pick = |n: usize| random.below(n as u64) as usize;
        let shell = SHELLS[pick(SHELLS.len())].clone();
        let carrier = if pick(2) == 0 { Carrier::Plain } else { Carrier::ALL[pick(Carrier::ALL.len())] };
        let delivery = Delivery::ALL[pick(Delivery::ALL.len())];
        let of_family =
            OPTIONS.iter().find(|(family, _)| *family == shell.family).map_or(&[][..], |(_, o)| o);
        let mut options = Vec::new();
        for _ in 0..pick(3) {
            options.extend(of_family.get(pick(of_family.len().max(1))));
        }
        // bash takes its long options first only.
        options.sort_by_key(|option: &&str| {
            !(shell.family == "bash" && option.len() > 3 && !option.contains(' '))
        });
        Self { shell, carrier, delivery, options }
    }

    /// Every delivery to every shell called by its path, and every other way to call it for the simplest deliveries.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for shell in SHELLS.iter() {
            let choice =
                |carrier, delivery| Self { shell: shell.clone(), carrier, delivery, options: Vec::new() };
            all.extend(Delivery::ALL.map(|delivery| choice(Carrier::Plain, delivery)));
            for delivery in [Delivery::Command, Delivery::File, Delivery::Pipe] {
                all.extend(Carrier::ALL.map(|carrier| choice(carrier, delivery)));
            }
        }
        all.retain(Self::fits);
        all
    }

    /// The origins that a capture of it may have. Of a binary that is gone before it is looked at nobody knows how it reads.
    pub(crate) fn origins(&self) -> &'static [&'static str] {
        match self.carrier {
            Carrier::Unlinked | Carrier::Memfd => {
                &["file", "command", "stdin", "sourced", "eval", "environment"]
            }
            _ => self.delivery.origins(),
        }
    }

    /// Is there such an attempt?
    pub(crate) fn fits(&self) -> bool {
        // ksh93 sources on descriptors where others read data; when it is gone it is taken for any shell.
        let is_gone = matches!(self.carrier, Carrier::Unlinked | Carrier::Memfd);
        let sources =
            matches!(self.delivery, Delivery::Sourced | Delivery::SourcedByFile | Delivery::LongSourced);
        self.carrier.fits(&self.shell)
            && self.delivery.fits(&self.shell)
            && !(is_gone && sources && self.shell.family == "ksh93")
    }

    /// Simpler ones, the simplest first.
    pub(crate) fn simpler(&self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.carrier != Carrier::Plain {
            all.push(Self { carrier: Carrier::Plain, options: Vec::new(), ..self.clone() });
            all.push(Self { carrier: Carrier::Plain, ..self.clone() });
        }
        if self.delivery != Delivery::Command {
            all.push(Self { delivery: Delivery::Command, ..self.clone() });
        }
        for at in 0..self.options.len() {
            let mut options = self.options.clone();
            options.remove(at);
            all.push(Self { options, ..self.clone() });
        }
        all
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?} {}", self.shell.name, self.carrier, self.delivery, self.options.join(" "))
    }
}
