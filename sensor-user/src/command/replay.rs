//! `sensor replay`: recorded captures through the same code as the daemon's, from verdict to finding.

use std::{io::Write, path::PathBuf};

use super::lines;
use crate::{
    finding::{Evidence, build},
    identity::Node,
    script::Capture,
    verdict::{Judge, Verdict},
};

/// Replays files onto `out`: a table, or findings as JSON Lines. Returns how many lines were bad.
pub fn run(
    judge: &mut Judge,
    node: &Node,
    files: &[PathBuf],
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<usize> {
    if !json {
        writeln!(
            out,
            "{:9}  {:>6}  {:8}  {:>8}  {:12}  {:24}  SOURCE",
            "VERDICT", "SCORE", "ORIGIN", "BYTES", "SHA256", "TECHNIQUES"
        )?;
    }
    lines::good(files, |capture| one(judge, node, &capture, json, out))
}

fn one(
    judge: &mut Judge,
    node: &Node,
    capture: &Capture,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let verdict = judge.judge(&capture.content)?;
    if !json {
        return Ok(row(capture, &verdict, out)?);
    }
    if verdict.malicious {
        let now_unix_ns = capture.time_unix_ns;
        let finding = build(&Evidence { capture, verdict: &verdict, node, parent: None, now_unix_ns });
        serde_json::to_writer(&mut *out, &finding)?;
        writeln!(out)?;
    }
    Ok(())
}

fn row(capture: &Capture, verdict: &Verdict, out: &mut dyn Write) -> std::io::Result<()> {
    let source = match &capture.path {
        Some(path) => String::from_utf8_lossy(path).into_owned(),
        None => capture.args.iter().map(|a| String::from_utf8_lossy(a)).collect::<Vec<_>>().join(" "),
    };
    // A name may hold anything; a terminal must not see it.
    let source: String = source.escape_debug().take(60).collect();
    let hash = verdict.hash.to_string();
    writeln!(
        out,
        "{:9}  {:6.4}  {:8}  {:>8}  {}  {:24}  {source}",
        if verdict.malicious { "malicious" } else { "benign" },
        verdict.score,
        capture.origin.name(),
        capture.size,
        &hash[..12],
        verdict.technique_ids().join(","),
    )
}
