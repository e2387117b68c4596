//! `sensor score`: scores scripts from JSON Lines files, one JSON line each, in order.

use std::{io::Write, path::PathBuf};

use serde::Serialize;

use crate::{pool, script_line::ScriptLine};
use verdict::{Judge, Reason, Span};

#[derive(Serialize)]
struct Line {
    id: serde_json::Value,
    sha256: String,
    score: f32,
    malicious: bool,
    techniques: Vec<&'static str>,
    /// What carried the verdict; only of malicious scripts.
    spans: Vec<Span>,
    /// What it does; only of malicious scripts.
    reasons: Vec<ReasonLine>,
}

#[derive(Serialize)]
struct ReasonLine {
    fact: &'static str,
    does: &'static str,
    line: u32,
    about: String,
    weight: f32,
}

/// Scores every script of `files` onto `out`; returns how many lines were bad. Bad lines are told on stderr.
pub fn run(judges: Vec<Judge>, files: &[PathBuf], json: bool, out: &mut dyn Write) -> anyhow::Result<usize> {
    if !json {
        writeln!(out, "{:>6}  {:9}  {:64}  ID", "SCORE", "VERDICT", "SHA256")?;
    }
    pool::over_lines(files, judges, score, |line| print(&line, json, out))
}

fn score(judge: &mut Judge, script: ScriptLine) -> anyhow::Result<Line> {
    let verdict = judge.judge(&script.content, script.flags.evaluates_unseen)?;
    let sha256 = verdict.hash.to_string();
    Ok(Line {
        id: script.id.unwrap_or_else(|| sha256.clone().into()),
        sha256,
        score: verdict.score,
        malicious: verdict.malicious,
        techniques: verdict.technique_ids(),
        spans: verdict.spans,
        reasons: verdict.reasons.iter().map(reason).collect(),
    })
}

fn reason(reason: &Reason) -> ReasonLine {
    ReasonLine {
        fact: reason.fact.id(),
        does: reason.fact.sentence(),
        line: reason.line,
        about: String::from_utf8_lossy(&reason.about).into_owned(),
        weight: reason.weight,
    }
}

fn print(line: &Line, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)?;
    } else {
        let name = if line.malicious { "malicious" } else { "benign" };
        writeln!(out, "{:6.4}  {name:9}  {}  {}", line.score, line.sha256, line.id)?;
    }
    Ok(())
}
