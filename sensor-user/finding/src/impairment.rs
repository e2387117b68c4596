//! The finding that says that the sensor could not see, or not judge, what some container ran.

use std::collections::BTreeMap;

use proto::{
    scc::{
        Finding,
        finding::{FindingClass, Severity, State},
    },
    well_known::{Value, value::Kind},
};

use crate::{
    id::id_of,
    place::Place,
    time::{rfc3339, timestamp},
};
use identity::{Identity, Node};

/// Category of the finding.
const CATEGORY: &str = "Sensor Impaired";

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Events did not fit into the ring buffer, or their cgroup had used its share of it.
    EventsLost,
    /// Captured scripts were dropped before they were judged.
    CapturesDropped,
    /// Malicious scripts were found, and their findings dropped before they were on disk.
    FindingsDropped,
    /// Findings were dropped from the spool: it was full, and their cgroup had the most in it.
    FindingsGivenUp,
    /// Shells kept more than their cgroup's share of memory: what they read on top was not kept, and judged piece by piece.
    ScriptsCut,
    /// The table of followed shells was full, or their cgroup had used its share of it.
    ShellsNotFollowed,
    /// An executable could not be read in time.
    ExecutableUnreadable,
    /// The BPF programs are attached and do not run.
    ProgramsSilent,
    /// The sensor's run before this one ended without being asked to.
    UncleanEnd,
    /// Pods of this node have a kernel of their own.
    PodsUnseen,
}

impl Reason {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::EventsLost,
        Self::CapturesDropped,
        Self::FindingsDropped,
        Self::FindingsGivenUp,
        Self::ScriptsCut,
        Self::ShellsNotFollowed,
        Self::ExecutableUnreadable,
        Self::ProgramsSilent,
        Self::UncleanEnd,
        Self::PodsUnseen,
    ];

    /// The name in findings and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventsLost => "events_lost",
            Self::CapturesDropped => "captures_dropped",
            Self::FindingsDropped => "findings_dropped",
            Self::FindingsGivenUp => "findings_given_up",
            Self::ScriptsCut => "scripts_cut",
            Self::ShellsNotFollowed => "shells_not_followed",
            Self::ExecutableUnreadable => "executable_unreadable",
            Self::ProgramsSilent => "programs_silent",
            Self::UncleanEnd => "unclean_end",
            Self::PodsUnseen => "pods_unseen",
        }
    }

    /// Is it about the node, and not about what one container did?
    fn is_of_node(self) -> bool {
        matches!(self, Self::ProgramsSilent | Self::UncleanEnd | Self::PodsUnseen)
    }

    fn describe(self, count: u64) -> String {
        match self {
            Self::EventsLost => format!(
                "{count} events of shells were lost in the kernel, since they came faster than the ring buffer is emptied. Scripts that ran there may be missing, or captured in part"
            ),
            Self::CapturesDropped => {
                format!("{count} captured scripts were dropped unjudged, since they came faster than they can be judged")
            }
            Self::FindingsDropped => {
                format!("{count} findings were dropped before they were on disk, since they came faster than they can be written")
            }
            Self::FindingsGivenUp => {
                format!("{count} findings were dropped from the spool: it is full or they waited too long, and of those that wait these had the most room. The collector was out of reach, or is too slow")
            }
            Self::ScriptsCut => {
                format!("{count} times something that a shell read was not kept, since the shells of its cgroup kept more text than is left for others. It was judged piece by piece, without what stood before")
            }
            Self::ShellsNotFollowed => {
                format!("{count} shells were not followed, since too many ran at once. Their scripts are not captured")
            }
            Self::ExecutableUnreadable => {
                format!("{count} executables could not be read within two seconds. Their processes are treated as shells of unknown kind")
            }
            Self::ProgramsSilent => "The BPF programs are attached and do not run any more. No script is captured until they do".to_owned(),
            Self::UncleanEnd => {
                "The sensor's run before this one ended without being asked to: it was killed, ran out of memory, or failed. What shells read until this run began was not seen".to_owned()
            }
            Self::PodsUnseen => {
                format!("{count} pods of this node have a kernel of their own (gVisor, Kata Containers). What their shells run is not seen")
            }
        }
    }

    fn next_steps(self) -> &'static str {
        match self {
            Self::ScriptsCut => {
                "1. Find out what the workload ran at that time: many shells that wait and keep long scripts may be meant to hide another. 2. If that is legitimate, give the sensor more memory and a larger --total-bytes."
            }
            Self::FindingsGivenUp => {
                "1. Look whether the collector is reachable from this node (`sensor status`). 2. Find out what the workload ran at that time: a storm of malicious scripts may be meant to push out others."
            }
            Self::EventsLost | Self::CapturesDropped | Self::FindingsDropped | Self::ShellsNotFollowed => {
                "1. Find out what the workload ran at that time: a storm of shells may be meant to hide a script. 2. If the load is legitimate, give the sensor more CPU, or a larger --ring-bytes or --max-shells."
            }
            Self::ExecutableUnreadable => {
                "1. Look at the file system that the executable lies on: is a network file system hanging? 2. If not, find out who replaced the executable by something that cannot be read."
            }
            Self::ProgramsSilent => {
                "1. Look at `sysctl kernel.ftrace_enabled` on the node and set it to 1. 2. Find out who changed it. 3. Restart the sensor if it did not restart itself."
            }
            Self::UncleanEnd => {
                "1. Read why the sensor's pod was restarted (`kubectl describe pod`): OOMKilled, Error with exit code 70, or a signal. 2. If its memory limit was reached, look for a workload that was attacking it at that time."
            }
            Self::PodsUnseen => {
                "1. Find these pods by their runtime class (`kubectl get pods -A -o custom-columns=NAME:.metadata.name,CLASS:.spec.runtimeClassName`); the metric pods_unseen counts them by runtime handler. 2. Watch them by other means, or run them without it."
            }
        }
    }
}

/// What went wrong, of one cgroup, over some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impairment {
    /// What went wrong.
    pub reason: Reason,
    /// Whose script was not seen; 0 is the node itself.
    pub cgroup: u64,
    /// How many times since it began.
    pub count: u64,
    /// When it began, Unix time in ns.
    pub first_unix_ns: u64,
    /// When it happened last, Unix time in ns.
    pub last_unix_ns: u64,
}

/// Makes the finding. It has the class and shape of the errors by which Security Command Center reports what its own
/// detectors cannot see.
pub fn build_impairment(
    impairment: &Impairment,
    node: &Node,
    identity: &Identity,
    now_unix_ns: u64,
) -> Finding {
    let Impairment { reason, count, first_unix_ns, last_unix_ns, .. } = *impairment;
    let parent = format!("projects/{}/sources/{}/locations/{}", node.project(), node.source, node.location);
    let place = Place::of(identity, node);
    let string = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let number = |n: u64| Value { kind: Some(Kind::NumberValue(n as f64)) };
    let mut properties = BTreeMap::from([
        ("Impairment_Reason", string(reason.name())),
        ("Impairment_Count", number(count)),
        ("Impairment_First_Timestamp", string(&rfc3339(first_unix_ns))),
        ("Impairment_Last_Timestamp", string(&rfc3339(last_unix_ns))),
        ("Node_Name", string(&node.name)),
        ("VM_Instance_Name", string(node.instance())),
    ]);
    if !node.cloud.instance_id.is_empty() {
        // Outside of clusters the resource is named by it.
        properties.insert("VM_Instance_Id", string(&node.cloud.instance_id));
    }
    let by_whom = !reason.is_of_node();
    if by_whom {
        properties.extend(place.properties().into_iter().map(|(key, value)| (key, string(&value))));
    }
    let at = if by_whom {
        format!("{} on node {}", place.words(), node.name)
    } else {
        format!("on node {}", node.name)
    };
    let description = format!(
        "The sensor was impaired {at}. {}. From {} to {}.",
        reason.describe(count),
        rfc3339(first_unix_ns),
        rfc3339(last_unix_ns)
    );
    Finding {
        name: format!("{parent}/findings/{}", id(&node.boot_id, impairment)),
        parent,
        resource_name: node.resource_name(),
        state: State::Active.into(),
        category: CATEGORY.to_owned(),
        source_properties: properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        event_time: Some(timestamp(last_unix_ns)),
        create_time: Some(timestamp(now_unix_ns)),
        severity: Severity::High.into(),
        finding_class: FindingClass::SccError.into(),
        parent_display_name: "scriptwatch".to_owned(),
        description,
        next_steps: reason.next_steps().to_owned(),
        containers: if by_whom { place.containers() } else { Vec::new() },
        kubernetes: Some(place.kubernetes()),
        module_name: "SCRIPTWATCH_SENSOR_IMPAIRED".to_owned(),
        ..Finding::default()
    }
}

/// From the boot, the reason, the cgroup and the begin: further versions replace the first.
fn id(boot_id: &str, impairment: &Impairment) -> String {
    let Impairment { reason, cgroup, first_unix_ns, .. } = impairment;
    let reason = reason.name().as_bytes();
    id_of(&[boot_id.as_bytes(), &[0], reason, &[0], &cgroup.to_le_bytes(), &first_unix_ns.to_le_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Cloud, Container, ContainerId, Pod};

    fn node() -> Node {
        Node {
            name: "n".to_owned(),
            boot_id: "b".to_owned(),
            source: "s".to_owned(),
            location: "global".to_owned(),
            cloud: Cloud { project_id: "p".to_owned(), ..Cloud::default() },
            is_complete: true,
        }
    }

    fn in_pod() -> Identity {
        let pod = Pod {
            namespace: "shop".to_owned(),
            name: "web-0".to_owned(),
            uid: "u".to_owned(),
            labels: BTreeMap::new(),
        };
        let container = Container {
            id: ContainerId::new(&"0".repeat(64)).unwrap(),
            name: "app".to_owned(),
            image_uri: "registry.example/web:1".to_owned(),
            image_id: "sha256:1".to_owned(),
            labels: BTreeMap::new(),
            created_unix_ns: None,
            sandbox: "s".to_owned(),
            pod: Some(pod),
        };
        Identity { container: Some(container.into()), ..Identity::default() }
    }

    const LOST: Impairment = Impairment {
        reason: Reason::EventsLost,
        cgroup: 7,
        count: 12,
        first_unix_ns: 1_700_000_000_000_000_000,
        last_unix_ns: 1_700_000_001_000_000_000,
    };

    #[test]
    fn it_names_the_container_and_what_was_lost() {
        let finding = build_impairment(&LOST, &node(), &in_pod(), 5);
        assert_eq!(finding.finding_class(), FindingClass::SccError);
        assert!(finding.description.contains("pod shop/web-0") && finding.description.contains("12 events"));
        assert_eq!(finding.containers[0].name, "app");
        assert!(finding.processes.is_empty());
    }

    #[test]
    fn a_machine_outside_of_clusters_is_named_as_its_resource_is() {
        let mut machine = node();
        machine.cloud.zone = "z".to_owned();
        machine.cloud.instance_id = "9".to_owned();
        let silent = Impairment { reason: Reason::ProgramsSilent, cgroup: 0, ..LOST };
        let finding = build_impairment(&silent, &machine, &Identity::default(), 5);
        assert!(finding.resource_name.ends_with("/instances/9"));
        let id = finding.source_properties.get("VM_Instance_Id").and_then(|v| v.kind.clone());
        assert_eq!(id, Some(Kind::StringValue("9".to_owned())));
    }

    #[test]
    fn a_later_version_has_the_same_name_and_another_episode_another() {
        let name = |impairment: &Impairment| build_impairment(impairment, &node(), &in_pod(), 5).name;
        let later = Impairment { count: 99, last_unix_ns: 1_700_000_009_000_000_000, ..LOST };
        assert_eq!(name(&LOST), name(&later));
        for other in [
            Impairment { cgroup: 8, ..LOST },
            Impairment { reason: Reason::CapturesDropped, ..LOST },
            Impairment { first_unix_ns: 1_700_000_000_500_000_000, ..LOST },
        ] {
            assert_ne!(name(&LOST), name(&other));
        }
    }

    #[test]
    fn what_is_of_the_node_blames_no_container() {
        let finding =
            build_impairment(&Impairment { reason: Reason::UncleanEnd, ..LOST }, &node(), &in_pod(), 5);
        assert!(finding.containers.is_empty() && !finding.source_properties.contains_key("Pod_Name"));
    }
}
