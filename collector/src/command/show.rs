//! `collector show`.

use std::io::Write;

use anyhow::bail;

use proto::{scc::Finding, well_known::value::Kind};
use store::{Store, Summary};
use terminal::{field as plain, source_line};

use super::Format;

/// Longest piece of text shown in one line.
const TEXT_MAX: usize = 400;

/// What the sensor did about it, and what had run by then; empty when responses are off.
fn response(finding: &Finding) -> String {
    let property = |key: &str| match finding.source_properties.get(key).and_then(|v| v.kind.as_ref()) {
        Some(Kind::StringValue(text)) => text.clone(),
        Some(Kind::NumberValue(number)) => format!("{number:.1}"),
        _ => String::new(),
    };
    let action = property("Response_Action");
    if action.is_empty() {
        return action;
    }
    let held = property("Response_Held_Ms");
    let held = if held.is_empty() { held } else { format!(", held {held} ms") };
    format!("{action}; ran before: {}{held}", property("Response_Ran_Before"))
}

/// Prints one finding in full.
pub fn run(
    store: &Store,
    name: &str,
    node: Option<&str>,
    format: Format,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let Some(stored) = store.find(name, node)? else {
        bail!("no finding named {name:?}: `collector list` shows the ids there are");
    };
    let finding = &stored.finding;
    if format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, finding)?;
        writeln!(out)?;
        return Ok(());
    }
    let summary = Summary::of(finding, &stored.node);
    writeln!(out, "{}  {}  score {}", plain(&finding.category, TEXT_MAX), summary.severity, summary.score)?;
    writeln!(out, "{}", plain(&finding.description, TEXT_MAX * 2))?;
    writeln!(out)?;
    let mut field = |name: &str, value: &str| -> std::io::Result<()> {
        if value.is_empty() { Ok(()) } else { writeln!(out, "{name:12} {}", plain(value, TEXT_MAX)) }
    };
    field("name", &finding.name)?;
    field("time", &summary.time)?;
    field("node", &stored.node)?;
    field("resource", &finding.resource_name)?;
    for process in &finding.processes {
        field(
            "process",
            &format!(
                "{} (pid {}, parent {}, user {})",
                process.name, process.pid, process.parent_pid, process.user_id
            ),
        )?;
        field("  binary", process.binary.as_ref().map_or("", |b| &b.path))?;
        field("  args", &process.args.join(" "))?;
    }
    let script = finding.processes.first().and_then(|p| p.script.as_ref());
    if let Some(script) = script {
        field("script", &script.path)?;
        field("  sha256", &script.sha256)?;
        field("  size", &format!("{} bytes, {} kept", script.size, script.hashed_size))?;
    }
    field("response", &response(finding))?;
    field("virustotal", &finding.external_uri)?;
    if let Some(indicator) = &finding.indicator {
        field("addresses", &indicator.ip_addresses.join(" "))?;
        field("domains", &indicator.domains.join(" "))?;
        field("uris", &indicator.uris.join(" "))?;
    }
    field("next steps", &finding.next_steps)?;
    if let Some(script) = script {
        writeln!(out)?;
        for (number, line) in script.contents.lines().enumerate() {
            writeln!(out, "{:>6}  {}", number + 1, source_line(line.as_bytes(), TEXT_MAX))?;
        }
    }
    Ok(())
}
