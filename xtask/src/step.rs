//! Commands run as steps: each says what it does, shows that it is alive, and shows its output only when it fails.

use std::{
    io::IsTerminal,
    process::{Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The steps under way, a line each.
static STEPS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A step under way.
pub(crate) struct Step {
    what: String,
    bar: ProgressBar,
    start: Instant,
}

impl Step {
    /// Says what begins.
    pub(crate) fn begin(what: &str) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style).with_message(what.to_owned());
            let bar = STEPS.add(bar);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        } else {
            eprintln!("==> {what}");
            ProgressBar::hidden()
        };
        Self { what: what.to_owned(), bar, start: Instant::now() }
    }

    /// Says that it is done.
    pub(crate) fn done(self) {
        self.bar.finish_and_clear();
        let seconds = self.start.elapsed().as_secs_f64();
        STEPS.suspend(|| eprintln!("==> {}: done in {seconds:.1} s", self.what));
    }
}

/// Runs a command as a step.
pub(crate) fn run(what: &str, command: &mut Command) -> anyhow::Result<()> {
    let step = Step::begin(what);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{what}: {} cannot be started", command.get_program().to_string_lossy()))?;
    if !output.status.success() {
        step.bar.finish_and_clear();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let tail: Vec<&str> = text.lines().rev().take(40).collect();
        for line in tail.iter().rev() {
            eprintln!("    {line}");
        }
        bail!("{what}: {} failed ({})", command.get_program().to_string_lossy(), output.status);
    }
    step.done();
    Ok(())
}

/// Runs a command whose own output is the progress.
pub(crate) fn show(what: &str, command: &mut Command) -> anyhow::Result<()> {
    eprintln!("==> {what}");
    let start = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("{what}: {} cannot be started", command.get_program().to_string_lossy()))?;
    if !status.success() {
        bail!("{what}: failed ({status})");
    }
    eprintln!("==> {what}: done in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// The trimmed standard output of a command, or `None` when it fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
