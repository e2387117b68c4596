//! Processor architectures, and what others call them.

/// One that images are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    /// `x86_64`.
    Amd64,
    /// `aarch64`.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// This machine's.
    pub(crate) const fn here() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::Amd64 }
    }

    /// Does this machine run its programs?
    pub(crate) fn is_here(self) -> bool {
        self == Self::here()
    }

    /// The name that images and Debian use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The name that Rust, Python's wheels and qemu use.
    pub(crate) fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Rust's target.
    pub(crate) fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.machine())
    }

    /// GNU's name of it, which begins the names of compilers and the directories of libraries.
    pub(crate) fn gnu(self) -> String {
        format!("{}-linux-gnu", self.machine())
    }

    /// A tool of binutils or a compiler for it.
    pub(crate) fn tool(self, name: &str) -> String {
        if self.is_here() { name.to_owned() } else { format!("{}-{name}", self.gnu()) }
    }
}
