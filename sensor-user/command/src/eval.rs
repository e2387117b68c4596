//! `sensor eval`: how well a model tells labelled scripts apart, and what another would have said.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::pool;
use verdict::Judge;

/// Shares of benign scripts flagged at which the share of malicious ones found is given.
const RATES: [f64; 3] = [0.01, 0.001, 0.0001];
/// Flips listed in the table; JSON lists all.
const LISTED: usize = 40;

/// A model to be measured.
pub struct Contestant {
    /// Its file.
    pub path: PathBuf,
    /// Judges with it, one a thread.
    pub judges: Vec<Judge>,
}

/// A labelled script, as training corpora have them.
#[derive(Deserialize)]
struct Script {
    #[serde(default)]
    id: Option<serde_json::Value>,
    #[serde(deserialize_with = "script::byte_string::deserialize")]
    content: Vec<u8>,
    label: String,
    #[serde(default)]
    source: String,
}

struct Scored {
    id: String,
    label: String,
    source: String,
    scores: [Option<Judged>; 2],
}

#[derive(Clone, Copy)]
struct Judged {
    score: f32,
    malicious: bool,
}

/// What one model reaches.
#[derive(Debug, Serialize, PartialEq)]
struct Metrics {
    model: PathBuf,
    malicious: usize,
    benign: usize,
    /// At the operating point in force.
    found: usize,
    false_alarms: usize,
    /// Area under the ROC curve.
    auc: f64,
    at: Vec<AtRate>,
}

/// The best that a threshold can do that flags at most this share of the benign scripts.
#[derive(Debug, Serialize, PartialEq)]
struct AtRate {
    false_alarm_rate: f64,
    threshold: f32,
    found_share: f64,
}

#[derive(Serialize)]
struct Flip<'a> {
    id: &'a str,
    label: &'a str,
    source: &'a str,
    score: f32,
    baseline: f32,
    now: &'static str,
}

/// Evaluates a model, and another beside it. Returns how many lines were bad.
pub fn run(
    model: Contestant,
    baseline: Option<Contestant>,
    files: &[PathBuf],
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<usize> {
    let mut paths = vec![model.path];
    let mut others: Vec<Option<Judge>> = Vec::new();
    if let Some(baseline) = baseline {
        paths.push(baseline.path);
        others = baseline.judges.into_iter().map(Some).collect();
    }
    others.resize_with(model.judges.len(), || None);
    let workers: Vec<(Judge, Option<Judge>)> = model.judges.into_iter().zip(others).collect();
    let mut scored = Vec::new();
    let bad = pool::over_lines(files, workers, score, |one| {
        scored.push(one);
        Ok(())
    })?;
    let metrics: Vec<Metrics> = paths.iter().enumerate().map(|(i, path)| measure(path, i, &scored)).collect();
    let flips = flips(&scored);
    if json {
        serde_json::to_writer(&mut *out, &serde_json::json!({ "models": metrics, "flips": flips }))?;
        writeln!(out)?;
    } else {
        show(&metrics, &flips, out)?;
    }
    Ok(bad)
}

fn score(judges: &mut (Judge, Option<Judge>), script: Script) -> anyhow::Result<Scored> {
    let ask = |judge: &mut Judge| -> anyhow::Result<Judged> {
        let verdict = judge.judge(&script.content, false)?;
        Ok(Judged { score: verdict.score, malicious: verdict.malicious })
    };
    let first = ask(&mut judges.0)?;
    let second = judges.1.as_mut().map(ask).transpose()?;
    let id = match &script.id {
        Some(serde_json::Value::String(id)) => id.clone(),
        Some(other) => other.to_string(),
        None => verdict::ScriptHash::of(&script.content).to_string(),
    };
    Ok(Scored { id, label: script.label, source: script.source, scores: [Some(first), second] })
}

fn measure(path: &Path, model: usize, scored: &[Scored]) -> Metrics {
    let of = |label: &str| -> Vec<Judged> {
        scored.iter().filter(|s| s.label == label).filter_map(|s| s.scores[model]).collect()
    };
    let (malicious, benign) = (of("malicious"), of("benign"));
    let mut harmless: Vec<f32> = benign.iter().map(|j| j.score).collect();
    harmless.sort_by(|a, b| b.total_cmp(a));
    let at = RATES
        .iter()
        .map(|&rate| {
            // What scores above the first benign script that must not be flagged.
            let allowed = (rate * harmless.len() as f64).floor() as usize;
            let threshold = harmless.get(allowed).copied().unwrap_or(0.0);
            let found = malicious.iter().filter(|j| j.score > threshold).count();
            AtRate {
                false_alarm_rate: rate,
                threshold,
                found_share: found as f64 / malicious.len().max(1) as f64,
            }
        })
        .collect();
    Metrics {
        model: path.to_owned(),
        malicious: malicious.len(),
        benign: benign.len(),
        found: malicious.iter().filter(|j| j.malicious).count(),
        false_alarms: benign.iter().filter(|j| j.malicious).count(),
        auc: area(&malicious, &harmless),
        at,
    }
}

/// The share of pairs of a malicious and a benign script that are in the right order; `harmless` is sorted downwards.
fn area(malicious: &[Judged], harmless: &[f32]) -> f64 {
    if malicious.is_empty() || harmless.is_empty() {
        return f64::NAN;
    }
    let right: f64 = malicious
        .iter()
        .map(|j| {
            let above = harmless.partition_point(|h| *h > j.score);
            let not_below = harmless.partition_point(|h| *h >= j.score);
            (harmless.len() - not_below) as f64 + (not_below - above) as f64 / 2.0
        })
        .sum();
    right / (malicious.len() * harmless.len()) as f64
}

fn flips(scored: &[Scored]) -> Vec<Flip<'_>> {
    scored
        .iter()
        .filter_map(|s| {
            let [Some(first), Some(second)] = s.scores else { return None };
            (first.malicious != second.malicious).then(|| Flip {
                id: &s.id,
                label: &s.label,
                source: &s.source,
                score: first.score,
                baseline: second.score,
                now: if first.malicious { "malicious" } else { "benign" },
            })
        })
        .collect()
}

fn show(metrics: &[Metrics], flips: &[Flip<'_>], out: &mut dyn Write) -> std::io::Result<()> {
    for m in metrics {
        writeln!(out, "{}", m.model.display())?;
        writeln!(
            out,
            "  {} malicious and {} benign scripts; area under ROC {:.5}",
            m.malicious, m.benign, m.auc
        )?;
        writeln!(
            out,
            "  at the operating point: {} of {} found ({:.1} %), {} of {} false alarms ({:.3} %)",
            m.found,
            m.malicious,
            100.0 * m.found as f64 / m.malicious.max(1) as f64,
            m.false_alarms,
            m.benign,
            100.0 * m.false_alarms as f64 / m.benign.max(1) as f64,
        )?;
        for at in &m.at {
            writeln!(
                out,
                "  at {:>5} % false alarms: {:.1} % found (threshold {:.4})",
                100.0 * at.false_alarm_rate,
                100.0 * at.found_share,
                at.threshold
            )?;
        }
    }
    if metrics.len() > 1 {
        let count =
            |label: &str, now: &str| flips.iter().filter(|f| f.label == label && f.now == now).count();
        writeln!(
            out,
            "{} flips: malicious {} gained, {} lost; benign {} flagged anew, {} cleared",
            flips.len(),
            count("malicious", "malicious"),
            count("malicious", "benign"),
            count("benign", "malicious"),
            count("benign", "benign"),
        )?;
        for flip in flips.iter().take(LISTED) {
            writeln!(
                out,
                "  {:9} {:9} {:.4} (was {:.4})  {}  {}",
                terminal::field(flip.label, 9),
                flip.now,
                flip.score,
                flip.baseline,
                terminal::field(flip.id, 60),
                terminal::field(flip.source, 60)
            )?;
        }
        if flips.len() > LISTED {
            writeln!(out, "  … and {} more; --format json lists all", flips.len() - LISTED)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(label: &str, score: f32, against: f32) -> Scored {
        let judged = |score| Some(Judged { score, malicious: score >= 0.5 });
        Scored {
            id: String::new(),
            label: label.to_owned(),
            source: String::new(),
            scores: [judged(score), judged(against)],
        }
    }

    #[test]
    fn figures_are_those_one_counts_by_hand() {
        let mut all: Vec<Scored> =
            (0..1000u16).map(|i| scored("benign", f32::from(i) / 2000.0, 0.6)).collect();
        all.extend([0.6, 0.4991, 0.4, 0.0].map(|s| scored("malicious", s, s)));
        let m = measure(Path::new("m"), 0, &all);
        assert_eq!((m.malicious, m.benign, m.found, m.false_alarms), (4, 1000, 1, 0));
        // One benign script in a thousand scores 0.4995, ten score 0.495 and more.
        let found: Vec<f64> = m.at.iter().map(|a| a.found_share).collect();
        assert_eq!(found, [0.5, 0.5, 0.25]);
        let by_hand = (1000.0 + 999.0 + 800.5 + 0.5) / 4000.0;
        assert!((m.auc - by_hand).abs() < 1e-9, "{}", m.auc);
        let flips = flips(&all);
        assert_eq!(flips.len(), 1000);
        assert!(flips.iter().all(|f| f.label == "benign" && f.now == "benign"));
    }
}
