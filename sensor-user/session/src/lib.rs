//! What the shells of one container, or of one ancestry outside of containers, ran within a time, joined to one text: commands that are harmless one by one may be an attack
//! together.
//!
//! Knows nothing of who judges the text, nor of what is made of the verdict.

mod command;
mod pace;
#[allow(clippy::module_inception, reason = "the crate is the room, the file its noun")]
mod session;
mod sessions;

pub use sessions::{Place, Question, Sessions};
