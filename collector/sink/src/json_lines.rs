//! Findings as JSON Lines: for log agents.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

use store::Stored;

use crate::{
    format::Format,
    sink::{Sink, SinkError},
};

/// Appends to a file, or writes to standard output.
pub struct JsonLines {
    path: Option<PathBuf>,
    format: Format,
}

impl JsonLines {
    /// To a file, or to standard output for `-`. The file is opened anew for every finding, so that it may be rotated.
    pub fn new(path: &Path, format: Format) -> Self {
        Self { path: (path != Path::new("-")).then(|| path.to_owned()), format }
    }
}

fn append(path: Option<&Path>, line: &[u8]) -> std::io::Result<()> {
    if let Some(path) = path {
        let mut file = File::options().create(true).append(true).open(path)?;
        file.write_all(line)?;
        return file.sync_data();
    }
    let mut out = std::io::stdout().lock();
    out.write_all(line)?;
    out.flush()
}

impl Sink for JsonLines {
    fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("json-lines {}", path.display()),
            None => "json-lines -".to_owned(),
        }
    }

    async fn write(&mut self, stored: &Stored) -> Result<(), SinkError> {
        // JSON escapes line breaks and control characters, so one finding is one line whatever its script holds.
        let mut line = self.format.json(stored).map_err(|e| SinkError::Never(e.to_string()))?;
        line.push(b'\n');
        let path = self.path.clone();
        // Beside the async runtime: it syncs.
        let written = tokio::task::spawn_blocking(move || append(path.as_deref(), &line)).await;
        let failed = |e: &dyn std::fmt::Display| SinkError::Later(format!("{}: {e}", self.name()));
        written.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
    }
}
