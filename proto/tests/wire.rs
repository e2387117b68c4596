//! The bytes are Security Command Center's: a full finding goes through the types generated from the official
//! protos and comes back the same, with every field seen on the way.

use std::collections::BTreeMap;

use googleapis_tonic_google_cloud_securitycenter_v2::google::cloud::securitycenter::v2 as official;
use prost::Message;
use proto::{
    scc::{
        Container, EnvironmentVariable, File, Finding, Indicator, Kubernetes, Label, MitreAttack, Process,
        finding::{FindingClass, Mute, Severity, State},
        kubernetes::{Node, Pod},
        mitre_attack::{Tactic, Technique},
    },
    well_known::{Timestamp, Value, value::Kind},
};

fn text(s: &str) -> String {
    s.to_owned()
}

fn file(tag: &str) -> File {
    File {
        path: format!("/{tag}"),
        size: 11,
        sha256: format!("{tag}-sha"),
        hashed_size: 10,
        partially_hashed: true,
        contents: format!("{tag} contents"),
    }
}

/// A finding with something in every field.
fn full() -> Finding {
    let time = |seconds| Some(Timestamp { seconds, nanos: 5 });
    let label = || Label { name: text("l"), value: text("v") };
    let container = || Container {
        name: text("c"),
        uri: text("u"),
        image_id: text("i"),
        labels: vec![label()],
        create_time: time(3),
    };
    Finding {
        name: text("n"),
        canonical_name: text("cn"),
        parent: text("p"),
        resource_name: text("r"),
        state: State::Active.into(),
        category: text("cat"),
        external_uri: text("uri"),
        source_properties: BTreeMap::from([(text("k"), Value { kind: Some(Kind::StringValue(text("v"))) })]),
        event_time: time(1),
        create_time: time(2),
        severity: Severity::Critical.into(),
        mute: Mute::Unmuted.into(),
        finding_class: FindingClass::Threat.into(),
        indicator: Some(Indicator {
            ip_addresses: vec![text("ip")],
            domains: vec![text("d")],
            uris: vec![text("u")],
        }),
        mitre_attack: Some(MitreAttack {
            primary_tactic: Tactic::Execution.into(),
            primary_techniques: vec![Technique::UnixShell.into()],
            additional_tactics: vec![Tactic::Impact.into()],
            additional_techniques: vec![Technique::EscapeToHost.into()],
            version: text("9"),
        }),
        processes: vec![Process {
            name: text("proc"),
            binary: Some(file("bin")),
            libraries: vec![file("lib")],
            script: Some(file("script")),
            args: vec![text("a"), text("b")],
            arguments_truncated: true,
            env_variables: vec![EnvironmentVariable { name: text("E"), val: text("V") }],
            env_variables_truncated: true,
            pid: 12,
            parent_pid: 13,
            user_id: 14,
        }],
        parent_display_name: text("pdn"),
        description: text("desc"),
        next_steps: text("steps"),
        module_name: text("mod"),
        containers: vec![container()],
        kubernetes: Some(Kubernetes {
            pods: vec![Pod {
                ns: text("ns"),
                name: text("pod"),
                labels: vec![label()],
                containers: vec![container()],
            }],
            nodes: vec![Node { name: text("node") }],
        }),
        files: vec![file("f")],
    }
}

fn same_file(ours: &File, theirs: &official::File) {
    assert_eq!(
        (&ours.path, ours.size, &ours.sha256, ours.hashed_size, ours.partially_hashed, &ours.contents),
        (
            &theirs.path,
            theirs.size,
            &theirs.sha256,
            theirs.hashed_size,
            theirs.partially_hashed,
            &theirs.contents
        )
    );
}

fn same_container(ours: &Container, theirs: &official::Container) {
    assert_eq!((&ours.name, &ours.uri, &ours.image_id), (&theirs.name, &theirs.uri, &theirs.image_id));
    assert_eq!(
        (&ours.labels[0].name, &ours.labels[0].value),
        (&theirs.labels[0].name, &theirs.labels[0].value)
    );
    assert_eq!(ours.create_time.as_ref().unwrap().seconds, theirs.create_time.as_ref().unwrap().seconds);
}

#[test]
fn every_field_arrives_in_the_official_types() {
    let ours = full();
    let theirs = official::Finding::decode(&ours.encode_to_vec()[..]).unwrap();
    assert_eq!(
        [
            &ours.name,
            &ours.canonical_name,
            &ours.parent,
            &ours.resource_name,
            &ours.category,
            &ours.external_uri
        ],
        [
            &theirs.name,
            &theirs.canonical_name,
            &theirs.parent,
            &theirs.resource_name,
            &theirs.category,
            &theirs.external_uri
        ]
    );
    assert_eq!(
        [&ours.parent_display_name, &ours.description, &ours.next_steps, &ours.module_name],
        [&theirs.parent_display_name, &theirs.description, &theirs.next_steps, &theirs.module_name]
    );
    assert_eq!(theirs.state(), official::finding::State::Active);
    assert_eq!(theirs.severity(), official::finding::Severity::Critical);
    assert_eq!(theirs.mute(), official::finding::Mute::Unmuted);
    assert_eq!(theirs.finding_class(), official::finding::FindingClass::Threat);
    assert_eq!(theirs.source_properties["k"].kind, Some(prost_types::value::Kind::StringValue(text("v"))));
    assert_eq!(theirs.event_time.as_ref().unwrap().seconds, 1);
    assert_eq!(theirs.create_time.as_ref().unwrap().seconds, 2);
    let (a, b) = (ours.indicator.as_ref().unwrap(), theirs.indicator.as_ref().unwrap());
    assert_eq!((&a.ip_addresses, &a.domains, &a.uris), (&b.ip_addresses, &b.domains, &b.uris));
    let attack = theirs.mitre_attack.as_ref().unwrap();
    assert_eq!(attack.primary_tactic(), official::mitre_attack::Tactic::Execution);
    assert_eq!(
        attack.primary_techniques().collect::<Vec<_>>(),
        [official::mitre_attack::Technique::UnixShell]
    );
    assert_eq!(attack.additional_tactics().collect::<Vec<_>>(), [official::mitre_attack::Tactic::Impact]);
    assert_eq!(
        attack.additional_techniques().collect::<Vec<_>>(),
        [official::mitre_attack::Technique::EscapeToHost]
    );
    assert_eq!(attack.version, "9");
    let (a, b) = (&ours.processes[0], &theirs.processes[0]);
    assert_eq!(
        (&a.name, &a.args, a.arguments_truncated, a.env_variables_truncated),
        (&b.name, &b.args, b.arguments_truncated, b.env_variables_truncated)
    );
    assert_eq!((a.pid, a.parent_pid, a.user_id), (b.pid, b.parent_pid, b.user_id));
    assert_eq!(
        (&a.env_variables[0].name, &a.env_variables[0].val),
        (&b.env_variables[0].name, &b.env_variables[0].val)
    );
    same_file(a.binary.as_ref().unwrap(), b.binary.as_ref().unwrap());
    same_file(a.script.as_ref().unwrap(), b.script.as_ref().unwrap());
    same_file(&a.libraries[0], &b.libraries[0]);
    same_file(&ours.files[0], &theirs.files[0]);
    same_container(&ours.containers[0], &theirs.containers[0]);
    let (a, b) = (ours.kubernetes.as_ref().unwrap(), theirs.kubernetes.as_ref().unwrap());
    assert_eq!(
        (&a.pods[0].ns, &a.pods[0].name, &a.pods[0].labels[0].name),
        (&b.pods[0].ns, &b.pods[0].name, &b.pods[0].labels[0].name)
    );
    same_container(&a.pods[0].containers[0], &b.pods[0].containers[0]);
    assert_eq!(a.nodes[0].name, b.nodes[0].name);

    // Nothing was left behind on the way: what comes back is what went in.
    assert_eq!(Finding::decode(&theirs.encode_to_vec()[..]).unwrap(), ours);
}

#[test]
fn every_tactic_and_technique_has_the_official_number() {
    for number in 0..256 {
        let ours = Technique::try_from(number).map(|t| t.as_str_name()).ok();
        let theirs = official::mitre_attack::Technique::try_from(number).map(|t| t.as_str_name()).ok();
        assert_eq!(ours, theirs);
        let ours = Tactic::try_from(number).map(|t| t.as_str_name()).ok();
        let theirs = official::mitre_attack::Tactic::try_from(number).map(|t| t.as_str_name()).ok();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn json_has_the_names_of_the_public_api() {
    let json = serde_json::to_value(full()).unwrap();
    assert_eq!(json["findingClass"], "THREAT");
    assert_eq!(json["processes"][0]["script"]["hashedSize"], "10");
    assert_eq!(json["mitreAttack"]["primaryTechniques"][0], "UNIX_SHELL");
    assert_eq!(json["sourceProperties"]["k"], "v");
    assert_eq!(serde_json::from_value::<Finding>(json).unwrap(), full());
}
