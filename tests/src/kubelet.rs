//! A node's kubelet as far as pods need one: it makes them from manifests, by the container runtime. What it does not know it refuses.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    containerd::{Containerd, Plan, Pod, Reached},
    manifests::Objects,
};

/// A token that a pod asks for.
#[derive(Clone, Copy, Debug)]
pub struct TokenRequest<'a> {
    /// Whom it is for; the cluster's own API server without one.
    pub audience: Option<&'a str>,
    /// Namespace and name of the service account.
    pub account: (&'a str, &'a str),
    /// The node.
    pub node: &'a str,
}

/// A node.
pub struct Kubelet<'a> {
    /// Its name.
    pub node: &'a str,
    /// Its runtime.
    pub containerd: &'a Containerd,
    /// Where volumes are, and what stands for directories of the node.
    pub dir: &'a Path,
    /// Makes tokens.
    pub token: &'a dyn Fn(TokenRequest<'_>) -> String,
}

/// A pod that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// The pod.
    pub pod: Pod,
    /// Its address and network namespace, where it has its own.
    pub reached: Option<Reached>,
    /// The ids of its containers by name.
    pub containers: BTreeMap<String, String>,
}

impl Kubelet<'_> {
    /// Makes a pod of this name from its metadata and specification. Between its sandbox and its containers `prepare` is asked to
    /// do what a network plugin does.
    pub fn run(
        &self,
        name: &str,
        objects: &Objects,
        template: &Value,
        prepare: impl FnOnce(&Reached) -> anyhow::Result<()>,
    ) -> anyhow::Result<Running> {
        let (spec, namespace) = (&template["spec"], "scriptwatch");
        known(
            spec,
            &[
                "affinity",
                "automountServiceAccountToken",
                "containers",
                "enableServiceLinks",
                "hostPID",
                "nodeSelector",
                "priorityClassName",
                "restartPolicy",
                "securityContext",
                "serviceAccountName",
                "terminationGracePeriodSeconds",
                "tolerations",
                "volumes",
            ],
        )?;
        let pod = if spec["hostPID"] == true {
            self.containerd.host_pid_pod(namespace, name)?
        } else {
            self.containerd.pod(namespace, name)?
        };
        let reached = self.containerd.has_networks().then(|| self.containerd.reached(&pod)).transpose()?;
        if let Some(reached) = &reached {
            prepare(reached)?;
        }
        known(
            &spec["securityContext"],
            &["fsGroup", "runAsGroup", "runAsNonRoot", "runAsUser", "seccompProfile"],
        )?;
        let account = spec["serviceAccountName"].as_str().unwrap_or("default");
        let mut sources = BTreeMap::new();
        for volume in list(&spec["volumes"]) {
            for source in ["hostPath", "persistentVolumeClaim", "configMap", "secret", "projected"] {
                known(&volume[source], &["path", "type", "claimName", "name", "secretName", "sources"])?;
            }
            let at = self.dir.join("pods").join(name).join(text(&volume["name"])?);
            let source = self.volume(volume, &at, objects, (namespace, account))?;
            if let Some(group) = spec["securityContext"]["fsGroup"].as_u64()
                && !volume["hostPath"].is_object()
            {
                own(&source, u32::try_from(group)?)?;
            }
            sources.insert(text(&volume["name"])?, source);
        }
        let mut containers = BTreeMap::new();
        for container in list(&spec["containers"]) {
            let id = self.container(&pod, spec, container, &sources)?;
            containers.insert(text(&container["name"])?.to_owned(), id);
        }
        Ok(Running { pod, reached, containers })
    }

    fn container(
        &self,
        pod: &Pod,
        spec: &Value,
        container: &Value,
        sources: &BTreeMap<&str, PathBuf>,
    ) -> anyhow::Result<String> {
        known(
            container,
            &[
                "args",
                "command",
                "env",
                "image",
                "imagePullPolicy",
                "livenessProbe",
                "name",
                "ports",
                "readinessProbe",
                "resources",
                "securityContext",
                "startupProbe",
                "volumeMounts",
            ],
        )?;
        let security = &container["securityContext"];
        known(
            security,
            &[
                "allowPrivilegeEscalation",
                "appArmorProfile",
                "capabilities",
                "privileged",
                "readOnlyRootFilesystem",
                "runAsUser",
                "seccompProfile",
            ],
        )?;
        ensure!(security["privileged"] != true, "no container is privileged");
        let (mut mounts, mut writable, mut propagated) = (Vec::new(), Vec::new(), Vec::new());
        for mount in list(&container["volumeMounts"]) {
            let at = text(&mount["mountPath"])?;
            let from = sources.get(text(&mount["name"])?).with_context(|| format!("no volume for {at}"))?;
            let pair = (from.to_str().context("a path")?, at);
            if mount["readOnly"] == true {
                mounts.push(pair);
            } else {
                writable.push(pair);
            }
            match mount["mountPropagation"].as_str() {
                None => {}
                Some("HostToContainer") => propagated.push(at),
                Some(other) => bail!("mount propagation {other}"),
            }
        }
        let mut env = Vec::new();
        for entry in list(&container["env"]) {
            let value = match (entry["value"].as_str(), entry["valueFrom"]["fieldRef"]["fieldPath"].as_str())
            {
                (Some(value), None) => value,
                (None, Some("spec.nodeName")) => self.node,
                _ => bail!("{entry} is not known"),
            };
            env.push((text(&entry["name"])?, value));
        }
        let command = list(&container["command"])
            .iter()
            .chain(list(&container["args"]))
            .map(text)
            .collect::<anyhow::Result<Vec<_>>>()?;
        let capabilities = &security["capabilities"];
        let drops_all = capabilities["drop"][0] == "ALL";
        let added = list(&capabilities["add"]).iter().map(text).collect::<anyhow::Result<Vec<_>>>()?;
        let of_pod = &spec["securityContext"];
        let either = |key: &str| if security[key].is_null() { &of_pod[key] } else { &security[key] };
        let group = of_pod["fsGroup"].as_i64();
        // What hardens is one setting here; a manifest has all of it or none.
        let is_hardened = [
            security["readOnlyRootFilesystem"] == true,
            security["allowPrivilegeEscalation"] == false,
            either("seccompProfile")["type"] == "RuntimeDefault",
            drops_all,
        ];
        ensure!(is_hardened.iter().all(|is| *is == is_hardened[0]), "{security} is half hardened");
        let plan = Plan {
            name: text(&container["name"])?,
            image: &image(text(&container["image"])?),
            command: &command,
            env: &env,
            mounts: &mounts,
            propagated: &propagated,
            writable: &writable,
            capabilities: drops_all.then_some(&added),
            hardened: is_hardened[0],
            host_pid: spec["hostPID"] == true,
            user: either("runAsUser").as_i64(),
            group: either("runAsGroup").as_i64(),
            groups: group.as_slice(),
            // Requests decide where a pod goes, which is decided here by who runs it.
            memory: bytes(&container["resources"]["limits"]["memory"])?,
        };
        self.containerd.run(pod, &plan)
    }

    /// Makes a volume; returns where it is on the node.
    fn volume(
        &self,
        volume: &Value,
        at: &Path,
        objects: &Objects,
        account: (&str, &str),
    ) -> anyhow::Result<PathBuf> {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        let config_map = |name: &Value, files: &mut Vec<(String, Vec<u8>)>| {
            let map = object(objects, "ConfigMap", name)?;
            for (file, content) in map["data"].as_object().into_iter().flatten() {
                files.push((file.clone(), text(content)?.into()));
            }
            anyhow::Ok(())
        };
        if let Some(path) = volume["hostPath"]["path"].as_str() {
            return match path {
                // This containerd's state is elsewhere.
                "/run/containerd" => Ok(self.containerd.state()),
                // A directory that the node has of its own.
                "/var/lib/scriptwatch" => {
                    let own = self.dir.join("var/lib/scriptwatch");
                    fs::create_dir_all(&own)?;
                    Ok(own)
                }
                shared => Ok(shared.into()),
            };
        } else if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            let claimed = self.dir.join("claims").join(claim);
            fs::create_dir_all(&claimed)?;
            return Ok(claimed);
        } else if volume["configMap"].is_object() {
            config_map(&volume["configMap"]["name"], &mut files)?;
        } else if volume["secret"].is_object() {
            let secret = object(objects, "Secret", &volume["secret"]["secretName"])?;
            for (file, content) in secret["data"].as_object().into_iter().flatten() {
                files.push((file.clone(), BASE64_STANDARD.decode(text(content)?)?));
            }
        } else if volume["projected"].is_object() {
            for source in list(&volume["projected"]["sources"]) {
                let token = &source["serviceAccountToken"];
                if let Some(path) = token["path"].as_str() {
                    let audience = token["audience"].as_str();
                    let made = (self.token)(TokenRequest { audience, account, node: self.node });
                    files.push((path.to_owned(), made.into_bytes()));
                } else if source["configMap"].is_object() {
                    config_map(&source["configMap"]["name"], &mut files)?;
                } else {
                    bail!("{source} is not known");
                }
            }
        } else {
            bail!("{volume} is not known");
        }
        fs::create_dir_all(at)?;
        for (name, content) in files {
            let path = at.join(name);
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640))?;
        }
        Ok(at.to_owned())
    }

    /// Ends a pod as a deletion does: its containers get their time, and then everything of it goes. Returns what they printed.
    pub fn delete(&self, running: &Running) -> anyhow::Result<String> {
        let mut printed = String::new();
        for (name, id) in &running.containers {
            self.containerd.stop_container(id)?;
            let status = self.containerd.wait(id)?;
            ensure!(
                status.exit_code == 0,
                "{name} of {} ended with {}",
                running.pod.name(),
                status.exit_code
            );
            printed += &self.containerd.output(&running.pod, name);
        }
        self.containerd.remove(&running.pod)?;
        Ok(printed)
    }

    /// Waits until something is so, or fails with what the pod printed.
    pub fn wait(&self, what: &str, running: &Running, is_so: impl Fn() -> bool) -> anyhow::Result<()> {
        let start = Instant::now();
        while !is_so() {
            if start.elapsed() > Duration::from_secs(40) {
                let printed: String = running
                    .containers
                    .keys()
                    .map(|name| self.containerd.output(&running.pod, name))
                    .collect();
                bail!("{}: it does not come to it: {what}: {printed}", running.pod.name());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// Can shells be probed without `CAP_SYS_ADMIN`? From kernel 6.6 on.
fn has_links_for_probes() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's version");
    let mut numbers = release.split(['.', '-']).map_while(|n| n.trim().parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(6))
}

/// The capabilities that the chart grants to a sensor, on this kernel.
///
/// # Panics
/// When the pod names none.
pub fn capabilities(template: &Value) -> Vec<String> {
    let add = &template["spec"]["containers"][0]["securityContext"]["capabilities"]["add"];
    let mut all: Vec<String> =
        list(add).iter().map(|name| name.as_str().expect("a capability's name").to_owned()).collect();
    assert!(!all.is_empty(), "no capabilities");
    if !has_links_for_probes() {
        // As with `sensor.olderKernels=true`.
        all.retain(|capability| capability != "BPF" && capability != "PERFMON");
        all.push("SYS_ADMIN".to_owned());
    }
    all
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> anyhow::Result<&str> {
    value.as_str().with_context(|| format!("{value} is no text"))
}

fn known(object: &Value, keys: &[&str]) -> anyhow::Result<()> {
    let unknown = object.as_object().into_iter().flatten().find(|(key, _)| !keys.contains(&key.as_str()));
    ensure!(unknown.is_none(), "the test does not know what {unknown:?} means");
    Ok(())
}

fn object<'a>(objects: &'a Objects, kind: &str, name: &Value) -> anyhow::Result<&'a Value> {
    let name = format!("{kind} {}", text(name)?);
    objects.get(&name).with_context(|| format!("there is no {name}"))
}

/// An image's full name.
fn image(name: &str) -> String {
    match name.split('/').count() {
        1 => format!("docker.io/library/{name}"),
        _ => name.to_owned(),
    }
}

/// A quantity of memory.
fn bytes(quantity: &Value) -> anyhow::Result<i64> {
    let Some(quantity) = quantity.as_str() else { return Ok(0) };
    let number = quantity.strip_suffix("Mi").with_context(|| format!("memory {quantity}"))?;
    Ok(number.parse::<i64>()? << 20)
}

/// Gives a volume to a group.
fn own(path: &Path, group: u32) -> anyhow::Result<()> {
    chown(path, None, Some(group))?;
    if path.is_dir() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o2770))?;
        for entry in fs::read_dir(path)? {
            own(&entry?.path(), group)?;
        }
    } else {
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    }
    Ok(())
}
