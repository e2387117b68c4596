//! Which verdicts are not reported, by the operator's rules: a file that the sensor and replay both honour.
//!
//! ```toml
//! [[suppress]]
//! sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
//! reason = "our own installer, reviewed"
//!
//! [[suppress]]
//! path = "/opt/ci/**/*.sh"
//! expires = 2027-01-31
//! reason = "build agents"
//!
//! [[suppress]]
//! namespace = "ci-*"
//! image = "europe-docker.pkg.dev/acme/build/*"
//! provenance = "image"
//! reason = "they install toolchains"
//! ```
//!
//! A rule matches when all that it names does. A suppressed verdict is counted, and nothing leaves the node.

use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;

use identity::{Container, Provenance};
pub use rule_file::RuleFileError;
use script::Capture;
use verdict::ScriptHash;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    suppress: Vec<RuleForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    sha256: Option<String>,
    path: Option<String>,
    image: Option<String>,
    namespace: Option<String>,
    provenance: Option<String>,
    expires: Option<toml::value::Datetime>,
    reason: String,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    sha256: Option<ScriptHash>,
    path: Option<GlobMatcher>,
    image: Option<GlobMatcher>,
    namespace: Option<GlobMatcher>,
    /// Where the script's file came from.
    provenance: Option<Provenance>,
    /// The last day on which it holds, UTC.
    expires: Option<Date>,
    /// Why, in the operator's words.
    pub reason: String,
}

/// The rules of a file.
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    rules: Vec<Rule>,
}

impl Suppressions {
    /// Reads and checks a file of rules.
    pub fn load(path: &Path) -> Result<Self, RuleFileError> {
        let rules =
            rule_file::load("suppressions", path, |file: FileForm| file.suppress, |_, rule| check(rule))?;
        Ok(Self { rules })
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Does any rule need to know the container's image or namespace?
    pub fn need_identity(&self) -> bool {
        self.rules.iter().any(|rule| rule.image.is_some() || rule.namespace.is_some())
    }

    /// Does any rule need to know where a script's file came from?
    pub fn need_provenance(&self) -> bool {
        self.rules.iter().any(|rule| rule.provenance.is_some())
    }

    /// The first rule in force that matches a script that ran in `container`. A rule that names an image, a namespace or a
    /// provenance matches nothing of which that is not known.
    pub fn matching(
        &self,
        capture: &Capture,
        hash: &ScriptHash,
        container: Option<&Container>,
        provenance: Option<Provenance>,
        now: Timestamp,
    ) -> Option<&Rule> {
        if self.rules.is_empty() {
            return None;
        }
        let fits = |glob: &Option<GlobMatcher>, value: Option<&str>| {
            glob.as_ref().is_none_or(|glob| value.is_some_and(|value| glob.is_match(value)))
        };
        let path = capture.path.as_ref().map(|path| String::from_utf8_lossy(path));
        let namespace = container.and_then(|c| c.pod.as_ref()).map(|pod| pod.namespace.as_str());
        let image = container.map(|c| c.image_uri.as_str()).filter(|image| !image.is_empty());
        let today = now.to_zoned_datetime(TimeZone::UTC).date();
        self.rules.iter().find(|rule| {
            rule.expires.is_none_or(|last| today <= last)
                && rule.sha256.is_none_or(|wanted| wanted == *hash)
                && fits(&rule.path, path.as_deref())
                && fits(&rule.image, image)
                && fits(&rule.namespace, namespace)
                && rule.provenance.is_none_or(|wanted| provenance == Some(wanted))
        })
    }
}

/// What a glob means, in rules and in filters: a star matches within a directory, two of them across directories.
pub fn glob(text: &str) -> Result<GlobMatcher, String> {
    let built = GlobBuilder::new(text).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|e| e.kind().to_string())
}

fn check(form: RuleForm) -> Result<Rule, String> {
    if form.sha256.is_none() && [&form.path, &form.image, &form.namespace].iter().all(|glob| glob.is_none()) {
        return Err(
            "it names none of sha256, path, image and namespace, so it would suppress too much".to_owned()
        );
    }
    if form.reason.trim().is_empty() {
        return Err("its reason is empty: say why, for whoever reads this in a year".to_owned());
    }
    let sha256 = form.sha256.map(|text| {
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash)
            .map(|()| ScriptHash(hash))
            .map_err(|_| format!("sha256 = {text:?} is not 64 hex digits"))
    });
    let glob = |key: &str, text: Option<String>| -> Result<Option<GlobMatcher>, String> {
        text.map(|text| glob(&text).map_err(|e| format!("{key} = {text:?}: {e}"))).transpose()
    };
    let provenance = form.provenance.map(|text| {
        let found = Provenance::ALL.into_iter().find(|each| each.name() == text);
        found.ok_or_else(|| {
            format!("provenance = {text:?} is none of {}", Provenance::ALL.map(Provenance::name).join(", "))
        })
    });
    let expires = form.expires.map(|datetime| {
        let date = datetime.date.filter(|_| datetime.time.is_none());
        date.and_then(|d| Date::new(d.year as i16, d.month as i8, d.day as i8).ok())
            .ok_or_else(|| format!("expires = {datetime} is no date such as 2027-01-31"))
    });
    Ok(Rule {
        sha256: sha256.transpose()?,
        path: glob("path", form.path)?,
        image: glob("image", form.image)?,
        namespace: glob("namespace", form.namespace)?,
        provenance: provenance.transpose()?,
        expires: expires.transpose()?,
        reason: form.reason,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use identity::{ContainerId, Pod};

    fn load(text: &str) -> Result<Suppressions, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Suppressions::load(file.path()).map_err(|e| e.to_string())
    }

    fn capture(path: Option<&str>) -> Capture {
        Capture { path: path.map(|p| p.as_bytes().to_vec()), ..script::sample(1, b"x") }
    }

    #[test]
    fn a_rule_holds_for_what_it_names_until_it_expires() {
        let hash = ScriptHash::of(b"x");
        let rules = load(&format!(
            "[[suppress]]\npath = \"/opt/*/run.sh\"\nexpires = 2027-01-31\nreason = \"ours\"\n\
             [[suppress]]\nsha256 = \"{hash}\"\nreason = \"reviewed\"\n"
        ))
        .unwrap();
        let on = |date: &str| -> Timestamp { format!("{date}T23:59:00Z").parse().unwrap() };
        let reason = |path: &str, hash: &ScriptHash, date: &str| {
            rules.matching(&capture(Some(path)), hash, None, None, on(date)).map(|r| r.reason.clone())
        };
        let other = ScriptHash::of(b"y");
        assert_eq!(reason("/opt/a/run.sh", &other, "2027-01-31").as_deref(), Some("ours"));
        assert_eq!(reason("/opt/a/run.sh", &other, "2027-02-01"), None);
        assert_eq!(reason("/opt/a/b/run.sh", &other, "2027-01-01"), None, "a star stays in a directory");
        assert_eq!(reason("/elsewhere", &hash, "2040-01-01").as_deref(), Some("reviewed"));
        assert!(rules.matching(&capture(None), &other, None, None, on("2026-12-01")).is_none());
    }

    #[test]
    fn a_rule_about_images_and_namespaces_needs_to_know_them() {
        let rules = load(
            "[[suppress]]\nnamespace = \"ci-*\"\nimage = \"registry.example/build/*\"\nreason = \"toolchains\"\n",
        )
        .unwrap();
        let matches = |namespace: &str, image: &str| {
            let pod = Pod { namespace: namespace.to_owned(), ..Pod::default() };
            let container = Container {
                id: ContainerId::new(&"0".repeat(64)).unwrap(),
                name: String::new(),
                image_uri: image.to_owned(),
                image_id: String::new(),
                labels: BTreeMap::new(),
                created_unix_ns: None,
                sandbox: String::new(),
                pod: Some(pod),
            };
            let (hash, now) = (ScriptHash::of(b"x"), Timestamp::UNIX_EPOCH);
            rules.matching(&capture(None), &hash, Some(&container), None, now).is_some()
        };
        assert!(matches("ci-7", "registry.example/build/rust:1"));
        assert!(!matches("shop", "registry.example/build/rust:1"));
        assert!(!matches("ci-7", "registry.example/web:1"));
        assert!(!matches("ci-7", ""));
        assert!(
            rules
                .matching(&capture(None), &ScriptHash::of(b"x"), None, None, Timestamp::UNIX_EPOCH)
                .is_none(),
            "nothing is known of it"
        );
    }

    #[test]
    fn a_rule_about_provenance_needs_to_know_it() {
        let rules =
            load("[[suppress]]\npath = \"/opt/**\"\nprovenance = \"image\"\nreason = \"ours\"\n").unwrap();
        assert!(rules.need_provenance());
        let matches = |provenance| {
            let (hash, now) = (ScriptHash::of(b"x"), Timestamp::UNIX_EPOCH);
            rules.matching(&capture(Some("/opt/run.sh")), &hash, None, provenance, now).is_some()
        };
        assert!(matches(Some(Provenance::Image)));
        assert!(!matches(Some(Provenance::Written)), "somebody wrote it since the container started");
        assert!(!matches(None));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, says) in [
            ("[[suppress]]\nreason = \"x\"\n", "rule 1: it names none of"),
            ("[[suppress]]\nsha256 = \"abc\"\nreason = \"x\"\n", "is not 64 hex digits"),
            ("[[suppress]]\nprovenance = \"image\"\nreason = \"x\"\n", "rule 1: it names none of"),
            (
                "[[suppress]]\npath = \"/a\"\nprovenance = \"layer\"\nreason = \"x\"\n",
                "is none of image, written",
            ),
            ("[[suppress]]\npath = \"/a\"\nreason = \" \"\n", "reason is empty"),
            ("[[suppress]]\npath = \"/a[\"\nreason = \"x\"\n", "path = \"/a[\""),
            ("[[suppress]]\npaht = \"/a\"\nreason = \"x\"\n", "unknown field `paht`"),
            ("[[suppress]]\npath = \"/a\"\n", "missing field `reason`"),
            ("[[suppress]]\npath = \"/a\"\nexpires = 2027-01-31T10:00:00Z\nreason = \"x\"\n", "is no date"),
            ("[[suppress]]\npath = \"/a\"\nexpires = \"soon\"\nreason = \"x\"\n", "expires"),
        ] {
            let message = load(text).unwrap_err();
            assert!(message.contains(says), "{message:?} does not say {says:?}");
        }
    }
}
