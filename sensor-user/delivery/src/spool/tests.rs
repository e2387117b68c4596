//! The spool under kills, power cuts and damage.

use proto::scc::Finding;

use crate::metrics::DeliveryMetrics;

use super::*;

fn envelope(number: u64, bytes: usize) -> (u64, Envelope) {
    envelope_of(7, number, bytes)
}

fn envelope_of(owner: u64, number: u64, bytes: usize) -> (u64, Envelope) {
    let finding =
        Finding { name: format!("f{number}"), description: "x".repeat(bytes), ..Finding::default() };
    (owner, Envelope::of(&finding, number))
}

fn open(dir: &Path) -> Spool {
    Spool::open(Some(dir), Limits::default(), DeliveryMetrics::default(), Notices::none())
}

fn revisions(spool: &mut Spool) -> Vec<u64> {
    spool.after(0, 1000, u64::MAX).iter().map(|entry| entry.envelope.revision).collect()
}

fn damaged(spool: &Spool) -> u64 {
    spool.metrics().damaged.get()
}

/// The files of an open spool, as a power cut leaves them.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["spool.db", "spool.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

#[test]
fn what_was_appended_is_there_after_a_restart_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    spool.append(vec![envelope(1, 10), envelope(2, 10)]);
    spool.append(vec![envelope(3, 10)]);
    let cut = dir.path().join("cut");
    copy(dir.path(), &cut);
    let mut spool = open(&cut);
    assert_eq!(revisions(&mut spool), [1, 2, 3]);
    let second = spool.after(0, 2, u64::MAX)[1].sequence;
    spool.remove_up_to(second);
    assert_eq!((revisions(&mut spool), spool.len()), (vec![3], 1));
    spool.append(vec![envelope(4, 10)]);
    drop(spool);
    assert_eq!(revisions(&mut open(&cut)), [3, 4]);
}

#[test]
fn batches_are_bounded_and_a_large_finding_travels_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    spool.append(vec![envelope(1, 100), envelope(2, 5000), envelope(3, 100), envelope(4, 100)]);
    let batches: Vec<Vec<u64>> = std::iter::successors(Some(spool.after(0, 64, 1000)), |last| {
        Some(spool.after(last.last()?.sequence, 64, 1000))
    })
    .take_while(|batch| !batch.is_empty())
    .map(|batch| batch.iter().map(|entry| entry.envelope.revision).collect())
    .collect();
    assert_eq!(batches, [vec![1], vec![2], vec![3, 4]]);
}

#[test]
fn a_write_torn_at_any_byte_costs_at_most_itself() {
    let dir = tempfile::tempdir_in(if Path::new("/dev/shm").exists() { "/dev/shm" } else { "/tmp" }).unwrap();
    let at = dir.path().join("spool");
    let mut spool = open(&at);
    spool.append(vec![envelope(1, 10)]);
    spool.append(vec![envelope(2, 10)]);
    let log = |dir: &Path| std::fs::metadata(dir.join("spool.db-wal")).unwrap().len();
    let before = log(&at);
    spool.append(vec![envelope(3, 10)]);
    let after = log(&at);
    assert!(after > before);
    let whole = dir.path().join("whole");
    copy(&at, &whole);
    let cut = dir.path().join("cut");
    for length in before..after {
        copy(&whole, &cut);
        std::fs::File::options().write(true).open(cut.join("spool.db-wal")).unwrap().set_len(length).unwrap();
        let mut spool = open(&cut);
        assert_eq!(revisions(&mut spool), [1, 2], "cut at byte {length}");
        let is_torn = (length - 32) % 4120 != 0;
        assert_eq!(damaged(&spool), u64::from(is_torn), "cut at byte {length}");
        // And it goes on.
        spool.append(vec![envelope(9, 10)]);
        assert_eq!(revisions(&mut spool), [1, 2, 9], "cut at byte {length}");
        drop(spool);
        std::fs::remove_dir_all(&cut).unwrap();
    }
}

#[test]
fn a_file_that_is_no_spool_any_more_is_set_aside_and_read_as_far_as_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("spool");
    let mut spool = open(&at);
    for number in 0..200 {
        spool.append(vec![envelope(number, 3000)]);
    }
    drop(spool);
    let length = std::fs::metadata(at.join("spool.db")).unwrap().len();
    for keep in [length * 3 / 4, length / 2, 5000, 100, 1, 0] {
        let cut = dir.path().join(format!("cut-{keep}"));
        copy(&at, &cut);
        std::fs::File::options().write(true).open(cut.join("spool.db")).unwrap().set_len(keep).unwrap();
        let mut spool = open(&cut);
        let left = revisions(&mut spool);
        assert!(left.len() < 200 && left.is_sorted(), "{keep}: {left:?}");
        if keep > 0 {
            assert!(damaged(&spool) > 0, "{keep}: damage is not counted");
        }
        spool.append(vec![envelope(999, 10)]);
        assert_eq!(revisions(&mut spool).last(), Some(&999), "{keep}: it does not go on");
    }
    let garbage = dir.path().join("garbage");
    std::fs::create_dir(&garbage).unwrap();
    std::fs::write(garbage.join("spool.db"), "not a database at all ".repeat(1000)).unwrap();
    let mut spool = open(&garbage);
    assert_eq!((revisions(&mut spool), damaged(&spool)), (vec![], 1));
    assert!(garbage.join("spool.db.damaged").exists());
}

#[test]
fn a_record_whose_checksum_does_not_fit_is_dropped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    spool.append((1..=3).map(|number| envelope(number, 10)).collect());
    drop(spool);
    let connection = rusqlite::Connection::open(dir.path().join("spool.db")).unwrap();
    connection.execute("UPDATE finding SET message = x'00' WHERE revision = 2", []).unwrap();
    drop(connection);
    let mut spool = open(dir.path());
    assert_eq!(revisions(&mut spool), [1, 3]);
    assert_eq!((damaged(&spool), spool.len()), (1, 2));
}

#[test]
fn a_full_spool_drops_its_oldest_and_counts_them() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { bytes: 10_000, ..Limits::default() };
    let mut spool = Spool::open(Some(dir.path()), limits, DeliveryMetrics::default(), Notices::none());
    for number in 0..30 {
        spool.append(vec![envelope(number, 1000)]);
    }
    let left = revisions(&mut spool);
    assert_eq!(left, (30 - left.len() as u64..30).collect::<Vec<_>>(), "the newest stay");
    assert!((8..=10).contains(&left.len()), "{left:?}");
    assert_eq!(spool.metrics().expired.get(), 30 - left.len() as u64);
}

#[test]
fn a_storm_of_one_drops_nothing_of_others_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let dropped = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for directory in [None, Some(dir.path())] {
        let limits = Limits { bytes: 20_000, ..Limits::default() };
        let notices = Notices {
            dropped: Box::new({
                let dropped = dropped.clone();
                move |owner, count| dropped.lock().unwrap().push((owner, count))
            }),
            ..Notices::none()
        };
        let mut spool = Spool::open(directory, limits, DeliveryMetrics::default(), notices);
        spool.append(vec![envelope_of(1, 1, 1000), envelope_of(2, 2, 3000)]);
        for number in 10..60 {
            spool.append(vec![envelope_of(3, number, 1000)]);
        }
        let left = revisions(&mut spool);
        assert!(left.starts_with(&[1, 2]) && left.ends_with(&[58, 59]), "{left:?}");
        assert!((14..=18).contains(&left.len()), "{left:?}");
        let told = std::mem::take(&mut *dropped.lock().unwrap());
        assert!(told.iter().all(|(owner, _)| *owner == 3));
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u64>(), 52 - left.len() as u64);
    }
}

#[test]
fn a_spool_of_an_earlier_version_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut spool = open(dir.path());
    spool.append(vec![envelope(1, 10)]);
    drop(spool);
    let connection = rusqlite::Connection::open(dir.path().join("spool.db")).unwrap();
    connection.execute_batch("DROP INDEX finding_owner; ALTER TABLE finding DROP COLUMN owner").unwrap();
    drop(connection);
    let mut spool = open(dir.path());
    spool.append(vec![envelope(2, 10)]);
    assert_eq!(revisions(&mut spool), [1, 2]);
}

#[test]
fn where_there_is_no_disk_findings_wait_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for directory in [None, Some(file.as_path())] {
        let mut spool =
            Spool::open(directory, Limits::default(), DeliveryMetrics::default(), Notices::none());
        spool.append(vec![envelope(1, 10), envelope(2, 10)]);
        assert_eq!(revisions(&mut spool), [1, 2]);
        assert_eq!(spool.metrics().in_memory.get(), 2);
        spool.remove_up_to(1);
        assert_eq!(revisions(&mut spool), [2]);
    }
}

#[test]
fn one_spool_is_one_sensors() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    first.append(vec![envelope(1, 10)]);
    let mut second = open(dir.path());
    assert!(revisions(&mut second).is_empty(), "it would send what the first sends");
    second.append(vec![envelope(2, 10)]);
    assert_eq!((revisions(&mut first), revisions(&mut second)), (vec![1], vec![2]));
}

#[test]
fn a_second_sensor_waits_its_turn_and_takes_over_what_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = open(dir.path());
    first.append(vec![envelope(1, 10), envelope(2, 10)]);
    let mut second = open(dir.path());
    second.append(vec![envelope(10, 10), envelope(11, 10)]);
    // It is being sent, and the acknowledgement comes after the hand-over.
    let sent = second.after(0, 1, u64::MAX)[0].sequence;
    drop(first);
    std::thread::sleep(RETRY);
    second.retry();
    assert_eq!((second.metrics().in_memory.get(), second.len()), (0, 4));
    second.remove_up_to(sent);
    assert_eq!(revisions(&mut second), [11, 1, 2], "nothing of the other's is taken for delivered");
    second.append(vec![envelope(12, 10)]);
    drop(second);
    assert_eq!(revisions(&mut open(dir.path())), [11, 1, 2, 12]);
}

#[test]
fn a_run_that_broke_off_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let told = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let open = || {
        let told = told.clone();
        let unclean_end = Box::new(move || {
            told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let notices = Notices { unclean_end, ..Notices::none() };
        Spool::open(Some(dir.path()), Limits::default(), DeliveryMetrics::default(), notices)
    };
    let told = || told.load(std::sync::atomic::Ordering::Relaxed);
    let mut first = open();
    first.end();
    drop(first);
    drop(open());
    assert_eq!(told(), 0, "the first run ended as it was asked to");
    drop(open());
    assert_eq!(told(), 1);
}
