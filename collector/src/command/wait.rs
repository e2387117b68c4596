//! `collector wait`.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::bail;
use store::{Search, Store};

use super::{Format, row};

/// How often the store is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Waits for a finding that fits, and prints it. An error when there is none in time.
pub fn run(
    path: &Path,
    search: &Search,
    timeout: Duration,
    format: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let store = Store::open_for_reading(path)?;
    loop {
        if let Some(stored) = store.search(search, 1)?.first() {
            return row::print(stored, format, out);
        }
        if begun.elapsed() > timeout {
            bail!(
                "no such finding came within {timeout:?}: `collector nodes` says which sensors were heard of, and docs/troubleshooting.md where to look"
            );
        }
        std::thread::sleep(POLL);
    }
}
