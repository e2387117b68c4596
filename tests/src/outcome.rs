//! What is left when a node has ended.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::Context;
use serde_json::Value;

/// What a node left behind.
pub struct Outcome {
    /// The recorded captures.
    pub captures: Vec<Value>,
    /// The stored findings.
    pub findings: Vec<Value>,
    /// The sensor's counters.
    pub totals: BTreeMap<String, u64>,
    /// The sensor's log.
    pub log: String,
}

impl Outcome {
    /// What a sensor recorded and logged until its end, and what was stored.
    pub(crate) fn of(record: &str, findings: Vec<Value>, log: String) -> anyhow::Result<Self> {
        let captures = record.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(Self { captures, findings, totals: totals(&log)?, log })
    }

    /// A counter.
    ///
    /// # Panics
    /// When the sensor logged none of that name.
    pub fn total(&self, name: &str) -> u64 {
        self.totals.get(name).copied().unwrap_or_else(|| panic!("no total {name}"))
    }

    /// The one capture that holds exactly this text; it must have this origin and nothing missing.
    ///
    /// # Panics
    /// When that is not so.
    #[track_caller]
    pub fn captured_once<'a>(&'a self, text: &'a [u8], origin: &str) -> &'a Value {
        let found: Vec<_> = self.with_content(text).collect();
        let head = String::from_utf8_lossy(&text[..text.len().min(60)]).into_owned();
        assert_eq!(found.len(), 1, "{origin} {head:?}: {} captures\n{}", found.len(), self.listing());
        assert_eq!(found[0]["origin"], origin, "{head:?}");
        assert_eq!(found[0]["size"], text.len(), "{head:?}");
        assert_eq!(found[0]["flags"]["incomplete"], false, "{head:?}\n{}", self.log);
        found[0]
    }

    /// The captures of one process, in the order they were recorded.
    pub fn of_process(&self, pid: u32) -> impl Iterator<Item = &Value> {
        self.captures.iter().filter(move |c| c["id"]["pid"] == pid)
    }

    /// What was captured, in short, for the message of a test that failed.
    pub fn listing(&self) -> String {
        let mut out = String::new();
        for capture in &self.captures {
            let content = bytes(&capture["content"]);
            let head = String::from_utf8_lossy(&content[..content.len().min(100)]).into_owned();
            let _ = writeln!(
                out,
                "{} {} {} {} bytes {} {head:?}",
                capture["id"]["pid"], capture["origin"], capture["path"], capture["size"], capture["flags"]
            );
        }
        out + &self.log
    }

    /// Captures whose content is exactly this.
    pub fn with_content<'a>(&'a self, content: &'a [u8]) -> impl Iterator<Item = &'a Value> {
        self.captures.iter().filter(move |c| bytes(&c["content"]) == content)
    }
}

/// The bytes of a record's field: text, or base64 when it is not UTF-8.
pub fn bytes(value: &Value) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other["base64"].as_str().and_then(|t| BASE64_STANDARD.decode(t).ok()).unwrap_or_default(),
    }
}

/// SHA-256 as lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}

fn totals(log: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let line =
        log.lines().rev().find_map(|l| l.split_once("totals: ")).context("the sensor logged no totals")?.1;
    Ok(line
        .split_whitespace()
        .filter_map(|pair| {
            let (name, n) = pair.rsplit_once('=')?;
            Some((name.to_owned(), n.parse().ok()?))
        })
        .collect())
}
