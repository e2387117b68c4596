//! Things that count only together.

use std::collections::{HashMap, HashSet};

/// Things that count only together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) commands: usize,
    pub(crate) discoveries: HashSet<&'static str>,
    pub(crate) discovery_commands: usize,
    pub(crate) fetchers: HashMap<Vec<u8>, HashSet<Vec<u8>>>,
    /// Where what was fetched was run.
    pub(crate) fetched_runs: HashSet<usize>,
    pub(crate) secrets: HashSet<u8>,
    pub(crate) logs: HashSet<Vec<u8>>,
    /// Logs that were read but for some lines.
    pub(crate) logs_filtered: HashSet<Vec<u8>>,
    pub(crate) stops: HashSet<Vec<u8>>,
    pub(crate) rivals: HashSet<Vec<u8>>,
    pub(crate) assembled: usize,
    pub(crate) prints: usize,
    pub(crate) logins: usize,
    /// The directory of SSH keys was removed.
    pub(crate) keys_removed: bool,
    /// What was looked for among processes last.
    pub(crate) sought: Vec<u8>,
}
