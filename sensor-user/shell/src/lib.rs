//! What is known of each shell: how its binary is recognised, the grammar of its arguments, which of its reads are
//! script, what can be probed in it, and what it does not tell.
//!
//! One file a family, and [`table::FAMILIES`] lists them. A shell is added by a file, a line in that table, and its name
//! in the end-to-end tests. This crate knows nothing of events, maps or scripts.

mod bash;
mod busybox;
mod dash;
mod executable;
mod family;
mod input_string;
mod invocation;
mod ksh93;
mod loader;
mod mark;
mod mksh;
mod opaque;
mod posix;
mod probe_points;
mod profile;
pub mod recognition;
pub mod table;
mod yash;
mod zsh;

pub use executable::Executable;
pub use family::Family;
pub use invocation::{Invocation, Mode, likely_commands};
pub use loader::{NamedLoader, loaded_program, named_loader};
pub use probe_points::ProbePoints;
pub use profile::{
    Applets, Evaluates, Grammar, LonePlus, Long, LooksLikeOption, Name, Named, Operand, Profile, Reads,
    SourcedReads,
};
pub use table::UnknownFamily;
