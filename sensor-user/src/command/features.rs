//! `sensor features`: the features of scripts, for the trainer.
//!
//! Output, little-endian: for each script u32 number of windows, then for each window u32 number of distinct
//! features and that many u32 feature ids. Scripts come in the order of the lines.

use std::{io::Write, path::PathBuf};

use serde::Deserialize;

use super::lines;
use crate::verdict::features::{Extractor, FeatureSet};

#[derive(Deserialize)]
struct Script {
    #[serde(deserialize_with = "crate::record::bytes::deserialize")]
    content: Vec<u8>,
}

/// Writes the features of every script of `files` to `out`. A bad line is an error: ids and labels must match.
pub fn run(files: &[PathBuf], out: &mut dyn Write) -> anyhow::Result<()> {
    let mut extractor = Extractor::default();
    let mut set = FeatureSet::default();
    let mut ids = Vec::new();
    for file in files {
        lines::read::<Script>(file, |script| {
            extractor.extract(&script?.content);
            out.write_all(&(extractor.windows() as u32).to_le_bytes())?;
            for window in 0..extractor.windows() {
                set.distinct(extractor.window(window), |_| true, &mut ids);
                out.write_all(&(ids.len() as u32).to_le_bytes())?;
                for id in &ids {
                    out.write_all(&(*id as u32).to_le_bytes())?;
                }
            }
            Ok(())
        })?;
    }
    out.flush()?;
    Ok(())
}
