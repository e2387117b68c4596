//! A pod's network, and what is beyond it: two network namespaces, the first with the rules of a network policy, the second with an
//! address for each thing that a pod may want to reach.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use nix::sched::{CloneFlags, setns};
use serde_json::Value;

/// The pod's own address, and the first beyond it.
pub const POD: Ipv4Addr = Ipv4Addr::new(10, 64, 1, 2);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 64, 1, 1);
/// What every name resolves to.
pub const RESOLVED: &str = "192.0.2.80";
/// How long nothing has to come.
const PATIENCE: Duration = Duration::from_millis(400);

/// A pod of the cluster, as selectors see it.
pub struct Peer {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its namespace.
    pub namespace: &'static str,
    /// Its labels.
    pub labels: Vec<(String, String)>,
}

/// Both namespaces; they go with it.
pub struct PodNetwork {
    pod: String,
    beyond: String,
    addresses: Vec<Ipv4Addr>,
}

/// `tcp` or `udp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl PodNetwork {
    /// Makes them, with these addresses beyond the pod.
    pub fn new(name: &str, addresses: &[Ipv4Addr]) -> anyhow::Result<Self> {
        let id = std::process::id();
        let this = Self {
            pod: format!("swp{id}{name}"),
            beyond: format!("swb{id}{name}"),
            addresses: addresses.to_vec(),
        };
        let (pod, beyond) = (&this.pod, &this.beyond);
        for line in [
            format!("netns add {pod}"),
            format!("netns add {beyond}"),
            format!("-n {beyond} link add pod type veth peer name eth0 netns {pod}"),
            format!("-n {beyond} addr add {GATEWAY}/24 dev pod"),
            format!("-n {pod} addr add {POD}/24 dev eth0"),
            format!("-n {beyond} link set pod up"),
            format!("-n {pod} link set eth0 up"),
            format!("-n {beyond} link set lo up"),
            format!("-n {pod} link set lo up"),
            format!("-n {pod} route add default via {GATEWAY}"),
        ] {
            ip(&line)?;
        }
        for address in addresses {
            ip(&format!("-n {beyond} addr add {address}/32 dev lo"))?;
        }
        Ok(this)
    }

    /// Answers at these ports of every address beyond the pod; at port 53 it resolves names.
    pub fn answer(&self, ports: &[u16]) -> anyhow::Result<()> {
        for (&port, address) in ports.iter().flat_map(|port| self.addresses.iter().map(move |at| (port, at)))
        {
            // Each at its own address, or answers to datagrams would come from another.
            let at = SocketAddrV4::new(*address, port);
            let (tcp, udp) = inside(&self.beyond, || Ok((TcpListener::bind(at)?, UdpSocket::bind(at)?)))?;
            // They end with the test's process.
            std::thread::spawn(move || tcp.incoming().flatten().for_each(drop));
            std::thread::spawn(move || {
                let mut question = [0; 512];
                while let Ok((n, from)) = udp.recv_from(&mut question) {
                    let _ = udp.send_to(&resolve(&question[..n]), from);
                }
            });
        }
        Ok(())
    }

    /// Puts rules into the pod's namespace.
    pub fn enforce(&self, rules: &str) -> anyhow::Result<()> {
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &self.pod, "nft", "-f", "-"]).stdin(Stdio::piped());
        let mut nft = nft.spawn().context("nft")?;
        nft.stdin.take().context("its input")?.write_all(rules.as_bytes())?;
        ensure!(nft.wait()?.success(), "nft refused:\n{rules}");
        Ok(())
    }

    /// Does an answer come from there to the pod?
    pub fn reaches(&self, protocol: Protocol, to: SocketAddrV4) -> bool {
        inside(&self.pod, || exchange(protocol, to)).is_ok()
    }

    /// Is a connection from this address beyond the pod let in at a port of it?
    pub fn is_reached(&self, from: Ipv4Addr, port: u16) -> anyhow::Result<bool> {
        // Connections are taken by the kernel; nobody has to accept them.
        let _listener = inside(&self.pod, || Ok(TcpListener::bind(SocketAddrV4::new(POD, port))?))?;
        let reached = inside(&self.beyond, || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
            socket.bind(&SocketAddrV4::new(from, 0).into())?;
            Ok(socket.connect_timeout(&SocketAddrV4::new(POD, port).into(), PATIENCE)?)
        });
        Ok(reached.is_ok())
    }

    /// What the C library resolves a name to in the pod, with that resolver; empty when it does not.
    pub fn resolved(&self, name: &str, resolver: Ipv4Addr) -> anyhow::Result<String> {
        // `ip netns exec` puts the files of this directory in the place of those in /etc.
        let dir = format!("/etc/netns/{}", self.pod);
        fs::create_dir_all(&dir)?;
        fs::write(
            format!("{dir}/resolv.conf"),
            format!("nameserver {resolver}\noptions timeout:1 attempts:1\n"),
        )?;
        let output =
            Command::new("ip").args(["netns", "exec", &self.pod, "getent", "ahostsv4", name]).output()?;
        fs::remove_dir_all(dir)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
    }
}

impl Drop for PodNetwork {
    fn drop(&mut self) {
        for name in [&self.pod, &self.beyond] {
            let _ = ip(&format!("netns del {name}"));
        }
    }
}

fn ip(line: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(line.split(' ')).output().context("ip")?;
    ensure!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Does something in a network namespace, on a thread of its own.
fn inside<T: Send>(name: &str, what: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    let namespace = File::open(format!("/run/netns/{name}"))?;
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            what()
        });
        done.join().unwrap_or_else(|_| anyhow::bail!("it panicked"))
    })
}

fn exchange(protocol: Protocol, to: SocketAddrV4) -> anyhow::Result<()> {
    match protocol {
        Protocol::Tcp => drop(TcpStream::connect_timeout(&to.into(), PATIENCE)?),
        Protocol::Udp => {
            let socket = UdpSocket::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.send_to(b"x", to)?;
            socket.recv_from(&mut [0; 512])?;
        }
    }
    Ok(())
}

/// The answer to a question of the Domain Name System (RFC 1035): one address, for whatever has one.
fn resolve(question: &[u8]) -> Vec<u8> {
    if question.len() < 17 {
        return question.to_vec();
    }
    let end = question[12..].iter().position(|b| *b == 0).map_or(question.len(), |at| 12 + at + 5);
    let Some(asked) = question.get(12..end) else { return question.to_vec() };
    let is_ipv4 = asked[asked.len() - 4..] == [0, 1, 0, 1];
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_ipv4), 0, 0, 0, 0]);
    answer.extend(asked);
    if is_ipv4 {
        let address: Ipv4Addr = RESOLVED.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}

/// The rules that a network policy amounts to for one of its pods, as a network plugin would make them: what is not allowed is
/// dropped, in the directions that the policy names. Fails on what it does not know.
pub fn rules(policy: &Value, peers: &[Peer]) -> anyhow::Result<String> {
    let own = policy["metadata"]["namespace"].as_str().context("a namespace")?;
    let spec = &policy["spec"];
    known(spec, &["podSelector", "policyTypes", "egress", "ingress"])?;
    let mut text = String::from("table inet allowed {\n");
    for direction in list(&spec["policyTypes"]) {
        let (key, hook, side, address) = match direction.as_str() {
            Some("Egress") => ("egress", "output", "to", "ip daddr"),
            Some("Ingress") => ("ingress", "input", "from", "ip saddr"),
            _ => bail!("policy type {direction}"),
        };
        writeln!(text, "chain to_{hook} {{ type filter hook {hook} priority 0; policy drop;")?;
        text += "ct state established,related accept\n";
        for rule in list(&spec[key]) {
            known(&rule, &[side, "ports"])?;
            let sides = list(&rule[side]);
            let mut places = Vec::new();
            for side in &sides {
                places.extend(addresses(side, own, peers)?.iter().map(|place| format!("{address} {place} ")));
            }
            if sides.is_empty() {
                // Everywhere.
                places.push(String::new());
            }
            let mut ports = Vec::new();
            for port in list(&rule["ports"]) {
                known(&port, &["port", "protocol"])?;
                let protocol = port["protocol"].as_str().unwrap_or("TCP").to_lowercase();
                ports.push(format!("{protocol} dport {} ", port["port"]));
            }
            if ports.is_empty() {
                // All of them.
                ports.push(String::new());
            }
            for place in &places {
                for port in &ports {
                    writeln!(text, "{place}{port}accept")?;
                }
            }
        }
        // A plugin drops it; told at once, the test does not wait.
        text += "reject\n}\n";
    }
    Ok(text + "}\n")
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn known(object: &Value, keys: &[&str]) -> anyhow::Result<()> {
    let unknown = object.as_object().into_iter().flatten().find(|(key, _)| !keys.contains(&key.as_str()));
    ensure!(unknown.is_none(), "the test does not know what {unknown:?} means");
    Ok(())
}

/// The addresses that a peer of a rule means.
fn addresses(side: &Value, own: &str, peers: &[Peer]) -> anyhow::Result<Vec<String>> {
    known(side, &["ipBlock", "namespaceSelector", "podSelector"])?;
    if let Some(block) = side.get("ipBlock") {
        known(block, &["cidr"])?;
        return Ok(vec![block["cidr"].as_str().context("a block of addresses")?.to_owned()]);
    }
    let wanted = |selector: &Value| -> anyhow::Result<Vec<(String, String)>> {
        known(selector, &["matchLabels"])?;
        let labels = selector["matchLabels"].as_object().into_iter().flatten();
        labels
            .map(|(name, value)| Ok((name.clone(), value.as_str().context("a label")?.to_owned())))
            .collect()
    };
    let namespaces = side.get("namespaceSelector").map(&wanted).transpose()?;
    let labels = wanted(&side["podSelector"])?;
    let is_meant = |peer: &&Peer| {
        let is_of = namespaces.as_ref().map_or(peer.namespace == own, |wanted| {
            wanted
                .iter()
                .all(|(name, value)| name == "kubernetes.io/metadata.name" && value == peer.namespace)
        });
        is_of && labels.iter().all(|pair| peer.labels.contains(pair))
    };
    Ok(peers.iter().filter(is_meant).map(|peer| peer.address.to_string()).collect())
}
