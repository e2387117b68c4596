//! Captures as JSON Lines: one object a line, zstd-compressed when the file's name ends in `.zst`.
//!
//! Bytes are a JSON string when they are UTF-8, and `{"base64": "…"}` when they are not, so that content is
//! kept exactly and a record of ordinary text can be read by eye.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{identity::Container, script::Capture};

/// A line of a record: a capture, and where it ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// What ran.
    #[serde(flatten)]
    pub capture: Capture,
    /// The container, where it was known in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Container>,
}

/// Why a record file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct RecordError {
    path: PathBuf,
    source: io::Error,
}

/// Opens a file for reading lines, through zstd when its name says so.
pub fn open_lines(path: &Path) -> Result<Box<dyn BufRead + Send>, RecordError> {
    let failed = |source| RecordError { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if is_zstd(path) {
        let decoder = zstd::Decoder::new(file).map_err(failed)?;
        Ok(Box::new(BufReader::with_capacity(1 << 18, decoder)))
    } else {
        Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
    }
}

fn is_zstd(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "zst")
}

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
        let failed = |source| RecordError { path: path.to_owned(), source };
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
        .map_err(|source| RecordError { path: self.path.clone(), source })
    }

    /// Makes what was written readable: flushes buffers.
    pub fn flush(&mut self) -> Result<(), RecordError> {
        match &mut self.sink {
            Sink::Plain(out) => out.flush(),
            Sink::Zstd(out) => out.flush(),
        }
        .map_err(|source| RecordError { path: self.path.clone(), source })
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(), RecordError> {
        let path = self.path;
        match self.sink {
            Sink::Plain(mut out) => out.flush(),
            Sink::Zstd(encoder) => encoder.finish().and_then(|mut out| out.flush()),
        }
        .map_err(|source| RecordError { path, source })
    }
}

/// Serde for a byte string.
pub mod bytes {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    pub(super) enum Bytes<'a> {
        #[serde(borrow)]
        Text(std::borrow::Cow<'a, str>),
        Encoded {
            base64: String,
        },
    }

    impl<'a> Bytes<'a> {
        pub(super) fn of(bytes: &'a [u8]) -> Self {
            match std::str::from_utf8(bytes) {
                Ok(text) => Self::Text(text.into()),
                Err(_) => Self::Encoded { base64: BASE64_STANDARD.encode(bytes) },
            }
        }

        pub(super) fn decode<E: Error>(self) -> Result<Vec<u8>, E> {
            match self {
                Self::Text(text) => Ok(text.into_owned().into_bytes()),
                Self::Encoded { base64 } => BASE64_STANDARD.decode(base64).map_err(E::custom),
            }
        }
    }

    /// Writes bytes.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        Bytes::of(bytes).serialize(serializer)
    }

    /// Reads bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Bytes::deserialize(deserializer)?.decode()
    }
}

/// Serde for an optional byte string.
pub mod optional_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::bytes::Bytes;

    /// Writes bytes or null.
    #[allow(clippy::ref_option, reason = "the form serde asks for")]
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(Bytes::of).serialize(serializer)
    }

    /// Reads bytes or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<Bytes<'de>>::deserialize(deserializer)?.map(Bytes::decode).transpose()
    }
}

/// Serde for a list of byte strings.
pub mod list_of_bytes {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::bytes::Bytes;

    /// Writes a list.
    pub fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| Bytes::of(bytes)))
    }

    /// Reads a list.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<Bytes<'de>>::deserialize(deserializer)?.into_iter().map(Bytes::decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::{
        identity::{ContainerId, Pod},
        probe::classify::ShellKind,
        script::{Interpreter, Origin, ScriptFlags, ScriptId},
    };

    #[test]
    fn captures_come_back_exactly_compressed_or_not() {
        let capture = Capture {
            id: ScriptId { pid: 1, exec_ns: u64::MAX, ordinal: 3 },
            origin: Origin::Stdin,
            parent: Some(ScriptId { pid: 1, exec_ns: 2, ordinal: 0 }),
            evaluated_by: Some(b"exit trap".to_vec()),
            content: b"echo \xff\x00\x1b[2J\n".to_vec(),
            size: 9,
            flags: ScriptFlags { truncated: true, ..ScriptFlags::default() },
            path: Some(b"/tmp/\xfe.sh".to_vec()),
            interpreter: Interpreter {
                kind: ShellKind::Busybox,
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
            let mut text = String::new();
            open_lines(&path).unwrap().read_to_string(&mut text).unwrap();
            let back: Vec<Recorded> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(back, lines);
            assert!(Recorder::create(&path).is_err(), "a record is never overwritten");
        }
    }
}
