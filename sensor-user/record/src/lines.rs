//! Reads JSON Lines files, zstd-compressed or not, line by line, with errors that name file and line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

/// Why a record file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct RecordError {
    path: PathBuf,
    source: io::Error,
}

impl RecordError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

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

impl BadLine {
    /// A line that is no object of the kind expected.
    pub fn no_record(path: &Path, line: usize, error: &serde_json::Error) -> Self {
        Self { path: path.to_owned(), line, why: format!("not a record: {error}") }
    }
}

/// A line longer than this is not read: a script of 1 MiB takes less, however it is escaped.
pub const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Does a file's name say that it is compressed?
pub(crate) fn is_zstd(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "zst")
}

/// The lines of a file that are not blank, with their numbers. Ends after the first that cannot be read: in a file that was
/// cut off in the middle of compressed data nothing readable comes behind it.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: usize,
    ended: bool,
}

impl Lines {
    /// Opens a file, through zstd when its name says so.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let failed = |source| RecordError::new(path, source);
        let file = File::open(path).map_err(failed)?;
        let reader: Box<dyn BufRead + Send> = if is_zstd(path) {
            Box::new(BufReader::with_capacity(1 << 18, zstd::Decoder::new(file).map_err(failed)?))
        } else {
            Box::new(BufReader::with_capacity(1 << 18, file))
        };
        Ok(Self { path: path.to_owned(), reader, number: 0, ended: false })
    }

    /// Each line as an object, or why it is none.
    pub fn parsed<T: DeserializeOwned>(self) -> impl Iterator<Item = Result<T, BadLine>> {
        let path = self.path.clone();
        self.map(move |line| {
            let (number, text) = line?;
            serde_json::from_slice(&text).map_err(|e| BadLine::no_record(&path, number, &e))
        })
    }
}

impl Iterator for Lines {
    type Item = Result<(usize, Vec<u8>), BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let mut text = Vec::new();
            self.number += 1;
            match self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut text) {
                Ok(0) => self.ended = true,
                Ok(_) if text.trim_ascii().is_empty() => {}
                Ok(_) => return Some(Ok((self.number, text))),
                Err(e) => {
                    self.ended = true;
                    let why = format!("cannot be read on: {e}");
                    return Some(Err(BadLine { path: self.path.clone(), line: self.number, why }));
                }
            }
        }
        None
    }
}
