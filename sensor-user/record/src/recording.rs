//! A record of what runs: the last state of each script is written when nothing more will come of it.

use std::{collections::HashMap, sync::Arc};

use identity::Directory;
use script::{Capture, Output, ScriptId};
use tracing::warn;

use crate::{recorded::Recorded, recorder::Recorder};

/// Captures on their way to a file.
pub struct Recording {
    recorder: Recorder,
    directory: Arc<Directory>,
    latest: HashMap<ScriptId, Arc<Capture>>,
    failed: bool,
}

impl Recording {
    /// A record that is written by this recorder.
    pub fn new(recorder: Recorder, directory: Arc<Directory>) -> Self {
        Self { recorder, directory, latest: HashMap::new(), failed: false }
    }

    /// Takes the state of a script in, and writes it when nothing more will come of it.
    pub fn hear(&mut self, output: &Output) {
        match output {
            Output::Capture(capture) => {
                self.latest.insert(capture.id, capture.clone());
            }
            Output::Finished(id, _) => {
                if let Some(capture) = self.latest.remove(id) {
                    self.write(&capture);
                }
            }
            Output::Held(_) => {}
        }
    }

    /// Writes what is left, and ends the file.
    pub fn end(mut self) {
        let mut left: Vec<_> = std::mem::take(&mut self.latest).into_values().collect();
        left.sort_by_key(|capture| capture.time_unix_ns);
        for capture in left {
            self.write(&capture);
        }
        if let Err(e) = self.recorder.finish() {
            warn!("the record is not complete: {e}");
        }
    }

    fn write(&mut self, capture: &Capture) {
        let container = self.directory.identify(capture.cgroup).container.map(|c| (*c).clone());
        let written = self.recorder.write(&Recorded { capture: capture.clone(), container });
        // A disk that is full is told once, not for every script.
        if let Err(e) = written
            && !self.failed
        {
            self.failed = true;
            warn!("the record is not complete: {e}");
        }
    }
}
