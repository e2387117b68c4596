//! `collector nodes`.

use std::io::Write;

use comfy_table::{Table, presets};
use jiff::SignedDuration;
use serde::Serialize;
use store::{State, Store, View};
use terminal::field;

use super::Format;

/// A sensor in JSON.
#[derive(Serialize)]
struct Row<'a> {
    node: &'a str,
    state: State,
    version: &'a str,
    seen_seconds_ago: u64,
    waiting_findings: u64,
    oldest_waiting_seconds: u64,
    impairments: &'a [String],
    stored_findings: u64,
}

/// Prints the sensors that were heard of lately and are in one of these states (none given: in any), the worst first.
pub fn run(
    store: &Store,
    states: &[State],
    view: View<'_>,
    format: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut sensors = store.sensors()?;
    sensors.retain(|sensor| states.is_empty() || states.iter().any(|state| sensor.is(*state, view)));
    sensors.sort_by_cached_key(|sensor| sensor.state(view));
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header([
        "NODE",
        "STATE",
        "VERSION",
        "SEEN",
        "WAITING",
        "OLDEST",
        "STORED",
        "IMPAIRMENTS",
    ]);
    for sensor in &sensors {
        let (word, state) = (&sensor.word, sensor.state(view));
        let health = word.health.clone().unwrap_or_default();
        let seen = view.now_ns.saturating_sub(word.seen_ns).max(0).unsigned_abs() / 1_000_000_000;
        match format {
            Format::Json => {
                let row = Row {
                    node: &word.node,
                    state,
                    version: &word.version,
                    seen_seconds_ago: seen,
                    waiting_findings: health.waiting,
                    oldest_waiting_seconds: health.oldest_seconds,
                    impairments: &health.impairments,
                    stored_findings: sensor.findings,
                };
                serde_json::to_writer(&mut *out, &row)?;
                writeln!(out)?;
            }
            Format::Table => {
                let age = |seconds: u64| {
                    format!("{:#}", SignedDuration::from_secs(seconds.min(u64::from(u32::MAX)).cast_signed()))
                };
                let oldest = if health.waiting == 0 { "-".to_owned() } else { age(health.oldest_seconds) };
                table.add_row([
                    field(&word.node, 40),
                    state.name().to_owned(),
                    field(&word.version, 16),
                    format!("{} ago", age(seen)),
                    health.waiting.to_string(),
                    oldest,
                    sensor.findings.to_string(),
                    field(&health.impairments.join(" "), 80),
                ]);
            }
        }
    }
    if format == Format::Table {
        writeln!(out, "{}", table.trim_fmt())?;
    }
    out.flush()?;
    Ok(())
}
