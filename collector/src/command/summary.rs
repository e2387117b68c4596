//! A finding in one row.

use proto::{scc::Finding, well_known::value::Kind};

/// The columns of a row.
pub(crate) struct Summary {
    pub(crate) time: String,
    pub(crate) severity: &'static str,
    pub(crate) score: String,
    pub(crate) node: String,
    pub(crate) origin: String,
    pub(crate) what: String,
    pub(crate) id: String,
}

/// Text from a finding as a terminal may show it: no control characters, no line breaks, cut at `max` characters.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut out: String = text.chars().take(max).flat_map(char::escape_debug).collect();
    out = out.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}

impl Summary {
    pub(crate) fn of(finding: &Finding, node: &str) -> Self {
        let process = finding.processes.first();
        let script = process.and_then(|p| p.script.as_ref());
        let property = |key: &str| finding.source_properties.get(key).and_then(|v| v.kind.as_ref());
        let string = |key: &str| match property(key) {
            Some(Kind::StringValue(s)) => s.clone(),
            _ => String::new(),
        };
        let what = match script {
            Some(s) if !s.path.is_empty() => s.path.clone(),
            _ => process.map(|p| p.args.join(" ")).unwrap_or_default(),
        };
        Self {
            time: finding
                .event_time
                .as_ref()
                .and_then(|t| serde_json::to_value(t).ok())
                .and_then(|v| v.as_str().map(short_time))
                .unwrap_or_default(),
            severity: finding.severity().as_str_name(),
            score: match property("Verdict_Score") {
                Some(Kind::NumberValue(n)) => format!("{n:.3}"),
                _ => String::new(),
            },
            node: plain(node, 40),
            origin: plain(&string("Script_Origin"), 12),
            what: plain(&what, 60),
            id: finding.name.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    pub(crate) fn cells(self) -> [String; 7] {
        [self.time, self.severity.to_owned(), self.score, self.node, self.origin, self.what, self.id]
    }
}

fn short_time(rfc3339: &str) -> String {
    rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " ")
}

/// Names of the columns.
pub(crate) const COLUMNS: [&str; 7] = ["TIME (UTC)", "SEVERITY", "SCORE", "NODE", "ORIGIN", "SCRIPT", "ID"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc", 60), "a\\u{1b}[2Jb\\nc");
        assert_eq!(plain("\u{202e}gpj", 60), "\\u{202e}gpj");
        assert_eq!(plain("it's", 60), "it's");
        assert_eq!(plain("abcdef", 3), "abc…");
    }
}
