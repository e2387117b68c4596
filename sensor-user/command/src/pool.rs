//! Workers over the lines of files: as many lines at once as there are workers, results in the lines' order, and
//! never more in memory than a few batches.

use std::{path::PathBuf, thread};

use crossbeam_channel::{Receiver, Sender, bounded};
use serde::de::DeserializeOwned;

use record::{BadLine, Lines};

/// Lines handed to a worker at once; fewer when they are long.
const BATCH_LINES: usize = 64;
/// Bytes of lines handed to a worker at once.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait for a worker, and results that wait to be taken.
const WAITING: usize = 2;

/// What became of a line: the worker's result, a bad line, or a failure that ends everything.
type Outcome<R> = anyhow::Result<Result<R, BadLine>>;

/// A line of a file, by the file's index: its number and text, or why it cannot be read.
struct Line {
    file: usize,
    line: Result<(usize, Vec<u8>), BadLine>,
}

/// Reads every object of `files`, gives it to a worker, and gives what the worker made of it to `each`, in the
/// files' order. Bad lines are told on stderr and skipped; returns how many there were.
pub(super) fn over_lines<T, R, W>(
    files: &[PathBuf],
    workers: Vec<W>,
    work: impl Fn(&mut W, T) -> anyhow::Result<R> + Sync,
    mut each: impl FnMut(R) -> anyhow::Result<()>,
) -> anyhow::Result<usize>
where
    T: DeserializeOwned,
    R: Send,
    W: Send,
{
    // Opened first: a file that is not there is an error before anything is printed.
    let readers = files.iter().map(|file| Lines::open(file)).collect::<Result<Vec<_>, _>>()?;
    let mut bad = 0;
    thread::scope(|scope| {
        let mut inputs: Vec<Sender<Vec<Line>>> = Vec::new();
        let mut outputs: Vec<Receiver<Vec<Outcome<R>>>> = Vec::new();
        for mut worker in workers {
            let (input, batches) = bounded::<Vec<Line>>(WAITING);
            let (results, output) = bounded(WAITING);
            inputs.push(input);
            outputs.push(output);
            let work = &work;
            scope.spawn(move || {
                for batch in batches {
                    let done = batch.into_iter().map(|line| one(files, line, |item| work(&mut worker, item)));
                    if results.send(done.collect()).is_err() {
                        break;
                    }
                }
            });
        }
        scope.spawn(move || deal(readers, &inputs));
        // Batches were dealt in turn, so results are taken in turn.
        for output in outputs.iter().cycle() {
            let Ok(batch) = output.recv() else { break };
            for result in batch {
                match result? {
                    Ok(result) => each(result)?,
                    Err(e) => {
                        eprintln!("{e}");
                        bad += 1;
                    }
                }
            }
        }
        anyhow::Ok(())
    })?;
    Ok(bad)
}

fn one<T: DeserializeOwned, R>(
    files: &[PathBuf],
    line: Line,
    work: impl FnOnce(T) -> anyhow::Result<R>,
) -> Outcome<R> {
    let (number, text) = match line.line {
        Ok(read) => read,
        Err(bad) => return Ok(Err(bad)),
    };
    match serde_json::from_slice(&text) {
        Ok(item) => Ok(Ok(work(item)?)),
        Err(e) => Ok(Err(BadLine::no_record(&files[line.file], number, &e))),
    }
}

/// Deals batches of lines to the workers in turn.
fn deal(readers: Vec<Lines>, inputs: &[Sender<Vec<Line>>]) {
    let mut turn = inputs.iter().cycle();
    let mut batch = Vec::new();
    let mut bytes = 0;
    let mut hand_on = |batch: &mut Vec<Line>| {
        // A worker that is gone has failed, and the failure is on its way.
        batch.is_empty() || turn.next().is_some_and(|input| input.send(std::mem::take(batch)).is_ok())
    };
    for (file, lines) in readers.into_iter().enumerate() {
        for line in lines {
            bytes += line.as_ref().map_or(0, |(_, text)| text.len());
            batch.push(Line { file, line });
            if batch.len() >= BATCH_LINES || bytes >= BATCH_BYTES {
                bytes = 0;
                if !hand_on(&mut batch) {
                    return;
                }
            }
        }
    }
    hand_on(&mut batch);
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn results_come_in_order_and_bad_lines_are_counted() {
        let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
        for i in 0..1000 {
            writeln!(file, "{}", if i % 100 == 7 { "{".to_owned() } else { i.to_string() }).unwrap();
        }
        let mut seen: Vec<u64> = Vec::new();
        let files = [file.path().to_owned()];
        let work = |worker: &mut u64, item: u64| {
            *worker += 1;
            Ok(item)
        };
        let bad = over_lines(&files, vec![0u64; 3], work, |n| {
            seen.push(n);
            Ok(())
        });
        assert_eq!(bad.unwrap(), 10);
        assert_eq!(seen, (0..1000).filter(|i| i % 100 != 7).collect::<Vec<_>>());
    }

    #[test]
    fn a_worker_that_fails_ends_it() {
        let mut file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
        for i in 0..10_000 {
            writeln!(file, "{i}").unwrap();
        }
        let files = [file.path().to_owned()];
        let work = |(): &mut (), item: u64| if item == 5000 { anyhow::bail!("no") } else { Ok(item) };
        let done = over_lines(&files, vec![(); 2], work, |_| Ok(()));
        assert_eq!(done.unwrap_err().to_string(), "no");
    }
}
