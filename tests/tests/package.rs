//! The image of `cargo xtask package` as the chart deploys it: in a container of its own under containerd, with the
//! mounts, capabilities and environment that the manifest gives it and no others.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{
    certificate::Authority,
    collectors,
    containerd::{Containerd, Plan, Pod},
    daemon::{self, Daemon},
    issuer::{self, Issuer},
    kubelet::{self, Kubelet, Running, TokenRequest},
    manifests::{self, Objects},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const IMAGE: &str = "docker.io/library/scriptwatch:0.1.0";
const SENSOR: &str = "DaemonSet scriptwatch-sensor";

/// A cluster of one node: containerd with the packaged image, and a collector.
struct Cluster {
    dir: TempDir,
    containerd: Containerd,
    issuer: Issuer,
    _collector: Daemon,
    objects: Objects,
}

/// A collector with a certificate, which believes the tokens of whom its pod's environment names; and who signs them.
fn believing(dir: &Path, container: &Value) -> (Issuer, Daemon, u16) {
    let authority = Authority::new("ours").expect("an authority");
    let ca = authority.write(dir, "ca.pem").expect("a file");
    let own = authority.issue(dir, "server", "127.0.0.1", 24).expect("a certificate");
    let issuer = Issuer::start(&own, "the-collectors-own").expect("a cluster");
    fs::write(dir.join("bearer"), "the-collectors-own").expect("a file");
    let keys = format!("https://{}{}", issuer.address, issuer::PATH);
    let env = container["env"].as_array().expect("an environment");
    let told = |name: &str| {
        let entry = env.iter().find(|entry| entry["name"] == name);
        entry.and_then(|entry| entry["value"].as_str()).expect(name).to_owned()
    };
    let path = |path: &Path| path.to_str().expect("a path").to_owned();
    let args = [
        ["--tls-cert".to_owned(), path(&own.certificate)],
        ["--tls-key".to_owned(), path(&own.key)],
        ["--token-keys".to_owned(), keys],
        ["--token-keys-ca".to_owned(), path(&ca)],
        ["--token-keys-bearer".to_owned(), path(&dir.join("bearer"))],
        ["--token-audience".to_owned(), told("SCRIPTWATCH_COLLECTOR_TOKEN_AUDIENCE")],
        ["--token-subject".to_owned(), told("SCRIPTWATCH_COLLECTOR_TOKEN_SUBJECT")],
    ];
    let args: Vec<&str> = args.as_flattened().iter().map(String::as_str).collect();
    let (collector, port) = collectors::start_with(dir, "port", 0, &args).expect("a collector");
    (issuer, collector, port)
}

impl Cluster {
    fn start() -> Self {
        let containerd = Containerd::start_shared(&[]).expect("containerd");
        let image = std::env::var_os("SCRIPTWATCH_TEST_IMAGE")
            .expect("SCRIPTWATCH_TEST_IMAGE: run this with `cargo xtask test`");
        containerd.import_tar(&PathBuf::from(image)).expect("the image");
        let dir = tempfile::tempdir().expect("a directory");
        let mut objects = manifests::read().expect("the manifests");
        let collector_set = &objects["Deployment scriptwatch-collector"]["spec"]["template"]["spec"];
        let (issuer, collector, port) = believing(dir.path(), &collector_set["containers"][0]);
        let ca = fs::read(dir.path().join("ca.pem")).expect("an authority");
        let secret = json!({ "data": { "ca.crt": BASE64_STANDARD.encode(ca) } });
        objects.insert("Secret scriptwatch-collector-ca".to_owned(), secret);
        // Pods share the machine's network here.
        let config = &mut objects.get_mut("ConfigMap scriptwatch-sensor").expect("a configuration")["data"];
        let text = config["sensor.toml"].as_str().expect("a file");
        let text = text
            .replace("scriptwatch-collector.scriptwatch.svc:7600", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:7601", "127.0.0.1:0")
            .replace("0.0.0.0:7603", "127.0.0.1:0");
        config["sensor.toml"] = text.into();
        Self { dir, containerd, issuer, _collector: collector, objects }
    }

    /// The sensor's pod as the `DaemonSet` has it, with these capabilities; only what a cluster would fill in differs.
    fn sensor(&self, name: &str, capabilities: &[&str]) -> Running {
        let mut template = self.objects[SENSOR]["spec"]["template"].clone();
        template["spec"]["containers"][0]["securityContext"]["capabilities"]["add"] = json!(capabilities);
        let token = |request: TokenRequest<'_>| {
            let audience = request.audience.expect("the collector's audience");
            self.issuer.token(audience, request.account, request.node, 3600)
        };
        let dir = self.dir.path();
        let kubelet = Kubelet { node: "node-1", containerd: &self.containerd, dir, token: &token };
        kubelet.run(name, &self.objects, &template, |_| Ok(())).expect("the sensor")
    }

    /// As the chart grants them on this kernel.
    fn capabilities(&self) -> Vec<String> {
        kubelet::capabilities(&self.objects[SENSOR]["spec"]["template"])
    }

    /// Waits until the sensor's pod says this.
    fn wait_for_words(&self, pod: &Pod, words: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.containerd.output(pod, "sensor");
            if log.contains(words) {
                return log;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{words:?} is not said: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn each_capability_is_missed_by_name() {
    let cluster = Cluster::start();
    let all = cluster.capabilities();
    for missing in &all {
        let others: Vec<&str> = all.iter().filter(|c| *c != missing).map(String::as_str).collect();
        let sensor =
            cluster.sensor(&format!("without-{}", missing.to_lowercase().replace('_', "-")), &others);
        let status = cluster.containerd.wait(&sensor.containers["sensor"]).expect("its end");
        let log = cluster.containerd.output(&sensor.pod, "sensor");
        assert_eq!(status.exit_code, 2, "without {missing}: {log}");
        let says = if missing == "SYS_ADMIN" { "CAP_BPF, CAP_PERFMON" } else { &format!("CAP_{missing}") };
        assert!(log.contains(&format!("needs the capabilities {says}:")), "without {missing}: {log}");
    }
}

#[test]
fn without_the_nodes_process_ids_the_remedy_is_named() {
    let cluster = Cluster::start();
    let pod = cluster.containerd.pod("scriptwatch", "own-pids").expect("a pod");
    let capabilities = cluster.capabilities();
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let plan = Plan {
        name: "sensor",
        image: IMAGE,
        command: &["/usr/bin/sensor", "run"],
        capabilities: Some(&capabilities),
        ..Plan::default()
    };
    let id = cluster.containerd.run(&pod, &plan).expect("the sensor");
    assert_eq!(cluster.containerd.wait(&id).expect("its end").exit_code, 2);
    assert!(cluster.containerd.output(&pod, "sensor").contains("hostPID: true"));
}

#[test]
fn the_memory_of_a_pod_that_ended_is_kept_by_no_mount_of_the_sensor() {
    let cluster = Cluster::start();
    // The sensor comes when the pod is there.
    let pod = cluster.containerd.pod("shop", "web-0").expect("a pod");
    let capabilities = cluster.capabilities();
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let sensor = cluster.sensor("sensor", &capabilities);
    cluster.wait_for_words(&sensor.pod, "ready tier=");
    let own = fs::read_to_string("/proc/self/cgroup").expect("a cgroup");
    // Its /dev/shm, in the namespaces of sensors in containers. (A root file system goes with its directory in any case.)
    let mounts = || {
        let read = |process: &fs::DirEntry, file: &str| {
            fs::read_to_string(process.path().join(file)).unwrap_or_default()
        };
        let processes = fs::read_dir("/proc").expect("processes").flatten();
        let sensors = processes
            .filter(|process| read(process, "comm").trim() == "sensor" && read(process, "cgroup") != own);
        let is_of_pod = |line: &&str| line.contains(&pod.sandbox) && line.contains("/shm ");
        sensors.map(|sensor| read(&sensor, "mountinfo").lines().filter(is_of_pod).count()).sum::<usize>()
    };
    assert!(mounts() > 0, "it is not among the sensor's mounts");
    cluster.containerd.stop_pod(&pod).expect("its end");
    daemon::wait_until("no mount is left", || mounts() == 0);
}
