//! Findings as events of the Open Cybersecurity Schema Framework, version 1.5.0 (<https://schema.ocsf.io/1.5.0>).
//!
//! Attributes, their types and their numbers are that schema's. What it has no attribute for is in `unmapped`, under the names
//! that the finding's source properties have.

use proto::{
    scc::{Container, File, Finding, Label, Process, finding::Severity, kubernetes::Pod},
    well_known::{Timestamp, Value as Property, value::Kind},
};
use serde_json::{Map, Value, json};
use store::Stored;

/// Version of the schema.
const VERSION: &str = "1.5.0";
/// The schema's numbers: of kinds of scripts, hashes, files, devices, analytics and accounts.
const UNIX_SHELL: i32 = 6;
const SHA_256: i32 = 3;
const REGULAR_FILE: i32 = 1;
const SERVER: i32 = 1;
const LEARNING: i32 = 4;
const GCP_PROJECT: i32 = 11;

/// Parents that are told, each within the one before: whoever reads them goes down as deep.
const PARENTS: usize = 16;

/// Which class of events a finding becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Detection Finding (2004): somebody has to look at it.
    DetectionFinding,
    /// Script Activity (1009): a script ran. What is no script is a Detection Finding.
    ScriptActivity,
}

/// The event.
pub(crate) fn event(stored: &Stored, class: Class) -> Value {
    let finding = &stored.finding;
    let told = Told { finding, node: &stored.node };
    let time = millis(finding.event_time.as_ref()).unwrap_or(stored.stored_ns / 1_000_000);
    let main = finding.processes.first();
    let script = main.and_then(|process| process.script.as_ref());
    let mut event = if class == Class::ScriptActivity
        && let (Some(process), Some(script)) = (main, script)
    {
        told.script_activity(process, script)
    } else {
        told.detection_finding()
    };
    let common = json!({
        "time": time,
        "start_time": time,
        "end_time": told.last_seen(),
        "count": told.count(),
        "message": finding.description,
        "severity_id": severity(finding).0,
        "severity": severity(finding).1,
        "is_alert": true,
        "action_id": if told.is_killed() { 2 } else { 3 },
        "action": if told.is_killed() { "Denied" } else { "Observed" },
        "disposition_id": if told.is_killed() { 2 } else { 15 },
        "disposition": if told.is_killed() { "Blocked" } else { "Detected" },
        "attacks": told.attacks(),
        "cloud": told.cloud(),
        "device": told.device(),
        "metadata": {
            "version": VERSION,
            "product": {
                "name": "scriptwatch",
                "vendor_name": "scriptwatch",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "profiles": told.profiles(),
            "uid": format!("{}.{}", told.id(), stored.seq),
            "correlation_uid": finding.name,
            "event_code": finding.module_name,
            "logged_time": stored.stored_ns / 1_000_000,
        },
        "observables": told.observables(),
        "unmapped": told.unmapped(),
    });
    if let (Value::Object(event), Value::Object(common)) = (&mut event, common) {
        event.extend(common);
    }
    prune(&mut event);
    event
}

/// Takes out what is empty: an attribute that is not known is not there.
fn prune(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => {
            values.retain_mut(prune);
            !values.is_empty()
        }
        Value::Object(members) => {
            // An empty text is one.
            members.retain(|name, member| name == "value" || prune(member));
            !members.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn millis(time: Option<&Timestamp>) -> Option<i64> {
    time.map(|time| time.seconds.saturating_mul(1000).saturating_add(i64::from(time.nanos) / 1_000_000))
}

fn severity(finding: &Finding) -> (i32, &'static str) {
    match finding.severity() {
        Severity::Critical => (5, "Critical"),
        Severity::High => (4, "High"),
        Severity::Medium => (3, "Medium"),
        Severity::Low => (2, "Low"),
        Severity::Unspecified => (0, "Unknown"),
    }
}

fn described(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({ "desc": text }))
}

fn sha256(hex: &str) -> Option<Value> {
    let is_hash = !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| json!([{ "algorithm_id": SHA_256, "algorithm": "SHA-256", "value": hex }]))
}

/// A file needs a name.
fn file(file: &File) -> Option<Value> {
    let name = file.path.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some(json!({
        "name": name,
        "path": file.path,
        "type_id": REGULAR_FILE,
        "type": "Regular File",
        "size": (file.size > 0).then_some(file.size),
        "hashes": sha256(&file.sha256),
    }))
}

fn labels(labels: &[Label]) -> Vec<String> {
    labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect()
}

/// A process without its parents.
fn process_alone(process: &Process) -> Value {
    json!({
        "pid": process.pid,
        "name": process.name,
        "cmd_line": process.args.join(" "),
        "file": process.binary.as_ref().and_then(file),
        "user": { "uid": process.user_id.to_string() },
    })
}

/// A static pod's uid is none.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let is_hex = |group: &str| group.bytes().all(|b| b.is_ascii_hexdigit());
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.into_iter().all(is_hex)
}

/// A finding, and what its parts say.
struct Told<'a> {
    finding: &'a Finding,
    /// The sensor's.
    node: &'a str,
}

impl Told<'_> {
    fn property(&self, key: &str) -> Option<&Kind> {
        self.finding.source_properties.get(key)?.kind.as_ref()
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.finding.text_property(key).filter(|text| !text.is_empty())
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.property(key) {
            Some(Kind::NumberValue(number)) => Some(*number),
            _ => None,
        }
    }

    /// How often the script ran, or what went wrong happened.
    fn count(&self) -> Option<i64> {
        let count = self.number("Execution_Count").or_else(|| self.number("Impairment_Count"))?;
        (1.0..9e15).contains(&count).then_some(count as i64)
    }

    fn is_update(&self) -> bool {
        self.count().is_some_and(|count| count > 1)
    }

    fn is_killed(&self) -> bool {
        self.text("Response_Action").is_some_and(|action| action.starts_with("killed"))
    }

    fn id(&self) -> &str {
        self.finding.name.rsplit('/').next().unwrap_or_default()
    }

    fn last_seen(&self) -> Option<i64> {
        let text =
            self.text("Last_Execution_Timestamp").or_else(|| self.text("Impairment_Last_Timestamp"))?;
        store::moment(text).ok().map(|ns| ns / 1_000_000)
    }

    /// In percent.
    fn confidence(&self) -> Option<i64> {
        let score = self.number("Verdict_Score")?;
        (0.0..=1.0).contains(&score).then_some((score * 100.0).round() as i64)
    }

    /// The schema's names for groups of attributes that are here.
    fn profiles(&self) -> Vec<&'static str> {
        let cloud = self.cloud().map(|_| "cloud");
        ["container", "host", "security_control"].into_iter().chain(cloud).collect()
    }

    /// What is a Script Activity's own.
    fn script_activity(&self, process: &Process, script: &File) -> Value {
        json!({
            "activity_id": 1,
            "activity_name": "Execute",
            "category_uid": 1,
            "category_name": "System Activity",
            "class_uid": 1009,
            "class_name": "Script Activity",
            "type_uid": 100_901,
            "type_name": "Script Activity: Execute",
            "actor": { "process": self.process(process) },
            "script": self.script(script),
        })
    }

    /// What is a Detection Finding's own.
    fn detection_finding(&self) -> Value {
        let (activity, name) = if self.is_update() { (2, "Update") } else { (1, "Create") };
        json!({
            "activity_id": activity,
            "activity_name": name,
            "category_uid": 2,
            "category_name": "Findings",
            "class_uid": 2004,
            "class_name": "Detection Finding",
            "type_uid": 200_400 + activity,
            "type_name": format!("Detection Finding: {name}"),
            "finding_info": self.finding_info(),
            "evidences": self.evidences(),
            "resources": self.resources(),
            "remediation": described(&self.finding.next_steps),
            "status_id": 1,
            "status": "New",
            "confidence_score": self.confidence(),
        })
    }

    fn finding_info(&self) -> Value {
        let finding = self.finding;
        let is_script = finding.processes.first().is_some_and(|process| process.script.is_some());
        json!({
            "uid": finding.name,
            "title": finding.category,
            "desc": finding.description,
            "src_url": finding.external_uri,
            "created_time": millis(finding.create_time.as_ref()),
            "first_seen_time": self.text("Impairment_First_Timestamp")
                .and_then(|text| store::moment(text).ok().map(|ns| ns / 1_000_000))
                .or_else(|| millis(finding.event_time.as_ref())),
            "last_seen_time": self.last_seen(),
            "attacks": self.attacks(),
            "analytic": is_script.then(|| json!({
                "name": "scriptwatch",
                "uid": finding.module_name,
                "type_id": LEARNING,
                "type": "Learning (ML/DL)",
            })),
        })
    }

    fn evidences(&self) -> Option<Value> {
        let process = self.finding.processes.first()?;
        let script = process.script.as_ref().map(|script| self.script(script));
        Some(json!([{ "process": self.process(process), "script": script, "container": self.container() }]))
    }

    /// A script, with its hash and, when it is on disk, its file.
    fn script(&self, script: &File) -> Value {
        let is_cut = script.partially_hashed.then_some(true);
        json!({
            "type_id": UNIX_SHELL,
            "type": "Unix Shell",
            "uid": self.id(),
            "parent_uid": self.text("Script_Parent"),
            "name": script.path.rsplit('/').next(),
            "hashes": sha256(&script.sha256),
            "file": file(script),
            "script_content": {
                "value": script.contents,
                "is_truncated": is_cut.unwrap_or_default(),
                "untruncated_size": is_cut.map(|_| script.size),
            },
        })
    }

    /// The shell, and who started it, the nearest inmost.
    fn process(&self, process: &Process) -> Value {
        let mut told = process_alone(process);
        told["container"] = json!(self.container());
        told["namespace_pid"] = json!(self.number("Container_Pid").map(|pid| pid as i64));
        let created = self.text("Process_Creation_Timestamp").and_then(|text| store::moment(text).ok());
        told["created_time"] = json!(created.map(|ns| ns / 1_000_000));
        let parents = self.finding.processes.get(1..).unwrap_or_default();
        let mut parent = None;
        for process in parents.iter().take(PARENTS).rev() {
            let mut told = process_alone(process);
            told["parent_process"] = parent.unwrap_or_default();
            parent = Some(told);
        }
        told["parent_process"] = json!(
            parent.or_else(|| { (process.parent_pid > 0).then(|| json!({ "pid": process.parent_pid })) })
        );
        told
    }

    fn container(&self) -> Option<Value> {
        let named: Option<&Container> = self.finding.containers.first().filter(|it| !it.name.is_empty());
        let uid = self.text("Container_Id");
        if named.is_none() && uid.is_none() {
            return None;
        }
        let image = named.filter(|container| !container.uri.is_empty()).map(|container| {
            json!({ "name": container.uri, "uid": if container.image_id.is_empty() { &container.uri } else { &container.image_id } })
        });
        Some(json!({
            "uid": uid,
            "name": named.map(|container| &container.name),
            "image": image,
            "labels": named.map(|container| labels(&container.labels)),
            "orchestrator": self.pod().map(|_| "Kubernetes"),
            "pod_uuid": self.text("Pod_Uid").filter(|uid| is_uuid(uid)),
        }))
    }

    fn pod(&self) -> Option<&Pod> {
        self.finding.kubernetes.as_ref()?.pods.first().filter(|pod| !pod.name.is_empty())
    }

    fn resources(&self) -> Vec<Value> {
        let pod = self.pod().map(|pod| {
            json!({
                "type": "Pod",
                "name": pod.name,
                "namespace": pod.ns,
                "uid": self.text("Pod_Uid"),
                "labels": labels(&pod.labels),
            })
        });
        let node = (!self.finding.resource_name.is_empty()).then(
            || json!({ "type": "Node", "name": self.text("Node_Name"), "uid": self.finding.resource_name }),
        );
        pod.into_iter().chain(node).collect()
    }

    fn device(&self) -> Value {
        json!({
            "type_id": SERVER,
            "type": "Server",
            "hostname": self.text("Node_Name").unwrap_or(self.node),
            "uid": self.text("VM_Instance_Id").unwrap_or(&self.finding.resource_name),
            "zone": self.text("VM_Zone"),
        })
    }

    fn cloud(&self) -> Option<Value> {
        let project = self.text("Project_Id")?;
        Some(json!({
            "provider": "GCP",
            "account": { "uid": project, "type_id": GCP_PROJECT, "type": "GCP Project" },
            "region": self.text("Cluster_Location"),
            "zone": self.text("VM_Zone"),
        }))
    }

    fn attacks(&self) -> Vec<Value> {
        let Some(Kind::ListValue(list)) = self.property("Verdict_Techniques") else { return Vec::new() };
        let version = self.finding.mitre_attack.as_ref().map(|attack| &attack.version);
        let of = |value: &Property| {
            let Some(Kind::StringValue(id)) = value.kind.as_ref() else { return None };
            if id.is_empty() || id.starts_with('.') {
                return None;
            }
            let (technique, below) = id.split_once('.').map_or((id.as_str(), None), |(it, _)| (it, Some(id)));
            Some(json!({
                "technique": { "uid": technique },
                "sub_technique": below.map(|id| json!({ "uid": id })),
                "version": version,
            }))
        };
        list.values.iter().filter_map(of).collect()
    }

    fn observables(&self) -> Vec<Value> {
        let Some(indicator) = &self.finding.indicator else { return Vec::new() };
        let of = |values: &[String], type_id: i32, kind: &str| -> Vec<Value> {
            let one = |value: &String| json!({ "type_id": type_id, "type": kind, "name": "script.script_content", "value": value });
            values.iter().map(one).collect()
        };
        [
            of(&indicator.ip_addresses, 2, "IP Address"),
            of(&indicator.domains, 1, "Hostname"),
            of(&indicator.uris, 6, "URL String"),
        ]
        .concat()
    }

    /// All that the sensor says, under its own names.
    fn unmapped(&self) -> Value {
        let properties: Map<String, Value> = self
            .finding
            .source_properties
            .iter()
            .map(|(key, value)| (key.clone(), serde_json::to_value(value).unwrap_or_default()))
            .collect();
        Value::Object(properties)
    }
}
