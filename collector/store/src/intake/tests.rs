//! The intake with a database and a backlog of its own.

use bytes::Bytes;
use prometheus_client::registry::Registry;
use prost::Message;
use proto::scc::Finding;

use super::*;
use crate::{Incoming, Limits, Part, Retention, Store, StoreError, backlog, writer};

fn incoming(id: &str, revision: u64) -> Incoming {
    let finding = Finding { name: format!("projects/p/findings/{id}"), ..Finding::default() };
    Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), revision)
}

struct Running {
    metrics: Arc<Metrics>,
    intake: Writing,
    writer: Writing,
}

/// As a collector starts it.
fn start_all(path: &std::path::Path) -> Running {
    let mut registry = Registry::default();
    let metrics = Arc::new(Metrics::register(&mut registry, "0"));
    let supervisor = Supervisor::register(&mut registry);
    supervisor.expect_ends();
    let store = Store::open(path).expect("a store");
    let retention = Retention::new(Limits::default(), vec![]);
    let writer = writer::start(store, false, "0", retention, metrics.clone(), &supervisor).expect("a writer");
    let backlog = Backlog::open(path).expect("a backlog");
    let (handle, stop) = (writer.handle.clone(), CancellationToken::new());
    let intake = super::start(path, backlog, handle, metrics.clone(), &supervisor, stop).expect("an intake");
    Running { metrics, intake, writer }
}

async fn put(handle: &StoreHandle, node: &str, findings: Vec<Incoming>) -> Result<(), String> {
    let (done, wait) = oneshot::channel();
    let batch = Batch { parts: vec![Part { node: node.to_owned(), findings }], done, room: None };
    handle.put(batch).await.expect("a running intake");
    wait.await.expect("an answer")
}

async fn end(running: Running) {
    drop(running.intake.handle);
    running.intake.ended.await.expect("its end");
    drop(running.writer.handle);
    running.writer.ended.await.expect("its end");
}

#[tokio::test]
async fn what_is_acknowledged_gets_into_the_database_and_out_of_the_backlog() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("f.db");
    let running = start_all(&path);
    let many: Vec<Incoming> = (0..500).map(|n| incoming(&format!("m{n}"), 1)).collect();
    for part in many.chunks(50) {
        assert_eq!(put(&running.intake.handle, "n", part.to_vec()).await, Ok(()));
    }
    assert_eq!(put(&running.intake.handle, "n", vec![]).await, Ok(()));
    tokio::task::spawn_blocking({
        let path = path.clone();
        move || Backlog::wait(&path, Duration::from_secs(10)).expect("all in the database")
    })
    .await
    .expect("no panic");
    assert_eq!(Store::open_for_reading(&path).expect("a store").count().expect("a count"), 500);
    end(running).await;
    assert_eq!(Backlog::open(&path).expect("a backlog").bytes(), 0);
}

#[tokio::test]
async fn what_a_kill_left_in_the_backlog_is_stored_by_the_next_start_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("f.db");
    let mut store = Store::open(&path).expect("a store");
    store.put("n", 1, &[incoming("a", 1)]).expect("stored");
    let mut backlog = Backlog::open(&path).expect("a backlog");
    let batch = |id| {
        let (done, _) = oneshot::channel();
        Batch {
            parts: vec![Part { node: "n".to_owned(), findings: vec![incoming(id, 1)] }],
            done,
            room: None,
        }
    };
    // The first is in the database, too: it was on its way out of here.
    backlog.append(&[batch("a"), batch("b"), batch("c")]).expect("appended");
    let seen = store.last_seq().expect("a number");
    assert!(matches!(Backlog::wait(&path, Duration::from_millis(100)), Err(StoreError::Backlog(_))));
    drop((store, backlog));
    let running = start_all(&path);
    end(running).await;
    let store = Store::open_for_reading(&path).expect("a store");
    let news = store.after(seen).expect("findings");
    let names: Vec<&str> = news.iter().map(|stored| stored.finding.name.as_str()).collect();
    assert_eq!(names, ["projects/p/findings/b", "projects/p/findings/c"], "what is stored is no news");
    assert_eq!(Backlog::open(&path).expect("a backlog").bytes(), 0);
}

#[tokio::test]
async fn while_the_database_takes_nothing_nothing_more_is_taken_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("f.db");
    let running = start_all(&path);
    let breaker = rusqlite::Connection::open(&path).expect("a connection");
    breaker
        .execute_batch(
            "CREATE TRIGGER broken BEFORE INSERT ON finding BEGIN SELECT RAISE(ABORT, 'full'); END",
        )
        .expect("a trigger");
    assert_eq!(put(&running.intake.handle, "n", vec![incoming("a", 1)]).await, Ok(()));
    let (begun, mut taken) = (Instant::now(), vec!["a", "c"]);
    while put(&running.intake.handle, "n", vec![incoming("b", 1)]).await.is_ok() {
        // It is known a moment after the first one.
        taken.push("b");
        assert!(begun.elapsed() < Duration::from_secs(10), "it goes on");
    }
    assert!(!*running.metrics.ready().borrow());
    breaker.execute_batch("DROP TRIGGER broken").expect("no trigger");
    let begun = Instant::now();
    while put(&running.intake.handle, "n", vec![incoming("c", 1)]).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    end(running).await;
    let store = Store::open_for_reading(&path).expect("a store");
    for id in taken {
        assert!(store.find(id, None).expect("an answer").is_some(), "{id}");
    }
    assert!(Bytes::from(std::fs::read(backlog::of(&path)).expect("a file")).len() < 1 << 20);
}

#[tokio::test]
async fn what_is_in_the_database_leaves_the_backlog_though_something_always_comes() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("f.db");
    let running = start_all(&path);
    assert_eq!(put(&running.intake.handle, "n", vec![incoming("a", 1)]).await, Ok(()));
    let waiting = tokio::task::spawn_blocking({
        let path = path.clone();
        move || Backlog::wait(&path, Duration::from_secs(5))
    });
    while !waiting.is_finished() {
        assert_eq!(put(&running.intake.handle, "m", vec![]).await, Ok(()));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waiting.await.expect("no panic").expect("nothing is left");
    end(running).await;
}

#[tokio::test]
async fn who_sends_much_leaves_room_and_turns_to_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("f.db");
    // A database that somebody else locks takes nothing.
    let running = start_all(&path);
    let lock = rusqlite::Connection::open(&path).expect("a connection");
    lock.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let large = |id: &str| {
        let finding = Finding {
            name: format!("projects/p/findings/{id}"),
            description: "x".repeat(4 << 20),
            ..Finding::default()
        };
        Incoming::new(finding.name.clone(), finding.encode_to_vec().into(), 1)
    };
    let mut taken = 0;
    while let Ok(Ok(())) = tokio::time::timeout(
        Duration::from_millis(500),
        put(&running.intake.handle, "loud", vec![large(&format!("l{taken}"))]),
    )
    .await
    {
        taken += 1;
        assert!(taken < 40, "it has all there is");
    }
    assert!(taken > 20, "{taken}");
    assert_eq!(put(&running.intake.handle, "quiet", vec![incoming("q", 1)]).await, Ok(()));
    lock.execute_batch("COMMIT").expect("no lock");
    let stored = |id: &str| {
        let store = Store::open_for_reading(&path).expect("a store");
        store.find(id, None).expect("an answer").map(|stored| stored.seq)
    };
    let begun = Instant::now();
    while stored("q").is_none() || stored(&format!("l{}", taken - 1)).is_none() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(stored("q") < stored(&format!("l{}", taken / 2)), "it waited for the other");
    end(running).await;
}
