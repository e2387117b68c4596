//! `collector list`.

use std::io::Write;

use comfy_table::{Table, presets};

use store::{Search, Store, Stored, Summary};

use super::{
    Format,
    row::{COLUMNS, cells},
};

/// Prints a page of the findings that fit, newest first. How to get the next goes to stderr.
pub fn run(
    store: &Store,
    search: &Search,
    limit: u32,
    format: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let (findings, more) = store.page(search, limit)?;
    let next = findings.last().filter(|_| more).map(Stored::cursor);
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
                table.add_row(cells(&Summary::of(&stored.finding, &stored.node)));
            }
            writeln!(out, "{}", table.trim_fmt())?;
        }
    }
    out.flush()?;
    if let Some(next) = next {
        eprintln!("more: --page-token {next}");
    }
    Ok(())
}
