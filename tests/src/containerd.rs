//! A real containerd with its CRI plugin, in directories of its own, and pods on it as a kubelet makes them.

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use proto::cri::{self, runtime_service_client::RuntimeServiceClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

use crate::image::Image;

/// For what takes less than a second on an idle machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running containerd.
pub struct Containerd {
    network: Option<PodNetworking>,
    dir: TempDir,
    child: Child,
    runtime: Runtime,
    client: RuntimeServiceClient<Channel>,
    snapshotter: &'static str,
    /// A mount that goes when this does.
    shared: Option<PathBuf>,
}

/// Where a node's pods get networks of their own.
#[derive(Clone, Debug)]
pub struct PodNetworking {
    /// The node's network namespace, by name: containerd and its network plugins run in it.
    pub node: String,
    /// The addresses of the node's pods, such as `10.64.1.0/24`.
    pub subnet: String,
    /// Who resolves names for them.
    pub resolver: Ipv4Addr,
}

impl PodNetworking {
    /// The configuration of Debian's network plugins.
    fn plugins(&self, dir: &Path) -> String {
        json!({
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [{
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": self.subnet }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                    "dataDir": dir.join("addresses"),
                },
            }],
        })
        .to_string()
    }
}

/// A pod's sandbox.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Id of its sandbox.
    pub sandbox: String,
    config: cri::PodSandboxConfig,
}

/// How a pod that runs is reached.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its network namespace.
    pub namespace: PathBuf,
}

impl Pod {
    fn metadata(&self) -> cri::PodSandboxMetadata {
        self.config.metadata.clone().unwrap_or_default()
    }

    /// `namespace/name`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.metadata().namespace, self.metadata().name)
    }
}

/// A container to be made.
#[derive(Clone, Debug, Default)]
pub struct Plan<'a> {
    /// Name in its pod.
    pub name: &'a str,
    /// Its image.
    pub image: &'a str,
    /// What it runs.
    pub command: &'a [&'a str],
    /// Environment.
    pub env: &'a [(&'a str, &'a str)],
    /// Host paths and where they are mounted, read-only.
    pub mounts: &'a [(&'a str, &'a str)],
    /// Of these, where mounts of the host come and go, too.
    pub propagated: &'a [&'a str],
    /// Host paths and where they are mounted, writable.
    pub writable: &'a [(&'a str, &'a str)],
    /// Capabilities instead of the usual set.
    pub capabilities: Option<&'a [&'a str]>,
    /// Root file system read-only, no new privileges, the runtime's seccomp profile.
    pub hardened: bool,
    /// In the host's PID namespace.
    pub host_pid: bool,
    /// Runs as this user.
    pub user: Option<i64>,
    /// Runs as this group.
    pub group: Option<i64>,
    /// And is in these.
    pub groups: &'a [i64],
    /// Bytes that it may use; 0: any.
    pub memory: i64,
}

impl Containerd {
    /// Starts one that has these images, and one for sandboxes.
    pub fn start(images: &[Image]) -> anyhow::Result<Self> {
        Self::start_on("native", images)
    }

    /// Likewise, where containers have their files by this snapshotter.
    pub fn start_on(snapshotter: &'static str, images: &[Image]) -> anyhow::Result<Self> {
        Self::start_in(tempfile::tempdir()?, None, None, snapshotter, images)
    }

    /// Likewise, where what is mounted below the state is seen in containers that ask for it: on nodes everything is mounted so.
    pub fn start_shared(images: &[Image]) -> anyhow::Result<Self> {
        Self::start_node(None, images)
    }

    /// Likewise, where each pod has a network of its own.
    pub fn start_node(network: Option<PodNetworking>, images: &[Image]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let state = dir.path().join("run");
        fs::create_dir(&state)?;
        for args in [["--bind"].as_slice(), &["--make-shared"]] {
            let from = if args[0] == "--bind" { Some(&state) } else { None };
            let status = Command::new("mount").args(args).args(from).arg(&state).status()?;
            ensure!(status.success(), "mount {args:?} {}", state.display());
        }
        Self::start_in(dir, Some(state), network, "native", images)
    }

    fn start_in(
        dir: TempDir,
        shared: Option<PathBuf>,
        network: Option<PodNetworking>,
        snapshotter: &'static str,
        images: &[Image],
    ) -> anyhow::Result<Self> {
        let at = dir.path().display();
        if let Some(network) = &network {
            fs::create_dir(dir.path().join("cni"))?;
            fs::write(dir.path().join("cni/pods.conflist"), network.plugins(dir.path()))?;
        }
        fs::write(
            dir.path().join("config.toml"),
            format!(
                r#"version = 2
root = "{at}/root"
state = "{at}/run"
[grpc]
address = "{at}/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/local/pause:1"
disable_apparmor = true
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{at}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
"#
            ),
        )?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let child = spawn(dir.path(), network.as_ref())?;
        let client = runtime.block_on(connect(&dir.path().join("run/containerd.sock")))?;
        let containerd = Self { network, dir, child, runtime, client, snapshotter, shared };
        let pause = Image::new("docker.io/local/pause:1")
            .file("/bin/busybox", Path::new("/bin/busybox"))
            .entrypoint(&["/bin/busybox", "sleep", "86400"]);
        for image in std::iter::once(&pause).chain(images) {
            containerd.import(image)?;
        }
        Ok(containerd)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("run/containerd.sock")
    }

    /// The directory of its state, where the socket and the bundles are.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// A tar of an image goes in by containerd's own client.
    pub fn import(&self, image: &Image) -> anyhow::Result<()> {
        let tar = self.dir.path().join("image.tar");
        image.save(&tar)?;
        self.import_tar(&tar)
    }

    /// Imports a tar that is there already.
    pub fn import_tar(&self, tar: &Path) -> anyhow::Result<()> {
        let output = Command::new("ctr")
            .arg("--address")
            .arg(self.socket())
            .args(["--namespace", "k8s.io", "images", "import", "--snapshotter", self.snapshotter])
            .arg(tar)
            .output()?;
        ensure!(output.status.success(), "ctr: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Ends it with its containers running on, and starts it again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.resume()
    }

    /// Ends it with its containers running on.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again.
    pub fn resume(&mut self) -> anyhow::Result<()> {
        self.child = spawn(self.dir.path(), self.network.as_ref())?;
        self.client = self.runtime.block_on(connect(&self.socket()))?;
        Ok(())
    }

    /// A pod as a kubelet makes it.
    pub fn pod(&self, namespace: &str, name: &str) -> anyhow::Result<Pod> {
        self.pod_in(namespace, name, cri::NamespaceMode::Container)
    }

    /// A pod with `hostPID: true`.
    pub fn host_pid_pod(&self, namespace: &str, name: &str) -> anyhow::Result<Pod> {
        self.pod_in(namespace, name, cri::NamespaceMode::Node)
    }

    fn pod_in(&self, namespace: &str, name: &str, pid: cri::NamespaceMode) -> anyhow::Result<Pod> {
        let uid = format!("{:08x}-0000-4000-8000-000000000000", crc(name));
        let labels = BTreeMap::from([
            ("io.kubernetes.pod.name".to_owned(), name.to_owned()),
            ("io.kubernetes.pod.namespace".to_owned(), namespace.to_owned()),
            ("io.kubernetes.pod.uid".to_owned(), uid.clone()),
            ("app".to_owned(), format!("{name}-app")),
        ]);
        let node = cri::NamespaceOption {
            network: self.network_mode().into(),
            pid: pid.into(),
            ..cri::NamespaceOption::default()
        };
        let config = cri::PodSandboxConfig {
            metadata: Some(cri::PodSandboxMetadata {
                name: name.to_owned(),
                uid: uid.clone(),
                namespace: namespace.to_owned(),
                attempt: 0,
            }),
            labels,
            dns_config: self.network.as_ref().map(|network| cri::DnsConfig {
                servers: vec![network.resolver.to_string()],
                searches: [&format!("{namespace}.svc"), "svc"]
                    .map(|domain| format!("{domain}.cluster.local"))
                    .into_iter()
                    .chain(["cluster.local".to_owned()])
                    .collect(),
                options: vec!["ndots:5".to_owned()],
            }),
            log_directory: self.dir.path().join("logs").join(name).display().to_string(),
            linux: Some(cri::LinuxPodSandboxConfig {
                cgroup_parent: format!("/kubepods/burstable/pod{uid}"),
                security_context: Some(cri::LinuxSandboxSecurityContext {
                    namespace_options: Some(node),
                    ..cri::LinuxSandboxSecurityContext::default()
                }),
            }),
            ..cri::PodSandboxConfig::default()
        };
        let request =
            cri::RunPodSandboxRequest { config: Some(config.clone()), runtime_handler: String::new() };
        let response = self.runtime.block_on(self.client.clone().run_pod_sandbox(request))?;
        Ok(Pod { sandbox: response.into_inner().pod_sandbox_id, config })
    }

    /// Has each pod a network of its own?
    pub fn has_networks(&self) -> bool {
        self.network.is_some()
    }

    fn network_mode(&self) -> cri::NamespaceMode {
        if self.network.is_some() { cri::NamespaceMode::Pod } else { cri::NamespaceMode::Node }
    }

    /// How a pod is reached that has a network of its own.
    pub fn reached(&self, pod: &Pod) -> anyhow::Result<Reached> {
        let request = cri::PodSandboxStatusRequest { pod_sandbox_id: pod.sandbox.clone(), verbose: true };
        let told = self.runtime.block_on(self.client.clone().pod_sandbox_status(request))?.into_inner();
        let network = told.status.and_then(|status| status.network).context("no network")?;
        let info: Value = serde_json::from_str(told.info.get("info").context("no info")?)?;
        let pid = info["pid"].as_u64().context("no process id")?;
        Ok(Reached { address: network.ip.parse()?, namespace: format!("/proc/{pid}/ns/net").into() })
    }

    /// Makes a container; returns its id.
    pub fn create(&self, pod: &Pod, plan: &Plan<'_>) -> anyhow::Result<String> {
        let mut labels = pod.config.labels.clone();
        labels.remove("app");
        labels.insert("io.kubernetes.container.name".to_owned(), plan.name.to_owned());
        let mount = |(host, at): &(&str, &str), readonly| cri::Mount {
            container_path: (*at).to_owned(),
            host_path: (*host).to_owned(),
            readonly,
            propagation: if plan.propagated.contains(at) {
                cri::MountPropagation::PropagationHostToContainer.into()
            } else {
                cri::MountPropagation::PropagationPrivate.into()
            },
        };
        let mut mounts: Vec<_> = plan.mounts.iter().map(|m| mount(m, true)).collect();
        mounts.extend(plan.writable.iter().map(|m| mount(m, false)));
        let pid = if plan.host_pid { cri::NamespaceMode::Node } else { cri::NamespaceMode::Container };
        let security = cri::LinuxContainerSecurityContext {
            capabilities: plan.capabilities.map(|add| cri::Capability {
                add_capabilities: add.iter().map(|&c| c.to_owned()).collect(),
                drop_capabilities: vec!["ALL".to_owned()],
            }),
            namespace_options: Some(cri::NamespaceOption {
                network: self.network_mode().into(),
                pid: pid.into(),
                ..cri::NamespaceOption::default()
            }),
            run_as_user: plan.user.map(|value| cri::Int64Value { value }),
            run_as_group: plan.group.map(|value| cri::Int64Value { value }),
            supplemental_groups: plan.groups.to_vec(),
            readonly_rootfs: plan.hardened,
            no_new_privs: plan.hardened,
            seccomp: plan.hardened.then_some(cri::SecurityProfile {
                profile_type: cri::security_profile::ProfileType::RuntimeDefault.into(),
                localhost_ref: String::new(),
            }),
            ..cri::LinuxContainerSecurityContext::default()
        };
        let config = cri::ContainerConfig {
            metadata: Some(cri::ContainerMetadata { name: plan.name.to_owned(), attempt: 0 }),
            image: Some(cri::ImageSpec { image: plan.image.to_owned(), ..cri::ImageSpec::default() }),
            command: plan.command.iter().map(|&part| part.to_owned()).collect(),
            envs: plan
                .env
                .iter()
                .map(|(key, value)| cri::KeyValue { key: (*key).to_owned(), value: (*value).to_owned() })
                .collect(),
            mounts,
            labels,
            log_path: format!("{}.log", plan.name),
            linux: Some(cri::LinuxContainerConfig {
                resources: (plan.memory > 0).then(|| cri::LinuxContainerResources {
                    memory_limit_in_bytes: plan.memory,
                    ..cri::LinuxContainerResources::default()
                }),
                security_context: Some(security),
            }),
            ..cri::ContainerConfig::default()
        };
        let request = cri::CreateContainerRequest {
            pod_sandbox_id: pod.sandbox.clone(),
            config: Some(config),
            sandbox_config: Some(pod.config.clone()),
        };
        Ok(self.runtime.block_on(self.client.clone().create_container(request))?.into_inner().container_id)
    }

    /// Starts a container.
    pub fn begin(&self, id: &str) -> anyhow::Result<()> {
        let request = cri::StartContainerRequest { container_id: id.to_owned() };
        self.runtime.block_on(self.client.clone().start_container(request))?;
        Ok(())
    }

    /// Makes and starts a container; returns its id.
    pub fn run(&self, pod: &Pod, plan: &Plan<'_>) -> anyhow::Result<String> {
        let id = self.create(pod, plan)?;
        self.begin(&id)?;
        Ok(id)
    }

    /// Runs a command in a container and returns what it printed.
    pub fn exec(&self, id: &str, command: &[&str]) -> anyhow::Result<String> {
        Ok(text(&self.exec_sync(id, command)?.stdout))
    }

    /// Likewise; returns its exit code and all that it printed.
    pub fn exec_status(&self, id: &str, command: &[&str]) -> anyhow::Result<(i32, String)> {
        let response = self.exec_sync(id, command)?;
        Ok((response.exit_code, text(&response.stdout) + &text(&response.stderr)))
    }

    fn exec_sync(&self, id: &str, command: &[&str]) -> anyhow::Result<cri::ExecSyncResponse> {
        let request = cri::ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: command.iter().map(|&part| part.to_owned()).collect(),
            timeout: 30,
        };
        Ok(self.runtime.block_on(self.client.clone().exec_sync(request))?.into_inner())
    }

    /// Runs a command in a container without containerd, by the runtime below it.
    pub fn exec_by_runc(&self, id: &str, command: &[&str]) -> anyhow::Result<()> {
        let output = Command::new("runc")
            .args(["--root", "/run/containerd/runc/k8s.io", "exec", id])
            .args(command)
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "runc: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// What a container printed.
    pub fn output(&self, pod: &Pod, name: &str) -> String {
        let path = self.dir.path().join("logs").join(pod.metadata().name).join(format!("{name}.log"));
        fs::read_to_string(path).unwrap_or_default()
    }

    /// How a container is.
    pub fn status(&self, id: &str) -> anyhow::Result<cri::ContainerStatus> {
        let request = cri::ContainerStatusRequest { container_id: id.to_owned() };
        let response = self.runtime.block_on(self.client.clone().container_status(request))?;
        response.into_inner().status.context("no status")
    }

    /// Sends a container SIGTERM, and SIGKILL after some seconds.
    pub fn stop_container(&self, id: &str) -> anyhow::Result<()> {
        let request = cri::StopContainerRequest { container_id: id.to_owned(), timeout: 20 };
        self.runtime.block_on(self.client.clone().stop_container(request))?;
        Ok(())
    }

    /// Waits until a container has ended.
    pub fn wait(&self, id: &str) -> anyhow::Result<cri::ContainerStatus> {
        let start = Instant::now();
        loop {
            let status = self.status(id)?;
            if status.state() == cri::ContainerState::ContainerExited {
                return Ok(status);
            }
            ensure!(start.elapsed() < PATIENCE, "container {id} does not end: {status:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Removes a pod with its containers.
    pub fn remove(&self, pod: &Pod) -> anyhow::Result<()> {
        self.runtime.block_on(remove(self.client.clone(), pod.sandbox.clone()))
    }

    /// Ends a pod, which stays until it is removed.
    pub fn stop_pod(&self, pod: &Pod) -> anyhow::Result<()> {
        let request = cri::StopPodSandboxRequest { pod_sandbox_id: pod.sandbox.clone() };
        self.runtime.block_on(self.client.clone().stop_pod_sandbox(request))?;
        Ok(())
    }

    /// Removes a container that has ended.
    pub fn remove_container(&self, id: &str) -> anyhow::Result<()> {
        let request = cri::RemoveContainerRequest { container_id: id.to_owned() };
        self.runtime.block_on(self.client.clone().remove_container(request))?;
        Ok(())
    }
}

async fn remove(mut client: RuntimeServiceClient<Channel>, sandbox: String) -> anyhow::Result<()> {
    client.stop_pod_sandbox(cri::StopPodSandboxRequest { pod_sandbox_id: sandbox.clone() }).await?;
    client.remove_pod_sandbox(cri::RemovePodSandboxRequest { pod_sandbox_id: sandbox }).await?;
    Ok(())
}

fn spawn(dir: &Path, network: Option<&PodNetworking>) -> anyhow::Result<Child> {
    let log = fs::File::options().create(true).append(true).open(dir.join("containerd.log"))?;
    let mut command = match network {
        None => Command::new("containerd"),
        Some(network) => {
            let mut nsenter = Command::new("nsenter");
            nsenter.arg(format!("--net=/run/netns/{}", network.node)).arg("containerd");
            nsenter
        }
    };
    command
        .arg("--config")
        .arg(dir.join("config.toml"))
        .args(["--log-level", "warn"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("containerd (Debian's packages containerd and runc)")
}

async fn connect(socket: &Path) -> anyhow::Result<RuntimeServiceClient<Channel>> {
    let start = Instant::now();
    loop {
        let attempt = async {
            let channel = Endpoint::from_shared(format!("unix:{}", socket.display()))?.connect().await?;
            let mut client = RuntimeServiceClient::new(channel);
            client.version(cri::VersionRequest { version: "v1".to_owned() }).await?;
            anyhow::Ok(client)
        };
        match attempt.await {
            Ok(client) => return Ok(client),
            Err(e) => ensure!(start.elapsed() < PATIENCE, "containerd does not answer: {e:#}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Different for different names, the same for the same.
fn crc(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // Whatever pods a test left, with their shims.
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.resume();
        }
        let mut client = self.client.clone();
        let removed = self.runtime.block_on(async {
            let pods = client.list_pod_sandbox(cri::ListPodSandboxRequest {}).await?.into_inner().items;
            for pod in pods {
                remove(client.clone(), pod.id).await?;
            }
            anyhow::Ok(())
        });
        if let Err(e) = removed {
            eprintln!("pods are left behind: {e:#}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(shared) = &self.shared {
            let _ = Command::new("umount").arg("--lazy").arg(shared).status();
        }
    }
}
