//! `sensor replay`: recorded captures through the same code as the daemon's, from verdict to finding; the bench of
//! those who tune the sensor.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{filter::Filter, pool, report::Report, source_text::SourceText};
use crate::{
    finding::{Evidence, build},
    identity::{Container, Identity, Node},
    record::Recorded,
    script::Capture,
    suppression::Suppressions,
    verdict::{Judge, Verdict},
};

/// How results are shown.
#[derive(Clone, Debug, Default)]
pub struct Show {
    /// Findings as JSON Lines, instead of a table.
    pub json: bool,
    /// Malicious scripts with the parts marked that carried the verdict.
    pub explain: bool,
    /// A page for a browser is written here, too.
    pub html: Option<PathBuf>,
    /// Colours.
    pub colour: bool,
}

/// What a worker needs: the judge, and another to compare with.
pub struct Judges {
    /// Judges.
    pub judge: Judge,
    /// What another model would have said.
    pub other: Option<Judge>,
}

/// A capture with what was said of it.
pub(super) struct Replayed {
    pub(super) capture: Capture,
    pub(super) container: Option<Container>,
    pub(super) verdict: Verdict,
    pub(super) other: Option<Verdict>,
    /// Malicious, but kept from being reported.
    pub(super) suppressed: bool,
}

/// Sums over a replay.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) captures: u64,
    pub(super) shown: u64,
    pub(super) malicious: u64,
    pub(super) newly: u64,
    pub(super) no_longer: u64,
    pub(super) suppressed: u64,
}

/// Replays files onto `out`. Returns how many lines were bad.
pub fn run(
    workers: Vec<Judges>,
    node: &Node,
    files: &[PathBuf],
    suppressions: &Suppressions,
    filter: &Filter,
    show: &Show,
    out: &mut dyn Write,
) -> anyhow::Result<usize> {
    let compares = workers.iter().any(|w| w.other.is_some());
    let mut report = show.html.as_deref().map(Report::create).transpose()?;
    let mut sums = Sums::default();
    let progress = progress();
    let start = Instant::now();
    if !show.json {
        head(compares, out)?;
    }
    let now = Timestamp::now();
    let bad = pool::over_lines(files, workers, judge, |mut replayed: Replayed| {
        progress.inc(1);
        sums.captures += 1;
        if !filter.accepts(&replayed) {
            return Ok(());
        }
        let Replayed { capture, verdict, container, .. } = &replayed;
        replayed.suppressed = verdict.malicious
            && suppressions.matching(capture, &verdict.hash, container.as_ref(), now).is_some();
        sums.shown += 1;
        sums.suppressed += u64::from(replayed.suppressed);
        sums.malicious += u64::from(replayed.verdict.malicious);
        if let Some(other) = &replayed.other {
            sums.newly += u64::from(other.malicious && !replayed.verdict.malicious);
            sums.no_longer += u64::from(replayed.verdict.malicious && !other.malicious);
        }
        if let Some(report) = &mut report {
            report.add(&replayed)?;
        }
        one(node, &replayed, show, out)
    })?;
    progress.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    if let Some(report) = report {
        report.finish(&sums)?;
    }
    eprintln!(
        "{} captures in {seconds:.1} s ({:.0}/s), {} shown, {} malicious, {} of them suppressed{}",
        sums.captures,
        sums.captures as f64 / seconds.max(1e-9),
        sums.shown,
        sums.malicious,
        sums.suppressed,
        if compares {
            format!("; the other model: {} more, {} no longer", sums.newly, sums.no_longer)
        } else {
            String::new()
        }
    );
    Ok(bad)
}

fn judge(judges: &mut Judges, recorded: Recorded) -> anyhow::Result<Replayed> {
    let Recorded { capture, container } = recorded;
    let verdict = judges.judge.judge(&capture.content)?;
    let other = match &mut judges.other {
        Some(other) => Some(other.judge(&capture.content)?),
        None => None,
    };
    Ok(Replayed { capture, container, verdict, other, suppressed: false })
}

/// A bar on stderr, when somebody looks at it and the table goes elsewhere.
fn progress() -> ProgressBar {
    if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} captures, {per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

fn head(compares: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let other = if compares { "  OTHER      SCORE " } else { "" };
    writeln!(
        out,
        "{:10}  {:>6}{other}  {:11}  {:>8}  {:12}  {:24}  {:32}  SOURCE",
        "VERDICT", "SCORE", "ORIGIN", "BYTES", "SHA256", "TECHNIQUES", "POD"
    )
}

fn one(node: &Node, replayed: &Replayed, show: &Show, out: &mut dyn Write) -> anyhow::Result<()> {
    let Replayed { capture, verdict, .. } = replayed;
    if !show.json {
        row(replayed, out)?;
        if show.explain && verdict.malicious {
            SourceText::new(&capture.content, &verdict.spans).write_terminal(show.colour, out)?;
        }
        return Ok(());
    }
    if verdict.malicious && !replayed.suppressed {
        let now_unix_ns = capture.time_unix_ns;
        let container = replayed.container.clone().map(Arc::new);
        let identity = Identity { container, ..Identity::default() };
        let (identity, ancestors) = (&identity, &[][..]);
        let finding = build(&Evidence { capture, verdict, node, identity, ancestors, now_unix_ns });
        serde_json::to_writer(&mut *out, &finding)?;
        writeln!(out)?;
    }
    Ok(())
}

/// A word for a verdict.
pub(super) fn word(verdict: &Verdict) -> &'static str {
    if verdict.malicious { "malicious" } else { "benign" }
}

/// A word for what becomes of a capture.
pub(super) fn outcome(replayed: &Replayed) -> &'static str {
    if replayed.suppressed { "suppressed" } else { word(&replayed.verdict) }
}

/// The pod it ran in, as `namespace/name`, and its container; empty outside of pods.
pub(super) fn pod(replayed: &Replayed) -> String {
    let Some(container) = &replayed.container else { return String::new() };
    match &container.pod {
        Some(pod) => format!("{}/{} {}", pod.namespace, pod.name, container.name),
        None => container.id.as_str()[..12].to_owned(),
    }
}

/// Where a script came from: its path, or how its shell was called.
pub(super) fn source(capture: &Capture) -> String {
    match &capture.path {
        Some(path) => String::from_utf8_lossy(path).into_owned(),
        None => capture.args.iter().map(|a| String::from_utf8_lossy(a)).collect::<Vec<_>>().join(" "),
    }
}

fn row(replayed: &Replayed, out: &mut dyn Write) -> std::io::Result<()> {
    let Replayed { capture, verdict, other, .. } = replayed;
    // A name may hold anything; a terminal must not see it.
    let source: String = source(capture).escape_debug().take(60).collect();
    let pod: String = pod(replayed).escape_debug().take(60).collect();
    let hash = verdict.hash.to_string();
    let other = other.as_ref().map(|o| format!("  {:9}  {:6.4}", word(o), o.score)).unwrap_or_default();
    writeln!(
        out,
        "{:10}  {:6.4}{other}  {:11}  {:>8}  {}  {:24}  {pod:32}  {source}",
        outcome(replayed),
        verdict.score,
        capture.origin.name(),
        capture.size,
        &hash[..12],
        verdict.technique_ids().join(","),
    )
}
