//! `sensor features`: the features of scripts, for the trainer.
//!
//! Output, all of it little-endian u32. For each script: the number of windows, and each window, those of effects last; the number of
//! passages, and each passage; for each window, the first of its passages and how many they are. A window or a passage is
//! the number of its distinct features and their ids. Scripts come in the order of the lines.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::Deserialize;

use record::Lines;
use verdict::{
    Feature,
    features::{Extractor, FeatureSet, Passage},
};

#[derive(Deserialize)]
struct Script {
    #[serde(deserialize_with = "script::byte_string::deserialize")]
    content: Vec<u8>,
}

/// Writes the features of every script of `files` to `out`. A bad line is an error: ids and labels must match.
pub fn run(files: &[PathBuf], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut extractor = Extractor::default();
    let mut set = FeatureSet::default();
    let mut ids = Vec::new();
    for file in files {
        for script in Lines::open(file)?.parsed::<Script>() {
            extractor.extract(&script?.content);
            let mut number = |n: usize| out.write_all(&(n as u32).to_le_bytes());
            let mut set_of = |features: &[Feature], number: &mut dyn FnMut(usize) -> io::Result<()>| {
                ids.clear();
                set.distinct(features, |_| true, &mut ids);
                number(ids.len())?;
                ids.iter().try_for_each(|id| number(*id as usize))
            };
            number(extractor.windows())?;
            for window in 0..extractor.windows() {
                set_of(extractor.window(window), &mut number)?;
            }
            let passages: Vec<Passage> = extractor.passages().collect();
            number(passages.len())?;
            for passage in &passages {
                set_of(extractor.passage(*passage), &mut number)?;
            }
            for window in 0..extractor.windows() {
                // Passages are in order, and those of a window follow each other.
                let mut of_window = extractor.passages_of(window);
                let first = of_window.next();
                number(first.map_or(0, |first| passages.partition_point(|passage| *passage < first)))?;
                number(first.map_or(0, |_| 1 + of_window.count()))?;
            }
        }
    }
    out.flush()?;
    Ok(())
}
