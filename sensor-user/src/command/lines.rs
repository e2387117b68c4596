//! JSON Lines files, read line by line with errors that name file and line.

use std::{
    io::BufRead,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use crate::record::{RecordError, open_lines};

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
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Calls `each` with every object of a file, or with why a line is none. Ends early when `each` says so.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    mut each: impl FnMut(Result<T, BadLine>) -> std::ops::ControlFlow<()>,
) -> Result<(), RecordError> {
    let mut reader = open_lines(path)?;
    let mut buffer = Vec::new();
    let mut line = 0;
    loop {
        buffer.clear();
        line += 1;
        let bad = |why: String| BadLine { path: path.to_owned(), line, why };
        let read = std::io::Read::take(&mut reader, LINE_BYTES_MAX).read_until(b'\n', &mut buffer);
        let item = match read {
            Ok(0) => return Ok(()),
            Ok(_) if buffer.trim_ascii().is_empty() => continue,
            Ok(_) => serde_json::from_slice(&buffer).map_err(|e| bad(format!("not a record: {e}"))),
            // A file cut off in the middle of compressed data: nothing readable comes behind it.
            Err(e) => {
                let _ = each(Err(bad(format!("cannot be read on: {e}"))));
                return Ok(());
            }
        };
        if each(item).is_break() {
            return Ok(());
        }
    }
}
