//! A finding as a row of a table.

use std::io::Write;

use store::{Stored, Summary};
use terminal::field;

use super::Format;

/// Names of the columns.
pub(crate) const COLUMNS: [&str; 9] =
    ["TIME (UTC)", "SEVERITY", "SCORE", "NODE", "POD", "ORIGIN", "SCRIPT", "RESPONSE", "ID"];

/// The cells of a finding's row, as a terminal may show them.
pub(crate) fn cells(summary: &Summary) -> [String; 9] {
    let or_none = |text: &str, most| if text.is_empty() { "-".to_owned() } else { field(text, most) };
    [
        summary.time.clone(),
        summary.severity.to_owned(),
        summary.score.clone(),
        field(&summary.node, 40),
        or_none(&summary.pod, 50),
        field(&summary.origin, 12),
        field(&summary.script, 60),
        or_none(&summary.response, 16),
        field(&summary.id, 32),
    ]
}

/// Prints a finding in a line.
pub(crate) fn print(stored: &Stored, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer(&mut *out, &stored.finding)?;
            writeln!(out)?;
        }
        Format::Table => {
            writeln!(out, "{}", cells(&Summary::of(&stored.finding, &stored.node)).join("  "))?;
        }
    }
    Ok(())
}
