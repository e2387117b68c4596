//! What is asked of the store, a page at a time.

use std::fmt::Write;

use jiff::{Span, SpanRelativeTo, Timestamp};

use rusqlite::types::Value;

/// A question. What is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The script's hash begins with these hex digits.
    pub sha256: Option<String>,
    /// Name of the pod, or `namespace/name`.
    pub pod: Option<String>,
    /// Namespace of the pod.
    pub namespace: Option<String>,
    /// The image's name begins with this.
    pub image: Option<String>,
    /// This ATT&CK technique, or one below it.
    pub technique: Option<String>,
    /// How the script came to its shell: `file`, `stdin`, ….
    pub origin: Option<String>,
    /// Where its file came from: `image`, `written`, `memory` or `volume`.
    pub provenance: Option<String>,
    /// Name of the process that wrote it.
    pub written_by: Option<String>,
    /// Name of the node.
    pub node: Option<String>,
    /// Events from this Unix time on, ns.
    pub since_ns: Option<i64>,
    /// Events before this Unix time, ns.
    pub until_ns: Option<i64>,
    /// Behind this finding.
    pub after: Option<Cursor>,
}

/// A place in the list of findings, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last finding seen happened, Unix time in ns.
    pub event_ns: i64,
    /// Its sequence number.
    pub seq: i64,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.event_ns, self.seq)
    }
}

impl std::str::FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (event, seq) = text.rsplit_once('-').unwrap_or_default();
        match (event.parse(), seq.parse()) {
            (Ok(event_ns), Ok(seq)) => Ok(Self { event_ns, seq }),
            _ => Err("a page token is what `list` printed below the page before".to_owned()),
        }
    }
}

/// A time, or how long ago; Unix time in ns.
pub fn moment(text: &str) -> Result<i64, String> {
    let at = match text.parse::<Timestamp>() {
        Ok(at) => Some(at),
        Err(_) => text
            .parse::<Span>()
            .ok()
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
            .and_then(|ago| Timestamp::now().checked_sub(ago).ok()),
    };
    let at = at.ok_or("a time such as 2027-01-31T10:00Z, or how long ago, such as 1h or 7d, is expected")?;
    i64::try_from(at.as_nanosecond()).map_err(|e| e.to_string())
}

impl Search {
    /// The condition in SQL and what is bound to it. Everything that was given is bound, nothing is pasted in.
    pub(crate) fn condition(&self) -> (String, Vec<Value>) {
        let mut sql = "1".to_owned();
        let mut bound: Vec<Value> = Vec::new();
        let mut and = |term: &str, values: Vec<Value>| {
            bound.extend(values);
            // Writing into a string does not fail.
            let _ = write!(sql, " AND {term}");
        };
        let text = |text: &str| Value::Text(text.to_owned());
        // A prefix as a range, so that an index serves it.
        let range = |prefix: &str| vec![text(prefix), text(&format!("{prefix}\u{10ffff}"))];
        if let Some(prefix) = &self.sha256 {
            and("sha256 >= ? AND sha256 < ?", range(&prefix.to_ascii_lowercase()));
        }
        if let Some(pod) = &self.pod {
            match pod.split_once('/') {
                Some((namespace, name)) => {
                    and("pod = ? AND namespace = ? AND pod != ''", vec![text(name), text(namespace)]);
                }
                None => and("pod = ? AND pod != ''", vec![text(pod)]),
            }
        }
        if let Some(namespace) = &self.namespace {
            and("namespace = ?", vec![text(namespace)]);
        }
        if let Some(prefix) = &self.image {
            and("image >= ? AND image < ? AND image != ''", range(prefix));
        }
        if let Some(technique) = &self.technique {
            and(
                "(instr(techniques, ?) > 0 OR instr(techniques, ?) > 0)",
                vec![text(&format!(" {technique} ")), text(&format!(" {technique}."))],
            );
        }
        let exact =
            [("origin", &self.origin), ("provenance", &self.provenance), ("written_by", &self.written_by)];
        for (column, wanted) in exact {
            if let Some(wanted) = wanted {
                and(&format!("{column} = ? AND {column} != ''"), vec![text(wanted)]);
            }
        }
        if let Some(node) = &self.node {
            and("node = ?", vec![text(node)]);
        }
        if let Some(since) = self.since_ns {
            and("event_ns >= ?", vec![Value::Integer(since)]);
        }
        if let Some(until) = self.until_ns {
            and("event_ns < ?", vec![Value::Integer(until)]);
        }
        if let Some(Cursor { event_ns, seq }) = self.after {
            and("(event_ns, seq) < (?, ?)", vec![Value::Integer(event_ns), Value::Integer(seq)]);
        }
        (sql, bound)
    }
}
