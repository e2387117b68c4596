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

use anyhow::{Context, ensure};
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
/// dropped, in the directions that the policy names.
pub fn rules(policy: &Value, peers: &[Peer]) -> String {
    let own = policy["metadata"]["namespace"].as_str().unwrap_or_default();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut text = String::from("table inet allowed {\n");
    for (direction, hook, side, address) in
        [("Egress", "output", "to", "ip daddr"), ("Ingress", "input", "from", "ip saddr")]
    {
        if !list(&policy["spec"]["policyTypes"]).iter().any(|each| each == direction) {
            continue;
        }
        let _ = writeln!(text, "chain to_{hook} {{ type filter hook {hook} priority 0; policy drop;");
        text += "ct state established,related accept\n";
        for rule in list(&policy["spec"][direction.to_lowercase()]) {
            let places = rule.get(side).map_or_else(
                || vec![String::new()],
                |sides| {
                    let all = list(sides);
                    let found = all.iter().flat_map(|side| addresses(side, own, peers));
                    found.map(|place| format!("{address} {place} ")).collect()
                },
            );
            for place in places {
                for port in list(&rule["ports"]) {
                    let protocol = port["protocol"].as_str().unwrap_or("TCP").to_lowercase();
                    let _ = writeln!(text, "{place}{protocol} dport {} accept", port["port"]);
                }
            }
        }
        // A plugin drops it; told at once, the test does not wait.
        text += "reject\n}\n";
    }
    text + "}\n"
}

/// The addresses that a peer of a rule means.
fn addresses(side: &Value, own: &str, peers: &[Peer]) -> Vec<String> {
    if let Some(block) = side["ipBlock"]["cidr"].as_str() {
        return vec![block.to_owned()];
    }
    let wanted = |selector: &Value| -> Vec<(String, String)> {
        let labels = selector["matchLabels"].as_object();
        let pairs = labels.into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    let is_of = |peer: &Peer| match side.get("namespaceSelector") {
        None => peer.namespace == own,
        Some(selector) => wanted(selector)
            .iter()
            .all(|(name, value)| name == "kubernetes.io/metadata.name" && value == peer.namespace),
    };
    let has_labels = |peer: &Peer| wanted(&side["podSelector"]).iter().all(|pair| peer.labels.contains(pair));
    peers.iter().filter(|peer| is_of(peer) && has_labels(peer)).map(|peer| peer.address.to_string()).collect()
}
