//! `collector wait`.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::bail;
use store::{Search, Store, Summary};

use super::{Format, row::cells};

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
            match format {
                Format::Json => {
                    serde_json::to_writer(&mut *out, &stored.finding)?;
                    writeln!(out)?;
                }
                Format::Table => {
                    writeln!(out, "{}", cells(&Summary::of(&stored.finding, &stored.node)).join("  "))?;
                }
            }
            return Ok(());
        }
        if begun.elapsed() > timeout {
            bail!(
                "no such finding came within {timeout:?}: `collector nodes` says which sensors were heard of, and docs/troubleshooting.md where to look"
            );
        }
        std::thread::sleep(POLL);
    }
}
