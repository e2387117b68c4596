//! From events to scripts: which shells run, how each was called, and what it has read so far.
//!
//! The product is the [`Capture`]. This crate knows nothing of BPF maps, models or findings: they are not among its
//! dependencies.

mod assembler;
mod budget;
pub mod byte_string;
mod capture;
mod containment;
mod content;
mod environment;
mod keystrokes;
#[cfg(feature = "sample")]
mod sample;
mod script;
mod shell_process;
mod text;
mod unseen;

pub use assembler::{Assembler, AssemblerCounts, Classified, Classify, Limits};
pub use capture::{
    Capture, Forks, HeldShell, Interpreter, Joined, Origin, Output, ScriptFlags, ScriptId, Unseen, Writer,
};
pub use content::Content;
#[cfg(feature = "sample")]
pub use sample::sample;
pub use text::ScriptText;
