//! The shells that every capture test runs: those of `shells.txt`.

use std::sync::LazyLock;

/// A shell.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The name of its profile, as captures have it (`interpreter.kind`).
    pub family: &'static str,
    /// Tells it from the other builds of its family.
    pub name: &'static str,
    /// The program.
    pub program: &'static str,
    /// Arguments before a script's.
    pub first: Vec<&'static str>,
}

/// All of them.
///
/// # Panics
/// When a line of the list is too short.
pub static SHELLS: LazyLock<Vec<Shell>> = LazyLock::new(|| {
    let lines = include_str!("../shells.txt").lines().filter(|line| !line.starts_with('#'));
    let shell = |line: &'static str| {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or_else(|| panic!("shells.txt: {line:?} is too short"));
        let (family, name, program, _package) = (next(), next(), next(), next());
        Shell { family, name, program, first: words.collect() }
    };
    lines.map(shell).collect()
});

impl Shell {
    /// The arguments of a call.
    pub fn with<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&self.first, more].concat()
    }

    /// A `#!` line that calls it.
    pub fn shebang(&self) -> String {
        format!("#!{} {}", self.program, self.first.join(" ")).trim_end().to_owned()
    }
}
