//! A cluster of two nodes on one machine: each node is a network namespace with a containerd of its own, whose pods have networks
//! by Debian's plugins. Services, names and network policies are what a cluster's network makes of their objects. Nothing here
//! schedules: the test says which pod runs where.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    certificate::Authority,
    containerd::{Containerd, PodNetworking, Reached},
    image::Image,
    issuer::Issuer,
    kubelet::{Kubelet, Running, TokenRequest},
    manifests::Objects,
    names,
    namespace::{inside, ip},
    policy::{Peer, rules},
};

/// `NodeLocal DNSCache`, on every node.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 20, 10);
/// The address of the service `kubernetes`, and where its server listens on the first node.
const API: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
const API_PORT: u16 = 6443;
/// The address of the collector's service.
const COLLECTOR: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 20);
/// What pods show to the API server.
const API_TOKEN: &str = "an-api-token";
const NAMESPACE: &str = "scriptwatch";

/// A node.
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its runtime.
    pub containerd: Containerd,
    /// Its files.
    pub dir: TempDir,
    gateway: Ipv4Addr,
    // Behind the runtime, which needs it to end its pods.
    namespace: Namespace,
}

/// A network namespace, which goes with this.
struct Namespace(String);

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.0));
    }
}

/// Labels of a pod.
type Labels = Vec<(String, String)>;

/// The nodes, and who signs tokens.
pub struct Cluster {
    /// The nodes.
    pub nodes: [Node; 2],
    issuer: Issuer,
    authority: String,
}

/// A pod of the release.
pub struct Member {
    /// Index of its node.
    pub node: usize,
    /// `sensor`, `collector` or `test`.
    pub component: &'static str,
    /// Its labels.
    pub labels: Labels,
    /// The pod.
    pub running: Running,
}

fn own_address(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 128, 0, 2 + node as u8)
}

impl Node {
    fn start(index: usize, images: &[Image]) -> anyhow::Result<Self> {
        let namespace = format!("swn{}{index}", std::process::id());
        ip(&format!("netns add {namespace}"))?;
        let guard = Namespace(namespace.clone());
        ip(&format!("-n {namespace} link set lo up"))?;
        ip(&format!("-n {namespace} addr add {RESOLVER}/32 dev lo"))?;
        inside(&namespace, || Ok(fs::write("/proc/sys/net/ipv4/ip_forward", "1")?))?;
        let network = PodNetworking {
            node: namespace.clone(),
            subnet: format!("10.64.{}.0/24", index + 1),
            resolver: RESOLVER,
        };
        let resolver = inside(&namespace, || Ok(UdpSocket::bind(SocketAddrV4::new(RESOLVER, 53))?))?;
        names::serve(resolver, |name| match name {
            "kubernetes.default.svc.cluster.local" => Some(API),
            "scriptwatch-collector.scriptwatch.svc.cluster.local" => Some(COLLECTOR),
            _ => None,
        });
        Ok(Self {
            name: format!("node-{}", index + 1),
            containerd: Containerd::start_node(Some(network), images)?,
            dir: tempfile::tempdir()?,
            gateway: Ipv4Addr::new(10, 64, index as u8 + 1, 1),
            namespace: guard,
        })
    }
}

impl Cluster {
    /// Starts both nodes with these images, and one from a file.
    pub fn start(images: impl Fn() -> anyhow::Result<Vec<Image>>, archive: &Path) -> anyhow::Result<Self> {
        let nodes = [Node::start(0, &images()?)?, Node::start(1, &images()?)?];
        for node in &nodes {
            node.containerd.import_tar(archive)?;
        }
        let [first, second] = [&nodes[0].namespace.0, &nodes[1].namespace.0];
        ip(&format!("-n {first} link add eth0 type veth peer name eth0 netns {second}"))?;
        for (index, node) in nodes.iter().enumerate() {
            let (own, other) = (own_address(index), 1 - index);
            ip(&format!("-n {} addr add {own}/24 dev eth0", node.namespace.0))?;
            ip(&format!("-n {} link set eth0 up", node.namespace.0))?;
            let via = own_address(other);
            ip(&format!("-n {} route add 10.64.{}.0/24 via {via}", node.namespace.0, other + 1))?;
        }
        let dir = nodes[0].dir.path();
        let authority = Authority::new("the cluster's")?;
        let own = authority.issue(dir, "api", "kubernetes.default.svc", 24)?;
        let listener = inside(first, || Ok(TcpListener::bind(SocketAddrV4::new(own_address(0), API_PORT))?))?;
        let issuer = Issuer::start_at(listener, &own, API_TOKEN)?;
        let authority = fs::read_to_string(authority.write(dir, "cluster-ca.pem")?)?;
        Ok(Self { nodes, issuer, authority })
    }

    /// Objects of a file, with the cluster's own.
    pub fn objects(&self, path: &Path) -> anyhow::Result<Objects> {
        let mut objects = crate::manifests::read_from(path)?;
        let data = serde_json::json!({ "data": { "ca.crt": self.authority } });
        objects.insert("ConfigMap kube-root-ca.crt".to_owned(), data);
        Ok(objects)
    }

    /// Does something with the kubelet of a node.
    pub fn kubelet<T>(
        &self,
        node: usize,
        what: impl FnOnce(&Kubelet<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let node = &self.nodes[node];
        let token = |request: TokenRequest<'_>| match request.audience {
            Some(audience) => self.issuer.token(audience, request.account, request.node, 3600),
            None => API_TOKEN.to_owned(),
        };
        what(&Kubelet { node: &node.name, containerd: &node.containerd, dir: node.dir.path(), token: &token })
    }

    /// Runs a pod of the release beside those that run, and lets the network know of it.
    pub fn run(
        &self,
        objects: &Objects,
        members: &mut Vec<Member>,
        (node, component, name): (usize, &'static str, &str),
        template: &Value,
    ) -> anyhow::Result<()> {
        let labels = template["metadata"]["labels"].as_object().into_iter().flatten();
        let labels: Labels = labels
            .map(|(key, value)| Ok((key.clone(), value.as_str().context("a label")?.to_owned())))
            .collect::<anyhow::Result<_>>()?;
        let running = self.kubelet(node, |kubelet| {
            kubelet.run(name, objects, template, |reached| {
                self.enforce(objects, members, Some((node, &labels, reached)))
            })
        })?;
        members.push(Member { node, component, labels, running });
        Ok(())
    }

    /// Network policies and services, for the pods that run and one that is about to.
    pub fn enforce(
        &self,
        objects: &Objects,
        members: &[Member],
        coming: Option<(usize, &Labels, &Reached)>,
    ) -> anyhow::Result<()> {
        let running = members
            .iter()
            .filter_map(|member| Some((member.node, &member.labels, member.running.reached.as_ref()?)));
        let all: Vec<(usize, &Labels, &Reached)> = running.chain(coming).collect();
        let peers: Vec<Peer> = all
            .iter()
            .map(|(_, labels, reached)| Peer {
                address: reached.address,
                namespace: NAMESPACE,
                labels: (*labels).clone(),
            })
            .collect();
        // The service's pods, by its selector, and their port by the name that it has there.
        let service = &objects["Service scriptwatch-collector"]["spec"];
        let container =
            &objects["Deployment scriptwatch-collector"]["spec"]["template"]["spec"]["containers"][0];
        let (port, target) = (&service["ports"][0]["port"], &service["ports"][0]["targetPort"]);
        let target = container["ports"].as_array().context("ports")?.iter().find(|p| p["name"] == *target);
        let target = &target.context("the service's target is no port of its pods")?["containerPort"];
        let mut behind = Vec::new();
        for (_, labels, reached) in &all {
            if selects(&service["selector"], labels)? {
                behind.push(reached.address);
            }
        }
        for (node, labels, reached) in &all {
            let mut text = format!(
                "flush ruleset\ntable ip services {{\nchain translated {{ type nat hook output priority -100;\n\
                 ip daddr {API} tcp dport 443 dnat to {}:{API_PORT}\n",
                own_address(0)
            );
            if let Some(pod) = behind.last() {
                writeln!(text, "ip daddr {COLLECTOR} tcp dport {port} dnat to {pod}:{target}")?;
            }
            text += "}\n}\n";
            let policies = objects.iter().filter(|(key, _)| key.starts_with("NetworkPolicy "));
            let mut of_it = Vec::new();
            for (key, policy) in policies {
                if selects(&policy["spec"]["podSelector"]["matchLabels"], labels)? {
                    of_it.push((key, policy));
                }
            }
            ensure!(of_it.len() <= 1, "the test knows no pod with several policies: {of_it:?}");
            if let Some((_, policy)) = of_it.first() {
                text += &rules(policy, &peers, Some(self.nodes[*node].gateway))?;
            }
            enforce(reached, &text)?;
        }
        Ok(())
    }

    /// Has each pod a policy? (The pod of `helm test` has none.)
    pub fn is_policed(&self, objects: &Objects, member: &Member) -> anyhow::Result<bool> {
        let mut policies = objects.iter().filter(|(key, _)| key.starts_with("NetworkPolicy "));
        policies.try_fold(false, |is, (_, policy)| {
            Ok(is | selects(&policy["spec"]["podSelector"]["matchLabels"], &member.labels)?)
        })
    }

    /// What a probe of the kubelet gets from a pod; 0: nothing.
    pub fn probe(&self, member: &Member, port: u16, path: &str) -> u16 {
        let Some(reached) = &member.running.reached else { return 0 };
        let at = SocketAddrV4::new(reached.address, port);
        let asked = inside(&self.nodes[member.node].namespace.0, || {
            let mut stream =
                std::net::TcpStream::connect_timeout(&at.into(), std::time::Duration::from_secs(1))?;
            stream.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            std::io::Read::read_to_string(&mut stream, &mut answer)?;
            Ok(answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
        });
        asked.unwrap_or(0)
    }
}

/// Does a selector by labels select who has these? One that names none is no selector here.
fn selects(wanted: &Value, labels: &[(String, String)]) -> anyhow::Result<bool> {
    let wanted = wanted.as_object().filter(|wanted| !wanted.is_empty()).context("a selector by labels")?;
    Ok(wanted.iter().all(|(key, value)| labels.iter().any(|(k, v)| k == key && value == v.as_str())))
}

fn enforce(reached: &Reached, rules: &str) -> anyhow::Result<()> {
    let mut nft = Command::new("nsenter");
    nft.arg(format!("--net={}", reached.namespace.display())).args(["nft", "-f", "-"]).stdin(Stdio::piped());
    let mut nft = nft.spawn().context("nft")?;
    nft.stdin.take().context("its input")?.write_all(rules.as_bytes())?;
    ensure!(nft.wait()?.success(), "nft refused:\n{rules}");
    Ok(())
}
