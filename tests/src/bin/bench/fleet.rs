//! Ten thousand sensors, three collectors and a cluster of three message servers, of which one each is killed. Everything
//! runs in network namespaces of its own.

mod sensor;

use std::{
    fmt::Write as _,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::Command,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use e2e::{
    certificate::{Authority, Files},
    collectors,
    daemon::Daemon,
    nats_cluster::NatsCluster,
};
use nix::{
    sched::{CloneFlags, unshare},
    sys::resource::{Resource, getrlimit, setrlimit},
};
use store::{Search, Store, Stored};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::{
    ingest::cpu_seconds,
    memory::resident_mib,
    statistics::{percentile, show},
};
use sensor::{Fleet, Simulated};

const COLLECTORS: usize = 3;
/// Mean time between two findings of a sensor: 500 a second of all. A node that makes one each hour is under attack.
const INTERVAL: Duration = Duration::from_secs(20);
/// How long a stream is kept here, so that streams spread while this runs.
const STREAM_AGE: Duration = Duration::from_mins(2);
/// How long each part runs.
const PART: Duration = Duration::from_secs(30);
/// How long something may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) fn run() -> anyhow::Result<()> {
    allow_descriptors()?;
    // A thread of its own is in a network of its own, and all that it starts.
    let measuring = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).context("a network namespace (only root may make one)")?;
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
        ensure!(up.success(), "ip: {up}");
        tokio::runtime::Runtime::new()?.block_on(measure())
    });
    measuring.join().map_err(|_| anyhow::anyhow!("the measurement panicked"))?
}

/// How many there are; `SCRIPTWATCH_BENCH_SENSORS` says another number.
fn fleet_size() -> usize {
    let wanted = std::env::var("SCRIPTWATCH_BENCH_SENSORS").ok().and_then(|number| number.parse().ok());
    wanted.unwrap_or(10_000)
}

/// Each sensor needs a descriptor.
fn allow_descriptors() -> anyhow::Result<()> {
    let wanted = fleet_size() as u64 + 4096;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let most = most.max(wanted);
    setrlimit(Resource::RLIMIT_NOFILE, most, most).with_context(|| format!("{wanted} open files are needed"))
}

/// Three collectors, each of another message server.
struct Collectors {
    dir: tempfile::TempDir,
    server: Files,
    authority: std::path::PathBuf,
    streams: Vec<String>,
    running: Vec<(Option<Daemon>, u16)>,
}

impl Collectors {
    fn start_one(&self, which: usize, port: u16) -> anyhow::Result<(Daemon, u16)> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let age = STREAM_AGE.as_secs().to_string();
        let args = [
            "--tls-cert",
            &path(&self.server.certificate),
            "--tls-key",
            &path(&self.server.key),
            "--tls-client-ca",
            &path(&self.authority),
            "--client-stream-age",
            &age,
        ];
        let port_file = format!("port-{which}");
        // They tell of each stream that breaks.
        let env = [("SCRIPTWATCH_COLLECTOR_LOG", "error".to_owned())];
        collectors::start_encrypted_into(&self.streams[which], self.dir.path(), &port_file, port, &args, &env)
    }

    fn kill(&mut self, which: usize) -> anyhow::Result<()> {
        self.running[which].0.take().context("a collector that runs")?.kill()
    }

    fn restart(&mut self, which: usize) -> anyhow::Result<()> {
        let (daemon, _) = self.start_one(which, self.running[which].1)?;
        self.running[which].0 = Some(daemon);
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        self.running.iter().filter_map(|(daemon, _)| daemon.as_ref().map(Daemon::pid)).collect()
    }

    /// Connections that each has accepted.
    fn streams(&self) -> Vec<usize> {
        // The network namespace of this thread.
        let all = fs::read_to_string("/proc/thread-self/net/tcp").unwrap_or_default();
        let of = |port: u16| {
            let (own, established) = (format!(":{port:04X}"), "01");
            all.lines()
                .filter(|line| {
                    let mut fields = line.split_whitespace().skip(1);
                    fields.next().is_some_and(|local| local.ends_with(&own))
                        && fields.nth(1) == Some(established)
                })
                .count()
        };
        self.running.iter().filter(|(daemon, _)| daemon.is_some()).map(|(_, port)| of(*port)).collect()
    }
}

async fn measure() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut cluster = NatsCluster::start(dir.path())?;
    let authority = Authority::new("fleet")?;
    let mut collectors = Collectors {
        server: authority.issue(dir.path(), "server", "localhost", 24)?,
        authority: authority.write(dir.path(), "ca.pem")?,
        streams: (0..COLLECTORS).map(|which| cluster.stream(which)).collect(),
        running: Vec::new(),
        dir: tempfile::tempdir()?,
    };
    for which in 0..COLLECTORS {
        let (daemon, port) = collectors.start_one(which, 0)?;
        collectors.running.push((Some(daemon), port));
    }
    let index = collectors::index(&cluster.stream(0), collectors.dir.path())?;

    let fleet = Arc::new(Fleet {
        open: AtomicU64::new(0),
        made: AtomicU64::new(0),
        sent_again: AtomicU64::new(0),
        acknowledged: std::sync::Mutex::default(),
        ends: std::sync::Mutex::default(),
        quiet: CancellationToken::new(),
        interval: INTERVAL,
    });
    let sensors = simulated(&authority, dir.path(), &collectors)?;
    let since = Instant::now();
    let mut living = JoinSet::new();
    for sensor in sensors {
        living.spawn(sensor.live(fleet.clone()));
    }
    until_open(&fleet).await?;
    println!(
        "{} sensors that start within a second have streams after {:.1} s",
        fleet_size(),
        since.elapsed().as_secs_f64()
    );

    // As it usually is.
    let begun = Instant::now();
    let before = used(&collectors, &cluster)?;
    tokio::time::sleep(PART).await;
    let after = used(&collectors, &cluster)?;
    println!(
        "{} findings a second, nothing fails, {:?} streams: {}",
        fleet_size() as u64 / INTERVAL.as_secs(),
        collectors.streams(),
        fleet.shown_since(begun)
    );
    tell_used(&before, &after)?;

    // One of each is killed: the message server that leads.
    let (leader, _) = cluster.leader()?;
    let begun = Instant::now();
    let again = fleet.sent_again.load(Ordering::Relaxed);
    let of_it = collectors.streams()[leader % COLLECTORS];
    collectors.kill(leader % COLLECTORS)?;
    cluster.kill(leader)?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    until_open(&fleet).await?;
    println!(
        "a collector and the leading message server are killed ({of_it} streams): all streams are there again after {:.1} s",
        begun.elapsed().as_secs_f64()
    );
    tokio::time::sleep(PART.saturating_sub(begun.elapsed())).await;
    println!(
        "  findings of these {PART:?}: {}, {} were sent again",
        fleet.shown_since(begun),
        fleet.sent_again.load(Ordering::Relaxed) - again
    );

    // Both come back.
    cluster.restart(leader)?;
    collectors.restart(leader % COLLECTORS)?;
    let begun = Instant::now();
    let mut shares = String::new();
    for _ in 0..2 {
        tokio::time::sleep(STREAM_AGE).await;
        write!(shares, " {:?} after {:.0} s", collectors.streams(), begun.elapsed().as_secs_f64())?;
    }
    println!(
        "both are started again, with streams that last {STREAM_AGE:?} (30 min by default): streams{shares}; {}",
        fleet.shown_since(begun)
    );
    cluster.wait_until_current(leader)?;

    // Nothing is lost, doubled or altered.
    fleet.quiet.cancel();
    let left = tokio::time::timeout(PATIENCE, async { while living.join_next().await.is_some() {} });
    left.await.context("some sensors do not get rid of their findings")?;
    let made = fleet.made.load(Ordering::Relaxed);
    let (_, messages) = cluster.leader()?;
    let (stored, altered) = until_indexed(collectors.dir.path(), made).await?;
    println!(
        "{made} findings made, {messages} messages in the stream, {stored} in the database that is made of it, {altered} altered"
    );
    ensure!(made == stored && altered == 0, "findings are lost or altered");
    ensure!(messages == made, "findings are in the stream twice, or not at all");
    drop(index);
    Ok(())
}

/// All sensors, each with a certificate and an address of its own.
fn simulated(authority: &Authority, dir: &Path, collectors: &Collectors) -> anyhow::Result<Vec<Simulated>> {
    let ca = Certificate::from_pem(fs::read(&collectors.authority)?);
    let uris: Vec<String> =
        collectors.running.iter().map(|(_, port)| format!("https://localhost:{port}")).collect();
    (0..fleet_size())
        .map(|number| {
            let node = format!("node-{number}");
            let files = authority.issue(dir, "node", &node, 24)?;
            let identity = Identity::from_pem(fs::read(&files.certificate)?, fs::read(&files.key)?);
            let tls = ClientTlsConfig::new().ca_certificate(ca.clone()).identity(identity);
            let [.., high, low] = u32::try_from(number)?.to_be_bytes();
            Ok(Simulated {
                node,
                from: IpAddr::from(Ipv4Addr::new(127, 1, high, low)),
                uris: uris.clone(),
                tls,
            })
        })
        .collect()
}

async fn until_open(fleet: &Fleet) -> anyhow::Result<()> {
    let begun = Instant::now();
    while fleet.open.load(Ordering::Relaxed) < fleet_size() as u64 {
        ensure!(
            begun.elapsed() < PATIENCE,
            "only {:?} streams are open; why others ended: {:#?}",
            fleet.open,
            fleet.ends
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// How many findings the database holds, when it holds as many as were made or nothing more comes, and how many are not as made.
async fn until_indexed(dir: &Path, made: u64) -> anyhow::Result<(u64, u64)> {
    let store = Store::open_for_reading(&dir.join("findings.db"))?;
    let begun = Instant::now();
    while store.count()? < made && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let stored = store.search(&Search::default(), u32::MAX)?;
    let number = |stored: &Stored| stored.finding.name.rsplit_once("/findings/f")?.1.parse().ok();
    let is_as_made = |stored: &&Stored| {
        number(stored).is_some_and(|n| n < made && stored.finding == sensor::finding(n, &stored.node))
    };
    let altered = stored.len() - stored.iter().filter(is_as_made).count();
    Ok((stored.len() as u64, altered as u64))
}

impl Fleet {
    /// How long the findings took that were made since then, from made to acknowledged.
    fn shown_since(&self, since: Instant) -> String {
        let acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let of_this = acknowledged.iter().filter(|(made, _)| *made >= since);
        let mut times: Vec<f64> = of_this.map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        if times.is_empty() {
            return "no finding was acknowledged".to_owned();
        }
        let worst = percentile(&mut times, 1.0);
        let waiting = self.made.load(Ordering::Relaxed) - acknowledged.len() as u64;
        format!("made to acknowledged {}, worst {worst:.0} ms, {waiting} still wait", show(&mut times, "ms"))
    }
}

/// Seconds of CPU and MiB of each collector and of each message server, and when.
type Used = (Vec<(f64, f64)>, Vec<(f64, f64)>, Instant);

fn used(collectors: &Collectors, cluster: &NatsCluster) -> anyhow::Result<Used> {
    let of =
        |pids: Vec<u32>| pids.into_iter().map(|pid| Ok((cpu_seconds(pid)?, resident_mib(pid)?))).collect();
    let each: anyhow::Result<Vec<_>> = of(collectors.pids());
    let servers: anyhow::Result<Vec<_>> = of(cluster.pids());
    Ok((each?, servers?, Instant::now()))
}

fn tell_used(before: &Used, after: &Used) -> anyhow::Result<()> {
    let seconds = (after.2 - before.2).as_secs_f64();
    for (what, before, after) in [("collector", &before.0, &after.0), ("message server", &before.1, &after.1)]
    {
        let mut line = String::new();
        for (before, after) in before.iter().zip(after) {
            write!(
                line,
                " {:.1} % of a core and {:.0} MiB;",
                (after.0 - before.0) / seconds * 100.0,
                after.1
            )?;
        }
        println!("  each {what}:{line}");
    }
    Ok(())
}
