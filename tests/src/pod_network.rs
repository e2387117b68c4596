//! A pod's network, and what is beyond it: two network namespaces, the first with the rules of a network policy, the second with an
//! address for each thing that a pod may want to reach.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::{
    names,
    namespace::{inside, ip},
};

/// The pod's own address, and the first beyond it.
pub const POD: Ipv4Addr = Ipv4Addr::new(10, 64, 1, 2);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 64, 1, 1);
/// What every name resolves to.
pub const RESOLVED: &str = "192.0.2.80";
/// How long nothing has to come.
const PATIENCE: Duration = Duration::from_millis(400);

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
            names::serve(udp, |_| RESOLVED.parse().ok());
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
