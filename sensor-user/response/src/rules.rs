//! The operator's rules for which scripts are acted on.
//!
//! ```toml
//! [[respond]]
//! action = "none"
//! namespace = "kube-system"
//! reason = "we look first"
//!
//! [[respond]]
//! action = "kill"
//! technique = "T1496"
//! min_score = 0.9
//! reason = "miners"
//! ```
//!
//! `hold` is as `kill`; and with `--respond hold` the shell is stopped until its text is judged.
//! The first rule that matches decides. A script that no rule matches is left alone.

use std::{collections::BTreeMap, path::Path};

use globset::GlobMatcher;
use identity::Identity;
use rule_file::RuleFileError;
use script::{Capture, Origin};
use serde::Deserialize;
use verdict::Verdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RuleAction {
    None,
    Kill,
    /// As `Kill`; and where the mode allows it, the shell is stopped until its text is judged.
    Hold,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    respond: Vec<RuleForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    action: RuleAction,
    namespace: Option<String>,
    image: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    user: Option<u32>,
    origin: Option<Origin>,
    technique: Option<String>,
    min_score: Option<f32>,
    #[serde(default)]
    node: bool,
    #[serde(default)]
    init: bool,
    #[serde(default)]
    maybe_data: bool,
    reason: String,
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) action: RuleAction,
    namespace: Option<GlobMatcher>,
    image: Option<GlobMatcher>,
    labels: BTreeMap<String, String>,
    user: Option<u32>,
    origin: Option<Origin>,
    technique: Option<String>,
    min_score: f32,
    /// Scripts outside of containers, too.
    node: bool,
    /// A container's first process, too: its end is the container's.
    pub(crate) init: bool,
    /// What may be data and no script, too.
    pub(crate) maybe_data: bool,
    /// Why, in the operator's words.
    pub(crate) reason: String,
}

/// The rules of a file.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// Reads and checks a file of rules.
    pub fn load(path: &Path) -> Result<Self, RuleFileError> {
        let rules =
            rule_file::load("response rules", path, |file: FileForm| file.respond, |_, rule| check(rule))?;
        Ok(Self { rules })
    }

    /// One rule: every script in a container is acted on, but a container's first process is not.
    pub fn all_containers() -> Self {
        Self {
            rules: vec![Rule {
                action: RuleAction::Hold,
                namespace: None,
                image: None,
                labels: BTreeMap::new(),
                user: None,
                origin: None,
                technique: None,
                min_score: 0.0,
                node: false,
                init: false,
                maybe_data: false,
                reason: "no rules are given: every malicious script in a container".to_owned(),
            }],
        }
    }

    /// Does any rule need to know the container's image, pod or labels?
    pub(crate) fn need_identity(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.image.is_some() || rule.namespace.is_some() || !rule.labels.is_empty())
    }

    /// Does any rule hold?
    pub(crate) fn hold_any(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == RuleAction::Hold)
    }

    /// Does any rule hold shells outside of containers?
    pub(crate) fn hold_in_node(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == RuleAction::Hold && rule.node)
    }

    /// May the first rule that matches be one that holds, whatever the script is? What is not known of the container may fit.
    pub(crate) fn may_hold(&self, is_in_container: bool, identity: &Identity) -> bool {
        let container = identity.container.as_deref();
        let pod = container.and_then(|c| c.pod.as_ref()).or(identity.pod.as_deref());
        let image = container.map(|c| c.image_uri.as_str()).filter(|image| !image.is_empty());
        for rule in &self.rules {
            let fits = |glob: &Option<GlobMatcher>, value: Option<&str>| match (glob, value) {
                (None, _) => Some(true),
                (Some(_), None) => None,
                (Some(glob), Some(value)) => Some(glob.is_match(value)),
            };
            let labels = match pod {
                _ if rule.labels.is_empty() => Some(true),
                None => None,
                Some(pod) => Some(rule.labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value))),
            };
            let facts = [
                Some(is_in_container || rule.node),
                fits(&rule.namespace, pod.map(|pod| pod.namespace.as_str())),
                fits(&rule.image, image),
                labels,
            ];
            if facts.contains(&Some(false)) {
                continue;
            }
            if rule.action == RuleAction::Hold {
                return true;
            }
            let is_about_all = rule.user.is_none()
                && rule.origin.is_none()
                && rule.technique.is_none()
                && rule.min_score == 0.0;
            if is_about_all && facts.iter().all(|fact| *fact == Some(true)) {
                return false;
            }
        }
        false
    }

    /// The first rule that matches. A rule that names a namespace, an image or labels matches nothing of which those
    /// are not known.
    pub(crate) fn matching(
        &self,
        capture: &Capture,
        verdict: &Verdict,
        is_in_container: bool,
        identity: &Identity,
    ) -> Option<&Rule> {
        let container = identity.container.as_deref();
        let pod = container.and_then(|c| c.pod.as_ref()).or(identity.pod.as_deref());
        let fits = |glob: &Option<GlobMatcher>, value: Option<&str>| {
            glob.as_ref().is_none_or(|glob| value.is_some_and(|value| glob.is_match(value)))
        };
        let image = container.map(|c| c.image_uri.as_str()).filter(|image| !image.is_empty());
        self.rules.iter().find(|rule| {
            (is_in_container || rule.node)
                && verdict.score >= rule.min_score
                && rule.user.is_none_or(|user| user == capture.uid)
                && rule.origin.is_none_or(|origin| origin == capture.origin)
                && rule.technique.as_deref().is_none_or(|wanted| is_among(wanted, verdict))
                && fits(&rule.namespace, pod.map(|pod| pod.namespace.as_str()))
                && fits(&rule.image, image)
                && rule
                    .labels
                    .iter()
                    .all(|(key, value)| pod.is_some_and(|pod| pod.labels.get(key) == Some(value)))
        })
    }
}

/// Is the technique, or one of its sub-techniques, among those of the verdict?
fn is_among(wanted: &str, verdict: &Verdict) -> bool {
    verdict
        .technique_ids()
        .into_iter()
        .any(|id| id.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

fn check(form: RuleForm) -> Result<Rule, String> {
    if form.reason.trim().is_empty() {
        return Err("its reason is empty: say why, for whoever reads this in a year".to_owned());
    }
    if form.origin == Some(Origin::Session) {
        return Err(
            "origin \"session\": nothing is done about sessions, most of which have run when they are known"
                .to_owned(),
        );
    }
    let min_score = form.min_score.unwrap_or(0.0);
    if !(0.0..=1.0).contains(&min_score) {
        return Err(format!("min_score = {min_score} is not from 0 to 1"));
    }
    let known: Vec<&str> = verdict::technique::TECHNIQUES.iter().map(|technique| technique.id).collect();
    if let Some(technique) = &form.technique
        && !known
            .iter()
            .any(|id| id.strip_prefix(technique.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.')))
    {
        return Err(format!("technique = {technique:?} is none of {}", known.join(", ")));
    }
    let glob = |key: &str, text: Option<String>| -> Result<Option<GlobMatcher>, String> {
        text.map(|text| suppression::glob(&text).map_err(|e| format!("{key} = {text:?}: {e}"))).transpose()
    };
    Ok(Rule {
        action: form.action,
        namespace: glob("namespace", form.namespace)?,
        image: glob("image", form.image)?,
        labels: form.labels,
        user: form.user,
        origin: form.origin,
        technique: form.technique,
        min_score,
        node: form.node,
        init: form.init,
        maybe_data: form.maybe_data,
        reason: form.reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responder::tests::{capture, verdict};
    use identity::Pod;

    fn load(text: &str) -> Result<Rules, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Rules::load(file.path()).map_err(|e| e.to_string())
    }

    fn in_namespace(namespace: &str) -> Identity {
        let labels = [("app".to_owned(), "web".to_owned())].into();
        let pod = Pod { namespace: namespace.to_owned(), labels, ..Pod::default() };
        Identity { pod: Some(pod.into()), ..Identity::default() }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = load(
            "[[respond]]\naction = \"none\"\nnamespace = \"kube-*\"\nreason = \"look first\"\n\
             [[respond]]\naction = \"kill\"\ntechnique = \"T1053\"\nmin_score = 0.8\nlabels = { app = \"web\" }\nreason = \"cron\"\n\
             [[respond]]\naction = \"kill\"\nuser = 0\norigin = \"stdin\"\nnode = true\nreason = \"piped\"\n",
        )
        .unwrap();
        let reason = |score: f32, in_container: bool, namespace: &str| {
            let cron = verdict::technique::TECHNIQUES.iter().position(|l| l.id == "T1053.003").unwrap();
            let verdict = Verdict { techniques: vec![cron], score, ..verdict() };
            rules
                .matching(&capture(7), &verdict, in_container, &in_namespace(namespace))
                .map(|r| r.reason.clone())
        };
        assert_eq!(reason(0.9, true, "kube-system").as_deref(), Some("look first"));
        assert_eq!(reason(0.9, true, "shop").as_deref(), Some("cron"), "a sub-technique is of its technique");
        assert_eq!(reason(0.7, true, "shop"), None, "the score is too low");
        assert_eq!(reason(0.9, false, "shop"), None, "it is the node's");
        let mut piped = capture(7);
        piped.origin = Origin::Stdin;
        let matched = rules.matching(&piped, &verdict(), false, &Identity::default());
        assert_eq!(matched.map(|r| r.reason.as_str()), Some("piped"));
    }

    #[test]
    fn a_shell_is_held_where_a_rule_that_holds_may_match() {
        let rules = load(
            "[[respond]]\naction = \"none\"\nnamespace = \"kube-*\"\nreason = \"look first\"\n\
             [[respond]]\naction = \"kill\"\nnamespace = \"shop\"\nmin_score = 0.9\nreason = \"not these\"\n\
             [[respond]]\naction = \"hold\"\nlabels = { app = \"web\" }\nreason = \"web\"\n",
        )
        .unwrap();
        assert!(!rules.may_hold(true, &in_namespace("kube-system")), "the first rule is about all of them");
        assert!(rules.may_hold(true, &in_namespace("shop")), "its score may be too low for the second");
        assert!(rules.may_hold(true, &Identity::default()), "nobody knows yet");
        assert!(!rules.may_hold(false, &Identity::default()), "it is the node's");
        let all = Rules::all_containers();
        assert!(all.may_hold(true, &Identity::default()) && !all.may_hold(false, &Identity::default()));
        let node = load("[[respond]]\naction = \"hold\"\nnode = true\nreason = \"all\"\n").unwrap();
        assert!(node.hold_in_node() && node.may_hold(false, &Identity::default()) && !all.hold_in_node());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("[[respond]]\naction = \"stop\"\nreason = \"x\"\n", "unknown variant `stop`"),
            ("[[respond]]\naction = \"kill\"\n", "missing field `reason`"),
            ("[[respond]]\naction = \"kill\"\nreason = \" \"\n", "reason is empty"),
            ("[[respond]]\naction = \"kill\"\nreason = \"x\"\nmin_score = 2\n", "not from 0 to 1"),
            ("[[respond]]\naction = \"kill\"\nreason = \"x\"\ntechnique = \"T9\"\n", "is none of T1105"),
            ("[[respond]]\naction = \"kill\"\nreason = \"x\"\nnamespace = \"a[\"\n", "namespace = \"a[\""),
            ("[[respond]]\naction = \"kill\"\nreason = \"x\"\nimgae = \"a\"\n", "unknown field `imgae`"),
        ] {
            let message = load(text).unwrap_err();
            assert!(message.contains(says), "{message:?} does not say {says:?}");
        }
    }
}
