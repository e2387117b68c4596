//! A replay as a page: one file, no scripts of its own, nothing loaded from anywhere. What it shows is hostile, so
//! every text is escaped and the page forbids itself to run or load anything.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use html_escape::encode_safe;

use crate::{
    replayed::{Replayed, Sums, word},
    source_text::SourceText,
};

/// Scripts whose text the page holds; of more only the rows are there.
const TEXTS_MAX: usize = 2000;

/// A page that is written as the replay goes.
pub(super) struct Page {
    path: PathBuf,
    out: BufWriter<File>,
    texts: usize,
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Replay</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2em; color: #1b1f24; background: #fff }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .25em .8em .25em 0; border-bottom: 1px solid #d8dee4; vertical-align: top }
.malicious { color: #b3261e; font-weight: 600 }
.number { color: #6e7781; text-align: right; user-select: none; padding-right: 1em; border: 0; width: 1% }
.code td { border: 0; padding: 0 1em 0 0; font: 12px/1.45 ui-monospace, monospace; white-space: pre-wrap; word-break: break-all }
.some { background: #fff3d6 } .much { background: #ffd9d4 }
summary { cursor: pointer } details { margin: .3em 0 }
@media (prefers-color-scheme: dark) {
 body { background: #0f1317; color: #dce1e7 } td, th { border-color: #2c333a }
 .some { background: #4a3b12 } .much { background: #5d211b } .malicious { color: #ff8a80 } }
</style></head><body>
<h1>Replay</h1>
<table><thead><tr><th>Verdict<th>Score<th>Other<th>Origin<th>Bytes<th>SHA-256<th>Techniques<th>Pod<th>Source</tr></thead><tbody>
"#;

impl Page {
    /// Begins a page.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("{}", path.display()))?;
        let mut page = Self { path: path.to_owned(), out: BufWriter::new(file), texts: 0 };
        page.write(HEAD)?;
        Ok(page)
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.out.write_all(text.as_bytes()).with_context(|| format!("{}", self.path.display()))
    }

    /// Adds a capture.
    pub(super) fn add(&mut self, replayed: &Replayed) -> anyhow::Result<()> {
        let Replayed { capture, verdict, other, .. } = replayed;
        let other = other.as_ref().map(|o| format!("{} {:.4}", word(o), o.score)).unwrap_or_default();
        let hash = verdict.hash.to_string();
        let source = terminal::field(&replayed.source(), 200);
        let pod = terminal::field(&replayed.pod(), 200);
        let row = format!(
            "<tr><td class=\"{0}\">{0}<td>{1:.4}<td>{other}<td>{2}<td>{3}<td><code>{4}</code><td>{5}<td>{6}<td>{7}",
            replayed.outcome(),
            verdict.score,
            capture.origin.name(),
            capture.size,
            &hash[..16],
            verdict.technique_ids().join(" "),
            encode_safe(&pod),
            encode_safe(&source),
        );
        self.write(&row)?;
        if verdict.malicious && self.texts < TEXTS_MAX {
            self.texts += 1;
            self.write("<details><summary>script</summary><ul>")?;
            for reason in &verdict.reasons {
                let about =
                    encode_safe(&terminal::field(&String::from_utf8_lossy(&reason.about), 200)).into_owned();
                self.write(&format!(
                    "<li>line {}: {} <code>{about}</code></li>",
                    reason.line,
                    reason.fact.sentence()
                ))?;
            }
            self.write("</ul><table class=\"code\">")?;
            for line in SourceText::new(&capture.content, &verdict.spans).lines() {
                let class = match line.weight {
                    0.0 => "",
                    w if w >= 0.3 => "much",
                    _ => "some",
                };
                let gap =
                    if line.after_gap && line.number > 1 { "<tr><td class=\"number\">…<td>" } else { "" };
                let text = encode_safe(&line.text);
                self.write(&format!(
                    "{gap}<tr><td class=\"number\">{}<td class=\"{class}\">{text}",
                    line.number
                ))?;
            }
            self.write("</table></details>")?;
        }
        self.write("</tr>\n")
    }

    /// Ends the page.
    pub(super) fn finish(mut self, sums: &Sums) -> anyhow::Result<()> {
        let left_out = if self.texts >= TEXTS_MAX {
            format!(" The text of the first {TEXTS_MAX} malicious scripts is shown.")
        } else {
            String::new()
        };
        let end = format!(
            "</tbody></table>\n<p>{} captures replayed, {} shown, {} malicious, {} of them suppressed.{left_out}</p>\n</body></html>\n",
            sums.captures, sums.shown, sums.malicious, sums.suppressed
        );
        self.write(&end)?;
        self.out.flush().with_context(|| format!("{}", self.path.display()))
    }
}
