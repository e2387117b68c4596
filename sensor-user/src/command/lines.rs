//! JSON Lines files, read line by line with errors that name file and line.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use crate::record::open_lines;

/// A line that could not be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}:{line}: {why}")]
pub struct BadLine {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// A line longer than this is not read: a script of 1 MiB takes less, however it is escaped.
pub(super) const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Calls `each` with every object of a file, or with why a line is none. Ends at the first error of `each`.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(Result<T, BadLine>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut reader = open_lines(path)?;
    let mut buffer = Vec::new();
    let mut line = 0;
    loop {
        buffer.clear();
        line += 1;
        let bad = |why: String| BadLine { path: path.to_owned(), line, why };
        match std::io::Read::take(&mut reader, LINE_BYTES_MAX).read_until(b'\n', &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) if buffer.trim_ascii().is_empty() => {}
            Ok(_) => each(serde_json::from_slice(&buffer).map_err(|e| bad(format!("not a record: {e}"))))?,
            // A file cut off in the middle of compressed data: nothing readable comes behind it.
            Err(e) => return each(Err(bad(format!("cannot be read on: {e}")))),
        }
    }
}
