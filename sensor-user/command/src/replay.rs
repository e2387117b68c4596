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

use crate::{
    filter::Filter,
    page::Page,
    pool,
    replayed::{Replayed, Sums, word},
    sessions::ReplayedSessions,
    source_text::SourceText,
};
use finding::{Evidence, build};
use identity::{Identity, Node};
use record::Recorded;
use suppression::Suppressions;
use verdict::{Judge, Reason};

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

/// Who judges.
pub struct Bench {
    /// Captures, each by itself.
    pub workers: Vec<Judges>,
    /// Sessions.
    pub together: Judge,
}

/// Replays files onto `out`, the malicious sessions last. Returns how many lines were bad.
pub fn run(
    bench: Bench,
    node: &Node,
    files: &[PathBuf],
    suppressions: &Suppressions,
    filter: &Filter,
    show: &Show,
    out: &mut dyn Write,
) -> anyhow::Result<usize> {
    let Bench { workers, together } = bench;
    let compares = workers.iter().any(|w| w.other.is_some());
    let page = show.html.as_deref().map(Page::create).transpose()?;
    let progress = progress();
    let start = Instant::now();
    if !show.json {
        head(compares, out)?;
    }
    let mut sessions = ReplayedSessions::new(together);
    let mut told =
        Telling { node, suppressions, filter, show, page, sums: Sums::default(), now: Timestamp::now() };
    let bad = pool::over_lines(files, workers, judge, |replayed: Replayed| {
        progress.inc(1);
        told.sums.captures += 1;
        sessions.add(&replayed)?;
        told.tell(replayed, out)
    })?;
    for session in sessions.end()? {
        told.sums.sessions += 1;
        told.tell(session, out)?;
    }
    progress.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let Telling { page, sums, .. } = told;
    if let Some(page) = page {
        page.finish(&sums)?;
    }
    eprintln!(
        "{} captures in {seconds:.1} s ({:.0}/s), {} malicious sessions, {} shown, {} malicious, {} of them suppressed{}",
        sums.captures,
        sums.captures as f64 / seconds.max(1e-9),
        sums.sessions,
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

/// Tells of one after the other.
struct Telling<'a> {
    node: &'a Node,
    suppressions: &'a Suppressions,
    filter: &'a Filter,
    show: &'a Show,
    page: Option<Page>,
    sums: Sums,
    now: Timestamp,
}

impl Telling<'_> {
    fn tell(&mut self, mut replayed: Replayed, out: &mut dyn Write) -> anyhow::Result<()> {
        if !self.filter.accepts(&replayed) {
            return Ok(());
        }
        let Replayed { capture, verdict, container, .. } = &replayed;
        replayed.suppressed = verdict.malicious
            // Recordings do not say where files came from.
            && self.suppressions.matching(capture, &verdict.hash, container.as_ref(), None, self.now).is_some();
        let sums = &mut self.sums;
        sums.shown += 1;
        sums.suppressed += u64::from(replayed.suppressed);
        sums.malicious += u64::from(replayed.verdict.malicious);
        if let Some(other) = &replayed.other {
            sums.newly += u64::from(other.malicious && !replayed.verdict.malicious);
            sums.no_longer += u64::from(replayed.verdict.malicious && !other.malicious);
        }
        if let Some(page) = &mut self.page {
            page.add(&replayed)?;
        }
        one(self.node, &replayed, self.show, out)
    }
}

fn judge(judges: &mut Judges, recorded: Recorded) -> anyhow::Result<Replayed> {
    let Recorded { capture, container } = recorded;
    let verdict = judges.judge.judge(&capture.content, capture.flags.evaluates_unseen)?;
    let other = match &mut judges.other {
        Some(other) => Some(other.judge(&capture.content, capture.flags.evaluates_unseen)?),
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
            reasons(&verdict.reasons, out)?;
        }
        return Ok(());
    }
    if verdict.malicious && !replayed.suppressed {
        let now_unix_ns = capture.time_unix_ns;
        let container = replayed.container.clone().map(Arc::new);
        let identity = Identity { container, ..Identity::default() };
        let (identity, ancestors) = (&identity, &[][..]);
        let finding = build(&Evidence {
            capture,
            verdict,
            node,
            identity,
            ancestors,
            provenance: None,
            runs: 1,
            last_run_unix_ns: capture.time_unix_ns,
            response: None,
            killed_runs: 0,
            now_unix_ns,
        });
        serde_json::to_writer(&mut *out, &finding)?;
        writeln!(out)?;
    }
    Ok(())
}

/// What a malicious script does, the weightiest first.
fn reasons(reasons: &[Reason], out: &mut dyn Write) -> std::io::Result<()> {
    for reason in reasons {
        let about = terminal::field(&String::from_utf8_lossy(&reason.about), 60);
        let about = if about.is_empty() { about } else { format!(": {about}") };
        writeln!(
            out,
            "  line {:<5} {:+.2}  it {}{about}",
            reason.line,
            reason.weight,
            reason.fact.sentence()
        )?;
    }
    Ok(())
}

fn row(replayed: &Replayed, out: &mut dyn Write) -> std::io::Result<()> {
    let Replayed { capture, verdict, other, .. } = replayed;
    let source = terminal::field(&replayed.source(), 60);
    let pod = terminal::field(&replayed.pod(), 60);
    let hash = verdict.hash.to_string();
    let other = other.as_ref().map(|o| format!("  {:9}  {:6.4}", word(o), o.score)).unwrap_or_default();
    writeln!(
        out,
        "{:10}  {:6.4}{other}  {:11}  {:>8}  {}  {:24}  {pod:32}  {source}",
        replayed.outcome(),
        verdict.score,
        capture.origin.name(),
        capture.size,
        &hash[..12],
        verdict.technique_ids().join(","),
    )
}
