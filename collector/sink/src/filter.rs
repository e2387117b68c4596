//! Which findings a sink is given.

use proto::scc::{Finding, finding::Severity};

/// What a finding must be. The default lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// At least so severe.
    pub min_severity: Option<MinSeverity>,
    /// Of one of these Kubernetes namespaces, or of none: what ran on the node itself, or in a pod that is not known yet. Empty: of
    /// any.
    pub namespaces: Vec<String>,
    /// Of triage level `urgent`.
    pub urgent_only: bool,
}

/// Severities, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum MinSeverity {
    Low,
    Medium,
    High,
    Critical,
}

impl MinSeverity {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Filter {
    /// Whether a finding is given to the sink.
    pub fn passes(&self, finding: &Finding) -> bool {
        self.is_severe_enough(finding)
            && self.is_of_namespace(finding)
            && (!self.urgent_only || finding.is_urgent())
    }

    fn is_severe_enough(&self, finding: &Finding) -> bool {
        let severity = match finding.severity() {
            Severity::Critical => MinSeverity::Critical,
            Severity::High => MinSeverity::High,
            Severity::Medium => MinSeverity::Medium,
            Severity::Low => MinSeverity::Low,
            // Nobody said that it is not.
            Severity::Unspecified => return true,
        };
        self.min_severity.is_none_or(|min| severity >= min)
    }

    fn is_of_namespace(&self, finding: &Finding) -> bool {
        let is_wanted = |namespace: &str| self.namespaces.iter().any(|wanted| wanted == namespace);
        self.namespaces.is_empty() || text(finding, "Pod_Namespace").is_none_or(is_wanted)
    }
}

fn text<'a>(finding: &'a Finding, name: &str) -> Option<&'a str> {
    finding.text_property(name).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proto::well_known::{Value, value::Kind};

    use super::*;

    fn finding(severity: Severity, properties: &[(&str, &str)]) -> Finding {
        let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        Finding {
            severity: severity.into(),
            source_properties: properties
                .iter()
                .map(|(key, text)| ((*key).to_owned(), value(text)))
                .collect(),
            ..Finding::default()
        }
    }

    #[test]
    fn each_condition_must_hold() {
        let script = finding(Severity::Critical, &[("Pod_Namespace", "shop"), ("Triage_Level", "usual")]);
        let urgent = finding(Severity::Critical, &[("Pod_Namespace", "shop"), ("Triage_Level", "urgent")]);
        let of_node = finding(Severity::Critical, &[("Triage_Level", "urgent")]);
        let impaired = finding(Severity::High, &[("Pod_Namespace", "shop")]);
        let all = [&script, &urgent, &of_node, &impaired];
        let passed = |filter: Filter| all.map(|finding| filter.passes(finding));
        let namespaces = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(passed(Filter::default()), [true; 4]);
        let min = |min| Filter { min_severity: Some(min), ..Filter::default() };
        assert_eq!(passed(min(MinSeverity::High)), [true; 4]);
        assert_eq!(passed(min(MinSeverity::Critical)), [true, true, true, false]);
        assert!(min(MinSeverity::Critical).passes(&finding(Severity::Unspecified, &[])));
        let of = |names: &[&str]| Filter { namespaces: namespaces(names), ..Filter::default() };
        assert_eq!(passed(of(&["shop", "x"])), [true; 4], "also what names no namespace");
        assert_eq!(passed(of(&["sho"])), [false, false, true, false]);
        let urgent_only = Filter { urgent_only: true, ..Filter::default() };
        assert_eq!(passed(urgent_only), [false, true, true, true]);
        let both = Filter { urgent_only: true, namespaces: namespaces(&["shop"]), ..Filter::default() };
        assert_eq!(passed(both), [false, true, true, true]);
    }
}
