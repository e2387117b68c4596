//! `collector list`.

use std::io::Write;

use comfy_table::{Table, presets};

use super::{
    Format,
    summary::{COLUMNS, Summary},
};
use crate::store::Store;

/// Prints the newest findings, newest first.
pub fn run(store: &Store, limit: u32, format: Format, out: &mut dyn Write) -> anyhow::Result<()> {
    let findings = store.newest(limit)?;
    match format {
        Format::Json => {
            for stored in findings {
                serde_json::to_writer(&mut *out, &stored.finding)?;
                writeln!(out)?;
            }
        }
        Format::Table => {
            let mut table = Table::new();
            table.load_preset(presets::NOTHING).set_header(COLUMNS);
            for stored in findings {
                table.add_row(Summary::of(&stored.finding, &stored.node).cells());
            }
            writeln!(out, "{}", table.trim_fmt())?;
        }
    }
    Ok(())
}
