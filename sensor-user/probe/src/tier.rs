//! The two ways to see a shell's reads.

use std::{fmt, str::FromStr};

/// How reads are captured. Both give the same events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// `fexit` on the syscall's function: costs nothing to other syscalls; needs a kernel that allows tracing programs.
    Fexit,
    /// The syscall's exit tracepoint: works wherever BPF does.
    Tracepoint,
}

impl Tier {
    /// Best first: the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::Fexit, Self::Tracepoint];
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fexit => "fexit",
            Self::Tracepoint => "tracepoint",
        })
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.to_string() == s)
            .ok_or_else(|| format!("unknown tier {s:?}: use fexit or tracepoint"))
    }
}
