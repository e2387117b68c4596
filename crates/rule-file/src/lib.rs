//! Files of rules, in TOML: suppressions, responses and redactions. What is wrong with one is said by file, rule and what is allowed.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a file of rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleFileError {
    /// It cannot be read.
    #[error("{of} {path}: {why}")]
    Read {
        /// What it is a file of.
        of: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        why: std::io::Error,
    },
    /// It is not TOML of the documented form.
    #[error("{of} {path}: {why}")]
    Form {
        /// What it is a file of.
        of: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        why: Box<toml::de::Error>,
    },
    /// A rule makes no sense.
    #[error("{of} {path}: rule {number}: {what}")]
    Rule {
        /// What it is a file of.
        of: &'static str,
        /// The file.
        path: PathBuf,
        /// Which rule, from 1.
        number: usize,
        /// What is wrong, and what is allowed.
        what: String,
    },
}

/// Reads a file and checks its rules. `of` names it in errors; `check` gets each rule as it stands there, with its place from 0.
pub fn load<File: DeserializeOwned, Form, Rule>(
    of: &'static str,
    path: &Path,
    rules: impl FnOnce(File) -> Vec<Form>,
    check: impl Fn(usize, Form) -> Result<Rule, String>,
) -> Result<Vec<Rule>, RuleFileError> {
    let path = || path.to_owned();
    let text =
        std::fs::read_to_string(path()).map_err(|why| RuleFileError::Read { of, path: path(), why })?;
    let file =
        toml::from_str(&text).map_err(|why| RuleFileError::Form { of, path: path(), why: Box::new(why) })?;
    let wrong = |index, what| RuleFileError::Rule { of, path: path(), number: index + 1, what };
    let rules = rules(file).into_iter().enumerate();
    rules.map(|(index, rule)| check(index, rule).map_err(|what| wrong(index, what))).collect()
}
