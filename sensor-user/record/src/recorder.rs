//! Writes records.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crate::{
    lines::{RecordError, is_zstd},
    recorded::Recorded,
};

enum Sink {
    Plain(BufWriter<File>),
    Zstd(Box<zstd::Encoder<'static, BufWriter<File>>>),
}

/// Writes captures to a file.
pub struct Recorder {
    path: PathBuf,
    sink: Sink,
}

impl Recorder {
    /// Creates the file; one that exists is not overwritten.
    pub fn create(path: &Path) -> Result<Self, RecordError> {
        let failed = |source| RecordError::new(path, source);
        let file = File::create_new(path).map_err(failed)?;
        let out = BufWriter::new(file);
        let sink = if is_zstd(path) {
            Sink::Zstd(Box::new(zstd::Encoder::new(out, 3).map_err(failed)?))
        } else {
            Sink::Plain(out)
        };
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Appends one capture.
    pub fn write(&mut self, recorded: &Recorded) -> Result<(), RecordError> {
        let write = |out: &mut dyn Write| -> io::Result<()> {
            serde_json::to_writer(&mut *out, recorded)?;
            out.write_all(b"\n")
        };
        match &mut self.sink {
            Sink::Plain(out) => write(out),
            Sink::Zstd(out) => write(out),
        }
        .map_err(|source| RecordError::new(&self.path, source))
    }

    /// Makes what was written readable: flushes buffers.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        match &mut self.sink {
            Sink::Plain(out) => out.flush(),
            Sink::Zstd(out) => out.flush(),
        }
        .map_err(|source| RecordError::new(&self.path, source))
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(), RecordError> {
        let path = self.path;
        match self.sink {
            Sink::Plain(mut out) => out.flush(),
            Sink::Zstd(encoder) => encoder.finish().and_then(|mut out| out.flush()),
        }
        .map_err(|source| RecordError::new(&path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Lines;
    use identity::{Container, ContainerId, Pod};
    use script::{Capture, Interpreter, Origin, ScriptFlags, ScriptId, Writer};
    use shell::Family;

    #[test]
    fn captures_come_back_exactly_compressed_or_not() {
        let capture = Capture {
            id: ScriptId { pid: 1, exec_ns: u64::MAX, ordinal: 3 },
            origin: Origin::Stdin,
            parent: Some(ScriptId { pid: 1, exec_ns: 2, ordinal: 0 }),
            evaluated_by: Some(b"exit trap".to_vec()),
            content: b"echo \xff\x00\x1b[2J\n"[..].into(),
            offset: 0,
            size: 9,
            flags: ScriptFlags { truncated: true, ..ScriptFlags::default() },
            path: Some(b"/tmp/\xfe.sh".to_vec()),
            writer: Some(Writer { pid: 7, name: b"cu\xffrl".to_vec(), time_unix_ns: 9 }),
            interpreter: Interpreter {
                kind: Family::named("busybox").unwrap(),
                path: b"/bin/sh".to_vec(),
                size: 1,
                sha256: None,
            },
            args: vec![b"sh".to_vec(), b"\x80".to_vec()],
            args_truncated: true,
            ns_pid: 1,
            ppid: 2,
            uid: 3,
            gid: 4,
            cgroup: 5,
            start_ns: 6,
            time_unix_ns: 7,
            joined: vec![],
            begun_ns: 0,
            forks: script::Forks::default(),
            news: None,
            reader: 0,
        };
        let container = Container {
            id: ContainerId::new(&"ab".repeat(32)).unwrap(),
            name: "app".to_owned(),
            image_uri: "i:1".to_owned(),
            image_id: "sha256:0".to_owned(),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            created_unix_ns: Some(8),
            sandbox: "s".to_owned(),
            pod: Some(Pod { namespace: "shop".to_owned(), ..Pod::default() }),
        };
        let lines = [
            Recorded { capture: capture.clone(), container: Some(container) },
            Recorded { capture, container: None },
        ];
        let dir = tempfile::tempdir().unwrap();
        for name in ["r.jsonl", "r.jsonl.zst"] {
            let path = dir.path().join(name);
            let mut recorder = Recorder::create(&path).unwrap();
            for line in &lines {
                recorder.write(line).unwrap();
            }
            recorder.finish().unwrap();
            let back: Vec<Recorded> = Lines::open(&path).unwrap().parsed().map(Result::unwrap).collect();
            assert_eq!(back, lines);
            assert!(Recorder::create(&path).is_err(), "a record is never overwritten");
        }
    }
}
