//! From events to scripts: who runs, how it was called, and what it has read so far.
//!
//! Knows nothing of the kernel's maps, of models or of findings. Its product is the [`Capture`].

mod assembler;
mod capture;
mod content;
mod image;
mod invocation;
mod keystrokes;

pub use assembler::{Assembler, AssemblerCounts, Limits};
pub use capture::{Capture, Interpreter, Origin, Output, ScriptFlags, ScriptId};
pub use content::Content;
pub use invocation::{Invocation, Mode};
