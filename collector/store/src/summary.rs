//! A finding in one row. Its texts are as they came, and hostile.

use jiff::Timestamp;
use proto::{scc::Finding, well_known::value::Kind};

/// The cells of a row.
pub struct Summary {
    /// When it happened, UTC.
    pub time: String,
    /// Severity.
    pub severity: &'static str,
    /// Score of the verdict, three digits.
    pub score: String,
    /// Node of the sensor.
    pub node: String,
    /// Its pod, `NAMESPACE/NAME`; empty outside of pods.
    pub pod: String,
    /// How the script came to its shell.
    pub origin: String,
    /// Path of the script, or how its shell was called.
    pub script: String,
    /// What the sensor did about it; empty when responses are off.
    pub response: String,
    /// Last part of its name.
    pub id: String,
}

impl Summary {
    /// That of a finding.
    pub fn of(finding: &Finding, node: &str) -> Self {
        let process = finding.processes.first();
        let script = process.and_then(|p| p.script.as_ref());
        let property = |key: &str| finding.source_properties.get(key).and_then(|v| v.kind.as_ref());
        let string = |key: &str| match property(key) {
            Some(Kind::StringValue(s)) => s.clone(),
            _ => String::new(),
        };
        let what = match script {
            Some(s) if !s.path.is_empty() => s.path.clone(),
            // A finding of another category is not about a script.
            _ => process.map_or_else(|| finding.category.clone(), |p| p.args.join(" ")),
        };
        Self {
            time: finding
                .event_time
                .and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
                .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
                .unwrap_or_default(),
            severity: finding.severity().as_str_name(),
            score: match property("Verdict_Score") {
                Some(Kind::NumberValue(n)) => format!("{n:.3}"),
                _ => String::new(),
            },
            node: node.to_owned(),
            pod: match (string("Pod_Namespace"), string("Pod_Name")) {
                (_, name) if name.is_empty() => String::new(),
                (namespace, name) => format!("{namespace}/{name}"),
            },
            origin: string("Script_Origin"),
            script: what,
            response: string("Response_Action"),
            id: finding.name.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }
}
