//! `sensor score`: scores scripts from JSON Lines files, one JSON line each, in order.

use std::{io::Write, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::lines;
use crate::verdict::Judge;

/// What a line must have.
#[derive(Deserialize)]
struct Script {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(deserialize_with = "crate::record::bytes::deserialize")]
    content: Vec<u8>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a serde_json::Value,
    sha256: String,
    score: f32,
    malicious: bool,
    techniques: Vec<&'static str>,
}

/// Scores every script of `files` onto `out`; returns how many lines were bad. Bad lines are told on stderr.
pub fn run(judge: &mut Judge, files: &[PathBuf], json: bool, out: &mut dyn Write) -> anyhow::Result<usize> {
    if !json {
        writeln!(out, "{:>6}  {:9}  {:64}  ID", "SCORE", "VERDICT", "SHA256")?;
    }
    lines::good(files, |script| print(judge, &script, json, out))
}

fn print(judge: &mut Judge, script: &Script, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let verdict = judge.judge(&script.content)?;
    let sha256 = verdict.hash.to_string();
    let by_hash = serde_json::Value::String(sha256.clone());
    let id = script.id.as_ref().unwrap_or(&by_hash);
    if json {
        let line = Line {
            id,
            sha256,
            score: verdict.score,
            malicious: verdict.malicious,
            techniques: verdict.technique_ids(),
        };
        serde_json::to_writer(&mut *out, &line)?;
        writeln!(out)?;
    } else {
        let name = if verdict.malicious { "malicious" } else { "benign" };
        writeln!(out, "{:6.4}  {name:9}  {sha256}  {id}", verdict.score)?;
    }
    Ok(())
}
