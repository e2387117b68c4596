//! What a script does: its statements are read, its variables followed to their values, its functions called, and what comes of
//! it is a set of facts, each with a sentence and the place in the script that it rests on.
//!
//! Nothing is executed. Time and memory are bounded whatever the text is.

mod accounts;
mod archive;
mod code;
mod commands;
mod compound;
mod containers;
mod evasion;
mod expansion;
mod fact;
mod files;
mod filter;
mod host;
mod http;
mod impact;
mod interpreter;
mod network;
mod place;
mod reader;
mod reading;
mod redirection;
mod remote;
mod removal;
mod run;
mod style;
mod syntax;
mod tally;
mod value;
mod words;
mod wrapper;
mod writing;

use std::time::Duration;

pub use fact::{Fact, Leaning};

/// The longest text that is followed, in bytes: what is longer is followed up to there.
pub const TEXT_MAX: usize = 128 * 1024;

/// A fact, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The fact.
    pub fact: Fact,
    /// The first place in the text where it was seen: a byte's number.
    pub at: u32,
    /// What it is about: a path, a host, a name; may be empty. Hostile text, [`ABOUT_MAX`] bytes at most.
    pub about: Vec<u8>,
}

/// The longest [`Evidence::about`], in bytes.
pub const ABOUT_MAX: usize = 120;

/// What a script does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Behaviour {
    /// The facts in the order in which they were seen, each of them once.
    pub evidence: Vec<Evidence>,
    /// How the script is written: see [`STYLE`].
    pub style: [f32; STYLE.len()],
}

/// Names of the values of [`Behaviour::style`], each of them between 0 and about 4.
pub const STYLE: [&str; 12] = style::NAMES;

impl Behaviour {
    /// What a text does, however long it takes to find out: some milliseconds, or some tens of them for hostile texts.
    pub fn of(text: &[u8]) -> Self {
        run::follow(text, None).0
    }

    /// What a text does, as far as the calling thread finds out within so much processor time, and whether that was enough. Who loads
    /// the machine takes nothing of it.
    pub fn within(text: &[u8], time: Duration) -> (Self, bool) {
        run::follow(text, Some(time))
    }

    /// Is a fact among them?
    pub fn has(&self, fact: Fact) -> bool {
        self.evidence.iter().any(|evidence| evidence.fact == fact)
    }
}
