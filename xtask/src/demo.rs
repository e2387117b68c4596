//! `cargo xtask run --demo`: samples, their verdicts, and whether the collector holds exactly what it should.

use std::{
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::Value;

use crate::{
    binaries,
    layout::root,
    run::code_of,
    services::{self, Pair},
};

/// How a sample is run.
#[derive(Clone, Copy)]
enum How {
    /// `bash FILE`
    BashFile,
    /// `dash FILE`
    DashFile,
    /// The file itself, by its `#!` line.
    Shebang,
    /// `bash -c TEXT`
    Argument,
    /// `cat FILE | bash`
    Pipe,
}

/// A sample script.
struct Sample {
    file: &'static str,
    how: How,
    malicious: bool,
}

const fn sample(file: &'static str, how: How, malicious: bool) -> Sample {
    Sample { file, how, malicious }
}

/// The samples, in `xtask/samples`. The attacks among them are look-alikes: what they name is never executed.
const SAMPLES: [Sample; 8] = [
    sample("healthcheck.sh", How::Argument, false),
    sample("install-package.sh", How::Shebang, false),
    sample("entrypoint.sh", How::DashFile, false),
    sample("rotate-logs.sh", How::Pipe, false),
    sample("reverse-shell.sh", How::Argument, true),
    sample("dropper.sh", How::Pipe, true),
    sample("miner.sh", How::Shebang, true),
    sample("escape.sh", How::BashFile, true),
];

/// How long findings may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the demo.
pub(crate) fn run(sensor_args: &[String]) -> anyhow::Result<ExitCode> {
    let bin = binaries::build()?;
    let dir = tempfile::tempdir()?;
    let start = Instant::now();
    let mut pair = match services::start(&bin, dir.path(), sensor_args, true) {
        Ok(pair) => pair,
        Err(e) => return code_of(e),
    };
    eprintln!(
        "==> up in {:.1} s (capture tier {}); running {} samples",
        start.elapsed().as_secs_f64(),
        pair.tier,
        SAMPLES.len()
    );

    // Shells of other people on this machine may make findings as well; the samples are known by their hash.
    let work = dir.path().join("samples");
    fs::create_dir(&work)?;
    let (mut hashes, mut ran) = (Vec::new(), Vec::new());
    // What is done about scripts is done in containers.
    let responds = sensor_args.iter().any(|arg| arg.starts_with("--respond"));
    let container = responds.then(Container::make).transpose()?;
    for sample in &SAMPLES {
        let text = fs::read(root().join("xtask/samples").join(sample.file))
            .with_context(|| format!("sample {}", sample.file))?;
        let path = work.join(sample.file);
        fs::write(&path, &text)?;
        // First, so that it does not compete with the sensor whose time is shown.
        hashes.push(scores(&bin, &path, &text)?);
        let marker = path.with_extension("ran");
        execute(sample.how, &path, &text, &marker, container.as_ref())?;
        ran.push(marker.exists());
    }
    let expected = SAMPLES.iter().filter(|s| s.malicious).count();
    let findings = wait_for_findings(&bin, &pair, &hashes, expected)?;
    pair.sensor.stop()?;
    let findings = findings.max(stored(&bin, &pair)?, &hashes);
    // What is held runs nothing before it is killed.
    let holds = services::stops_shells(sensor_args);
    let none_ran = SAMPLES.iter().zip(&ran).all(|(sample, ran)| !(sample.malicious && *ran));
    let right = show(&hashes, &findings.0, responds.then_some(&ran[..])) && (none_ran || !holds);
    pair.collector.stop()?;
    if right {
        eprintln!("==> the collector holds exactly the {expected} findings expected");
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("==> the findings are not those expected");
        Ok(ExitCode::FAILURE)
    }
}

/// What scoring says of a sample, apart from the daemon.
struct Scored {
    text: String,
    sha256: String,
    score: f64,
}

impl Scored {
    /// Is the finding about this sample? Of one that was killed while it came line by line, the beginning is known.
    fn is_of(&self, finding: &Value) -> bool {
        let script = &finding["processes"][0]["script"];
        let begins = script["contents"]
            .as_str()
            .is_some_and(|text| text.len() > self.text.len() / 4 && self.text.starts_with(text));
        script["sha256"].as_str() == Some(&self.sha256) || begins
    }
}

/// A cgroup that looks like a container's, for what is done in containers only.
struct Container(Vec<PathBuf>);

impl Container {
    const PATH: [&str; 3] = [
        "kubepods",
        "podd3a0d3a0-0000-4000-8000-000000000000",
        "00000000000000000000000000000000000000000000000000000000000d3a0d",
    ];

    fn make() -> anyhow::Result<Self> {
        let v1 = Path::new("/sys/fs/cgroup/pids");
        let mut path = if v1.exists() { v1.to_owned() } else { PathBuf::from("/sys/fs/cgroup") };
        let mut made = Self(Vec::new());
        for name in Self::PATH {
            path.push(name);
            if !path.exists() {
                fs::create_dir(&path).with_context(|| format!("cgroup {}", path.display()))?;
            }
            made.0.push(path.clone());
        }
        Ok(made)
    }

    /// Makes a command run in it.
    fn enter(&self, command: &mut Command) -> anyhow::Result<()> {
        let procs = self.0.last().context("a cgroup has a path")?.join("cgroup.procs");
        let mut file =
            fs::File::options().write(true).open(&procs).with_context(|| format!("{}", procs.display()))?;
        // SAFETY: between fork and exec only a file descriptor that is open is written to; "0" is the writer.
        unsafe { command.pre_exec(move || file.write_all(b"0")) };
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // What others have put there stays.
            let _ = fs::remove_dir(path);
        }
    }
}

fn scores(bin: &Path, path: &Path, text: &[u8]) -> anyhow::Result<Scored> {
    let line = serde_json::json!({ "content": String::from_utf8_lossy(text) });
    let file = path.with_extension("jsonl");
    fs::write(&file, format!("{line}\n"))?;
    let output = Command::new(bin.join("sensor"))
        .args(["score", "--format", "json"])
        .arg(&file)
        .stderr(Stdio::inherit())
        .output()?;
    let value: Value = serde_json::from_slice(&output.stdout).context("sensor score printed no JSON")?;
    Ok(Scored {
        text: String::from_utf8_lossy(text).into_owned(),
        sha256: value["sha256"].as_str().unwrap_or_default().to_owned(),
        score: value["score"].as_f64().unwrap_or_default(),
    })
}

fn execute(
    how: How,
    path: &Path,
    text: &[u8],
    marker: &Path,
    container: Option<&Container>,
) -> anyhow::Result<()> {
    let mut command = match how {
        How::DashFile => Command::new("dash"),
        How::Shebang => Command::new(path),
        How::BashFile | How::Argument | How::Pipe => Command::new("bash"),
    };
    match how {
        How::BashFile | How::DashFile => {
            command.arg(path);
        }
        How::Shebang => {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        How::Argument => {
            command.arg("-c").arg(String::from_utf8_lossy(text).as_ref());
        }
        How::Pipe => {}
    }
    if let Some(container) = container {
        container.enter(&mut command)?;
    }
    let mut child = command
        .env("SCRIPTWATCH_DEMO_MARKER", marker)
        .stdin(if matches!(how, How::Pipe) { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} cannot be run", path.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A shell that ends early closes the pipe.
        let _ = stdin.write_all(text);
    }
    child.wait()?;
    Ok(())
}

/// Findings as the collector lists them.
struct Findings(Vec<Value>);

impl Findings {
    fn of_samples(&self, hashes: &[Scored]) -> usize {
        self.0.iter().filter(|f| hashes.iter().any(|h| h.is_of(f))).count()
    }

    /// The listing that holds more of the samples' findings.
    fn max(self, other: Self, hashes: &[Scored]) -> Self {
        if other.of_samples(hashes) >= self.of_samples(hashes) { other } else { self }
    }
}

fn stored(bin: &Path, pair: &Pair) -> anyhow::Result<Findings> {
    let output = Command::new(bin.join("collector"))
        .env("SCRIPTWATCH_COLLECTOR_LOG", "warn")
        .args(["list", "--format", "json", "--limit", "1000", "--store"])
        .arg(&pair.store)
        .output()?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let findings = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("collector list printed no JSON")?;
    Ok(Findings(findings))
}

fn wait_for_findings(
    bin: &Path,
    pair: &Pair,
    hashes: &[Scored],
    expected: usize,
) -> anyhow::Result<Findings> {
    let start = Instant::now();
    loop {
        let findings = stored(bin, pair)?;
        if findings.of_samples(hashes) >= expected || start.elapsed() > PATIENCE {
            return Ok(findings);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Prints a row for each sample; true when each has exactly the findings it should. `ran`: which of them made their marker file;
/// told when something was done about them.
fn show(hashes: &[Scored], findings: &[Value], ran: Option<&[bool]>) -> bool {
    println!(
        "{:20}  {:9}  {:>6}  {:>8}  {:10}  {}FINDING",
        "SAMPLE",
        "VERDICT",
        "SCORE",
        "TIME",
        "SEVERITY",
        if ran.is_some() { "ACTION        MARKER  " } else { "" }
    );
    let mut right = true;
    for (index, (sample, scored)) in SAMPLES.iter().zip(hashes).enumerate() {
        let own: Vec<&Value> = findings.iter().filter(|f| scored.is_of(f)).collect();
        right &= own.len() == usize::from(sample.malicious);
        let finding = own.first();
        let text = |key: &str| finding.and_then(|f| f[key].as_str()).unwrap_or("-").to_owned();
        let response = ran.map(|ran| {
            let action = finding.and_then(|f| f["sourceProperties"]["Response_Action"].as_str());
            let marker = match (sample.malicious, ran[index]) {
                (false, _) => "-",
                (true, true) => "made",
                (true, false) => "none",
            };
            format!("{:12}  {marker:6}  ", action.unwrap_or("-"))
        });
        println!(
            "{:20}  {:9}  {:6.3}  {:>8}  {:10}  {}{}",
            sample.file,
            if own.is_empty() { "benign" } else { "malicious" },
            scored.score,
            finding.and_then(|f| time_to_finding(f)).unwrap_or_else(|| "-".to_owned()),
            text("severity"),
            response.unwrap_or_default(),
            text("name").rsplit('/').next().unwrap_or_default(),
        );
    }
    right
}

/// From the script's beginning to its finding, by the finding's own times.
fn time_to_finding(finding: &Value) -> Option<String> {
    let nanos = |key: &str| {
        let (_, time) = finding[key].as_str()?.split_once('T')?;
        let mut parts = time.trim_end_matches('Z').trim_end_matches("+00:00").split(':');
        let (h, m): (f64, f64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let s: f64 = parts.next()?.parse().ok()?;
        Some((h * 60.0 + m) * 60.0 + s)
    };
    Some(format!("{:.1} ms", (nanos("createTime")? - nanos("eventTime")?) * 1000.0))
}
