//! Real NATS servers with JetStream that are one cluster: each in a network namespace of its own, behind a bridge.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use nix::{
    sched::{CloneFlags, unshare},
    sys::{prctl::set_pdeathsig, signal::Signal},
};

/// Servers of the cluster.
pub const SERVERS: usize = 3;
const BRIDGE: &str = "cluster";
const CLIENTS: u16 = 4222;
const ROUTES: u16 = 6222;
const MONITORING: u16 = 8222;

/// The servers; they end when dropped.
pub struct NatsCluster {
    dir: PathBuf,
    servers: [Option<Child>; SERVERS],
}

impl NatsCluster {
    /// Starts all, with their files in a directory. The calling thread has to be in a network namespace of the caller's own: a
    /// bridge is made there.
    pub fn start(dir: &Path) -> anyhow::Result<Self> {
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
        ip(&["addr", "add", "10.98.0.1/24", "dev", BRIDGE])?;
        ip(&["link", "set", BRIDGE, "up"])?;
        let mut cluster = Self { dir: dir.to_owned(), servers: Default::default() };
        for which in 0..SERVERS {
            cluster.restart(which)?;
        }
        for which in 0..SERVERS {
            cluster.wait_until_current(which)?;
        }
        Ok(cluster)
    }

    /// The stream as clients of this server name it, with a replica on each.
    pub fn stream(&self, which: usize) -> String {
        format!("jetstream://{}:{CLIENTS}/findings?replicas={SERVERS}", address(which))
    }

    /// Process ids of those that run.
    pub fn pids(&self) -> Vec<u32> {
        self.servers.iter().flatten().map(Child::id).collect()
    }

    /// The server that leads the stream, and how many messages it holds.
    pub fn leader(&self) -> anyhow::Result<(usize, u64)> {
        for which in (0..SERVERS).filter(|which| self.servers[*which].is_some()) {
            let told = monitoring(which, "/jsz?streams=1&raft=1")?;
            let streams = &told["account_details"][0]["stream_detail"];
            let stream = streams.as_array().into_iter().flatten().find(|stream| stream["name"] == "findings");
            let Some(stream) = stream else { continue };
            let leader = stream["cluster"]["leader"].as_str().unwrap_or_default();
            if leader == name(which) {
                return Ok((which, stream["state"]["messages"].as_u64().context("a number of messages")?));
            }
        }
        anyhow::bail!("no server leads the stream")
    }

    /// Ends a server at once; its address is gone with it.
    pub fn kill(&mut self, which: usize) -> anyhow::Result<()> {
        if let Some(mut server) = self.servers[which].take() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }

    /// Starts a server with what it has on disk.
    pub fn restart(&mut self, which: usize) -> anyhow::Result<()> {
        let config = self.dir.join(format!("{}.conf", name(which)));
        let routes: Vec<String> =
            (0..SERVERS).map(|other| format!("nats-route://{}:{ROUTES}", address(other))).collect();
        fs::write(
            &config,
            format!(
                "server_name: {0}\nlisten: \"{1}:{CLIENTS}\"\nhttp: \"{1}:{MONITORING}\"\nmax_payload: 8MB\n\
                 jetstream: {{ store_dir: \"{2}/{0}\" }}\n\
                 cluster: {{ name: fleet, listen: \"{1}:{ROUTES}\", routes: [{3}] }}\n",
                name(which),
                address(which),
                self.dir.display(),
                routes.join(", ")
            ),
        )?;
        let log = fs::File::options().create(true).append(true).open(config.with_extension("log"))?;
        let mut command = Command::new("/bin/sh");
        // It waits for its network.
        command.args(["-c", "read -r go; exec /usr/sbin/nats-server -c \"$0\""]).arg(&config);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        let prepare = || {
            // It ends with the thread that started it, and its network with it.
            set_pdeathsig(Signal::SIGKILL)?;
            Ok(unshare(CloneFlags::CLONE_NEWNET)?)
        };
        // SAFETY: plain system calls.
        unsafe { command.pre_exec(prepare) };
        let mut server = command.spawn()?;
        let go = server.stdin.take().context("its standard input")?;
        let pid = server.id().to_string();
        self.servers[which] = Some(server);
        let outside = name(which);
        ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &pid])?;
        ip(&["link", "set", &outside, "master", BRIDGE, "up"])?;
        for inside in [
            &["addr", "add", &format!("{}/24", address(which)), "dev", "eth0"][..],
            &["link", "set", "eth0", "up"],
            &["link", "set", "lo", "up"],
        ] {
            run(Command::new("/usr/bin/nsenter").args(["-t", &pid, "-n", "ip"]).args(inside))?;
        }
        let mut go = go;
        go.write_all(b"\n")?;
        let begun = Instant::now();
        while TcpStream::connect_timeout(&SocketAddr::from((address(which), CLIENTS)), Duration::from_secs(1))
            .is_err()
        {
            ensure!(
                begun.elapsed() < Duration::from_secs(20),
                "nats-server {} does not start: {}",
                name(which),
                fs::read_to_string(config.with_extension("log")).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until a server has what the others have.
    pub fn wait_until_current(&self, which: usize) -> anyhow::Result<()> {
        let begun = Instant::now();
        while monitoring(which, "/healthz").map_or(true, |told| told["status"] != "ok") {
            ensure!(begun.elapsed() < Duration::from_mins(1), "nats-server {} is not healthy", name(which));
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for NatsCluster {
    fn drop(&mut self) {
        for which in 0..SERVERS {
            let _ = self.kill(which);
        }
    }
}

fn name(which: usize) -> String {
    format!("nats{}", which + 1)
}

fn address(which: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 98, 0, 11 + which as u8)
}

fn monitoring(which: usize, path: &str) -> anyhow::Result<serde_json::Value> {
    let mut socket = TcpStream::connect((address(which), MONITORING))?;
    // By a client of HTTP/1.0, which is not answered in chunks.
    write!(socket, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer")?;
    Ok(serde_json::from_str(body)?)
}

fn ip(args: &[&str]) -> anyhow::Result<()> {
    run(Command::new("ip").args(args))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
