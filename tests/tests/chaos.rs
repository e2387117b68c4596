//! Findings made = findings stored, whatever breaks in between. The short form runs with every test; the long form by
//! `cargo xtask test chaos`, from a seed that it prints and takes (`--seed`).

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use e2e::{
    collectors, daemon, made,
    nats::Nats,
    proxy::{Proxy, Random, Weather},
    request,
};
use proto::ingest::{Batch, Envelope, Sensor, ingest_service_client::IngestServiceClient};
use store::{Backlog, Search, Store};
use tempfile::TempDir;
use tokio_stream::wrappers::ReceiverStream;

const FEEDER: &str = env!("CARGO_BIN_EXE_feeder");

/// How much is done.
#[derive(Clone, Copy)]
struct Scale {
    seed: u64,
    findings: u64,
    faults: u64,
}

fn scale() -> Scale {
    let is_long = std::env::var_os("SCRIPTWATCH_TEST_CHAOS").is_some();
    let seed = std::env::var("SCRIPTWATCH_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    eprintln!("seed {seed}");
    if is_long {
        Scale { seed, findings: 10_000, faults: 100 }
    } else {
        Scale { seed, findings: 2000, faults: 8 }
    }
}

/// A feeder and where its things are.
struct Feeder {
    dir: TempDir,
    child: Option<Child>,
    collectors: String,
    scale: Scale,
}

impl Feeder {
    fn start(collectors: String, scale: Scale) -> Self {
        let mut feeder =
            Self { dir: tempfile::tempdir().expect("a directory"), child: None, collectors, scale };
        feeder.resume();
        feeder
    }

    fn resume(&mut self) {
        self.resume_by(Command::new(FEEDER));
    }

    /// Goes on, by a command that takes the feeder's arguments.
    fn resume_by(&mut self, mut command: Command) {
        // Slow enough for the faults to fall among the findings.
        let pace_ms = self.scale.faults * 60 * 20 / self.scale.findings;
        let child = command
            .arg(self.dir.path().join("spool"))
            .arg(self.dir.path().join("journal"))
            .arg(self.scale.findings.to_string())
            .arg(pace_ms.to_string())
            .arg(&self.collectors)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a feeder");
        self.child = Some(child);
    }

    /// Is it still at work?
    fn runs(&mut self) -> bool {
        let child = self.child.as_mut().expect("a feeder");
        match child.try_wait().expect("a status") {
            None => true,
            Some(status) => {
                assert!(status.success(), "the feeder failed: {status}");
                false
            }
        }
    }

    fn kill(&mut self) {
        let child = self.child.as_mut().expect("a feeder");
        child.kill().expect("a kill");
        child.wait().expect("a status");
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while self.runs() {
            assert!(start.elapsed() < Duration::from_mins(3), "the feeder does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It has ended, mostly.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A node whose client sends what the sensor sends, under the same names, and reads nothing.
const OTHERS: &str = "mute";

/// Every finding of the sensor is stored, once, and as it was made.
fn all_are_stored(dir: &Path, findings: u64) {
    let database = dir.join("findings.db");
    Backlog::wait(&database, Duration::from_secs(30)).expect("all in the database");
    let store = Store::open_for_reading(&database).expect("the store");
    let mut stored = store.search(&Search::default(), u32::MAX).expect("findings");
    stored.retain(|s| s.node != OTHERS);
    assert_eq!(stored.len() as u64, findings);
    let numbers: BTreeSet<u64> =
        stored.iter().map(|s| made::number_of(&s.finding).expect("an altered finding")).collect();
    assert_eq!(numbers, (0..findings).collect());
}

fn pause(random: &mut Random, up_to_ms: u64) {
    thread::sleep(Duration::from_millis(random.below(up_to_ms)));
}

#[test]
fn a_collector_that_is_killed_again_and_again() {
    let scale = scale();
    let Scale { seed, findings, faults } = scale;
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let (mut collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let mut feeder = Feeder::start(format!("http://127.0.0.1:{port}"), scale);
    for _ in 0..faults {
        pause(&mut random, 60);
        collector.kill().expect("a kill");
        collector = collectors::start(dir.path(), port).expect("a collector").0;
    }
    feeder.wait();
    all_are_stored(dir.path(), findings);
}

#[test]
fn a_sensor_that_is_killed_again_and_again() {
    let scale = scale();
    let Scale { seed, findings, faults } = scale;
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let mut feeder = Feeder::start(format!("http://127.0.0.1:{port}"), scale);
    let mut in_time = 0;
    for _ in 0..faults {
        pause(&mut random, 60);
        in_time += u64::from(feeder.runs());
        feeder.kill();
        feeder.resume();
    }
    assert!(in_time >= faults / 2, "{in_time} of {faults} kills met it at work");
    feeder.wait();
    all_are_stored(dir.path(), findings);
}

#[test]
fn a_clock_that_jumps_days_ahead_and_back() {
    let scale = Scale { faults: 6, ..scale() };
    let mut random = Random::new(scale.seed);
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let mut feeder = Feeder::start(format!("http://127.0.0.1:{port}"), scale);
    for jump in 0..scale.faults {
        pause(&mut random, 60);
        feeder.kill();
        let mut command = Command::new("faketime");
        command.args(["-f", if jump % 2 == 0 { "+30d" } else { "-30d" }]).arg(FEEDER);
        feeder.resume_by(command);
    }
    feeder.wait();
    all_are_stored(dir.path(), scale.findings);
}

/// A file system of its own size, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, size: &str) -> Self {
        fs::create_dir_all(at).expect("a directory");
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", at.to_str().expect("a path")]);
        Self(at.to_owned())
    }

    fn grow(&self, size: &str) {
        run("mount", &["-o", &format!("remount,size={size}"), self.0.to_str().expect("a path")]);
    }

    fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro", self.0.to_str().expect("a path")]);
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn run(program: &str, args: &[&str]) {
    assert!(Command::new(program).args(args).status().expect("it runs").success(), "{program} {args:?}");
}

#[test]
fn a_sensors_disk_that_is_full_or_read_only_costs_nothing() {
    let scale = Scale { faults: 0, findings: 2000, ..scale() };
    for is_full in [true, false] {
        let dir = tempfile::tempdir().expect("a directory");
        // A port where nobody listens yet: findings pile up.
        let port = daemon::free_port();
        let mut feeder = Feeder {
            dir: tempfile::tempdir().expect("a directory"),
            child: None,
            collectors: format!("http://127.0.0.1:{port}"),
            scale,
        };
        let size = if is_full { "600k" } else { "60m" };
        let disk = Small::mount(&feeder.dir.path().join("spool"), size);
        if !is_full {
            disk.make_read_only();
        }
        feeder.resume();
        let journal = feeder.dir.path().join("journal");
        let start = Instant::now();
        while !fs::read_to_string(&journal).unwrap_or_default().ends_with("2000\n") {
            assert!(start.elapsed() < Duration::from_mins(1), "it does not go on");
            thread::sleep(Duration::from_millis(10));
        }
        let (_collector, _) = collectors::start(dir.path(), port).expect("a collector");
        feeder.wait();
        all_are_stored(dir.path(), scale.findings);
        drop(disk);
    }
}

#[test]
fn a_collector_whose_disk_is_full_stores_when_there_is_room_again() {
    let scale = Scale { faults: 0, ..scale() };
    let dir = tempfile::tempdir().expect("a directory");
    let disk = Small::mount(&dir.path().join("store"), "700k");
    let (_collector, port) = collectors::start(&disk.0, 0).expect("a collector");
    let mut feeder = Feeder::start(format!("http://127.0.0.1:{port}"), scale);
    let start = Instant::now();
    let used = || -> u64 {
        let size = |file: &str| fs::metadata(disk.0.join(file)).map_or(0, |m| m.len());
        ["findings.db", "findings.db-wal", "findings.db-backlog", "findings.db-backlog-wal"]
            .map(size)
            .iter()
            .sum()
    };
    while used() < 500_000 {
        assert!(start.elapsed() < Duration::from_secs(30), "the disk does not fill");
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(500));
    assert!(feeder.runs(), "all fitted into a disk that is too small for it");
    disk.grow("200m");
    feeder.wait();
    all_are_stored(&disk.0, scale.findings);
}

#[test]
fn clients_that_send_garbage_never_read_or_open_a_thousand_streams() {
    let scale = scale();
    let mut random = Random::new(scale.seed);
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // Garbage: from the first byte, and behind a proper beginning.
    for beginning in [&b""[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(address).expect("a connection");
            let garbage: Vec<u8> = (0..random.below(4000)).map(|_| random.below(256) as u8).collect();
            let _ = stream.write_all(beginning);
            let _ = stream.write_all(&garbage);
        }
    }
    // Another client than the sensor.
    let elsewhere = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .local_address(Some(IpAddr::from([127, 0, 0, 2])));
    // Streams that stay open, and one that sends and never reads.
    let held = runtime.block_on(async {
        let mut held = Vec::new();
        for connection in 0..100 {
            let channel = elsewhere.connect().await.expect("a connection");
            for stream in 0..10 {
                let (sender, receiver) = tokio::sync::mpsc::channel(1024);
                let mut client = IngestServiceClient::new(channel.clone());
                let acks = client.deliver(ReceiverStream::new(receiver)).await.expect("a stream");
                if connection == 0 && stream == 0 {
                    for sequence in 1..1000 {
                        let sensor = Some(Sensor { node: OTHERS.to_owned(), version: String::new() });
                        let findings = vec![Envelope::of(&made::finding(sequence % scale.findings), 0)];
                        let batch = Batch { sequence, sensor, findings, health: None };
                        if sender.try_send(batch).is_err() {
                            break;
                        }
                    }
                }
                held.push((sender, acks));
            }
        }
        held
    });
    assert_eq!(held.len(), 1000);
    // As many as it may have; the sensor may have as many.
    let one_more = runtime.block_on(async {
        let mut client = IngestServiceClient::new(elsewhere.connect().await.expect("a connection"));
        client.deliver(tokio_stream::empty::<Batch>()).await.expect_err("a refusal")
    });
    assert_eq!(one_more.code(), tonic::Code::ResourceExhausted);
    let mut feeder = Feeder::start(format!("http://{address}"), scale);
    feeder.wait();
    all_are_stored(dir.path(), scale.findings);
}

#[test]
fn a_network_that_cuts_delays_goes_silent_and_corrupts() {
    let scale = scale();
    let Scale { seed, findings, faults } = scale;
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port)), seed).expect("a proxy");
    let mut feeder = Feeder::start(format!("http://{}", proxy.address), scale);
    for fault in 0..faults {
        pause(&mut random, 40);
        match fault % 4 {
            0 => proxy.cut(),
            1 => proxy.set(Weather::Slow(5)),
            2 => proxy.set(Weather::Corrupt(20_000)),
            _ => {
                // Half open: longer than the feeder's patience, now and then.
                proxy.set(Weather::Silent);
                pause(&mut random, if fault % 16 == 3 { 3000 } else { 50 });
            }
        }
        pause(&mut random, 100);
        proxy.set(Weather::Fair);
    }
    feeder.wait();
    all_are_stored(dir.path(), findings);
}

#[test]
fn two_collectors_over_one_store_of_which_one_is_always_dead() {
    let scale = scale();
    let Scale { seed, findings, faults } = scale;
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let start = |port| collectors::start_in(dir.path(), &format!("port-{port}"), port).expect("a collector");
    let (first, a) = start(0);
    let (second, b) = start(0);
    let mut both = [Some(first), Some(second)];
    let mut feeder = Feeder::start(format!("http://127.0.0.1:{a},http://127.0.0.1:{b}"), scale);
    for fault in 0..faults as usize {
        pause(&mut random, 80);
        if let Some(mut dead) = both[fault % 2].take() {
            dead.kill().expect("a kill");
        }
        let other = (fault + 1) % 2;
        if both[other].is_none() {
            both[other] = Some(start([a, b][other]).0);
        }
    }
    feeder.wait();
    all_are_stored(dir.path(), findings);
}

#[test]
fn streams_that_end_of_age_while_much_is_sent() {
    const FINDINGS: usize = 40_000;
    let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let two = collectors::Two::start([dirs[0].path(), dirs[1].path()]).expect("two collectors");
    let at = tempfile::tempdir().expect("a directory");
    let begun = Instant::now();
    let fed = Command::new(FEEDER)
        .arg(at.path().join("spool"))
        .arg(at.path().join("journal"))
        .args([&FINDINGS.to_string(), "0", &two.uris])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(fed.expect("a feeder").success());
    assert!(begun.elapsed() > Duration::from_millis(1100), "no stream came of age: {:?}", begun.elapsed());
    // They share no store: what one has, the other was not sent.
    let stored = dirs.iter().zip(&two.admins).map(|(dir, admin)| {
        let database = dir.path().join("findings.db");
        Backlog::wait(&database, Duration::from_secs(30)).expect("all in the database");
        let store = Store::open_for_reading(&database).expect("the store");
        let names = store.search(&Search::default(), u32::MAX).expect("findings").into_iter();
        let names: Vec<String> = names.map(|stored| stored.finding.name).collect();
        let metrics = request::get(admin, "/metrics");
        let received = format!("scriptwatch_collector_findings_received_total {}\n", names.len());
        assert!(metrics.contains(&received), "some came again: {metrics}");
        names
    });
    let stored: Vec<Vec<String>> = stored.collect();
    let all: Vec<&String> = stored.iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (FINDINGS, FINDINGS));
}

#[test]
fn two_sensors_with_one_identity() {
    let scale = scale();
    let findings = scale.findings;
    let dir = tempfile::tempdir().expect("a directory");
    let (_collector, port) = collectors::start(dir.path(), 0).expect("a collector");
    let url = format!("http://127.0.0.1:{port}");
    let mut both = [Feeder::start(url.clone(), scale), Feeder::start(url, scale)];
    for feeder in &mut both {
        feeder.wait();
    }
    all_are_stored(dir.path(), findings);
}

#[test]
fn a_stream_and_its_collectors_that_are_killed_again_and_again() {
    let scale = scale();
    let Scale { seed, findings, faults } = scale;
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let mut nats = Nats::start(dir.path()).expect("a server");
    let start = |stream: &str, port| {
        collectors::start_into(stream, dir.path(), &format!("port-{port}"), port, &[]).expect("a collector")
    };
    let (first, a) = start(&nats.stream(), 0);
    let (second, b) = start(&nats.stream(), 0);
    let mut collectors = [first, second];
    let mut index = collectors::index(&nats.stream(), dir.path()).expect("an index");
    let mut feeder = Feeder::start(format!("http://127.0.0.1:{a},http://127.0.0.1:{b}"), scale);
    for fault in 0..faults as usize {
        pause(&mut random, 60);
        match fault % 4 {
            0 | 2 => {
                nats.kill().expect("a kill");
                pause(&mut random, 60);
                nats.restart().expect("a server");
            }
            1 => {
                let which = fault / 4 % 2;
                collectors[which].kill().expect("a kill");
                collectors[which] = start(&nats.stream(), [a, b][which]).0;
            }
            _ => {
                index.kill().expect("a kill");
                index = collectors::index(&nats.stream(), dir.path()).expect("an index");
            }
        }
    }
    feeder.wait();
    daemon::wait_until("all are indexed", || {
        Store::open_for_reading(&dir.path().join("findings.db"))
            .and_then(|store| store.count())
            .is_ok_and(|count| count == findings)
    });
    all_are_stored(dir.path(), findings);
}
