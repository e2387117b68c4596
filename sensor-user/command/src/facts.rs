//! `sensor facts`: what scripts do, a JSON line each, for the trainer and for whoever wants to know why.

use std::{io::Write, path::PathBuf};

use serde::Serialize;

use behaviour::{Behaviour, Fact, Leaning, STYLE};
use record::Lines;

use crate::script_line::ScriptLine;

#[derive(Serialize)]
struct Line {
    id: serde_json::Value,
    facts: Vec<FactLine>,
    style: [f32; STYLE.len()],
}

#[derive(Serialize)]
struct FactLine {
    fact: &'static str,
    at: u32,
    about: String,
}

/// Names of the facts and of the numbers of style, in the order of the second opinion's inputs.
#[derive(Serialize)]
struct Names {
    facts: Vec<&'static str>,
    /// Those that only attackers set off.
    attacks: Vec<&'static str>,
    /// Those that administrators set off, too, now and then.
    suspicious: Vec<&'static str>,
    style: [&'static str; STYLE.len()],
}

/// Writes the names of all facts.
pub fn names(out: &mut dyn Write) -> anyhow::Result<()> {
    let facts = Fact::ALL.iter().map(|fact| fact.id()).collect();
    let of =
        |leaning| Fact::ALL.iter().filter(|fact| fact.leaning() == leaning).map(|fact| fact.id()).collect();
    let (attacks, suspicious) = (of(Leaning::Attack), of(Leaning::Suspicious));
    serde_json::to_writer(&mut *out, &Names { facts, attacks, suspicious, style: STYLE })?;
    writeln!(out)?;
    Ok(())
}

/// Writes what every script of `files` does. A bad line is an error: ids and labels must match.
pub fn run(files: &[PathBuf], out: &mut dyn Write) -> anyhow::Result<()> {
    for file in files {
        for script in Lines::open(file)?.parsed::<ScriptLine>() {
            let script = script?;
            let behaviour = Behaviour::of(&script.content);
            let fact = |evidence: &behaviour::Evidence| FactLine {
                fact: evidence.fact.id(),
                at: evidence.at,
                about: String::from_utf8_lossy(&evidence.about).into_owned(),
            };
            let line = Line {
                id: script.id.unwrap_or_default(),
                facts: behaviour.evidence.iter().map(fact).collect(),
                style: behaviour.style,
            };
            serde_json::to_writer(&mut *out, &line)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    Ok(())
}
