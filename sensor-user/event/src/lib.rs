//! Records of the ring buffer, decoded: what the kernel half says. Decoding never panics: a record that does not hold what its header
//! promises is an error that is counted.

use bytemuck::{Pod, bytes_of};
use ebpf::event::{
    Cgroup, Chunk, Exec, Exit, Fork, Header, Hold, KIND_ARGS, KIND_CGROUP, KIND_ENVIRONMENT, KIND_EXEC,
    KIND_EXIT, KIND_FORK, KIND_HOLD, KIND_PATH, KIND_READ, KIND_TEXT, KIND_WRITER, Path, Read, Text, Writer,
};

/// One event, borrowing its payload from the ring buffer.
#[derive(Debug)]
pub enum Event<'a> {
    /// A shell, or a program not yet classified, was executed.
    Exec(Header, Box<Exec>),
    /// A piece of its argument vector.
    Args(Header, Chunk, &'a [u8]),
    /// A piece of its environment.
    Environment(Header, Chunk, &'a [u8]),
    /// A read of what may be script.
    Read(Header, Read, &'a [u8]),
    /// Where a file lies: components from the leaf to the root, each ended by NUL.
    Path(Header, Path, &'a [u8]),
    /// A piece of a string that a shell evaluates, or of a typed line.
    Text(Header, Text, &'a [u8]),
    /// Where a cgroup is: names from the leaf to the root, each ended by NUL.
    Cgroup(Header, Cgroup, &'a [u8]),
    /// A followed process forked.
    Fork(Header, Fork),
    /// A followed process ended or became another program.
    Exit(Header, Exit),
    /// A followed process was stopped, and waits for a verdict.
    Hold(Header, Hold),
    /// Who wrote what is about to be read.
    Writer(Header, Writer),
}

/// A record that is not what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Shorter than its layout.
    #[error("record of kind {kind} is {len} bytes long, too short")]
    Short {
        /// `Header::kind`, or 0 when even that is missing.
        kind: u16,
        /// Bytes there are.
        len: usize,
    },
    /// No such kind.
    #[error("record of unknown kind {0}")]
    Kind(u16),
}

impl<'a> Event<'a> {
    /// Decodes one record.
    pub fn decode(record: &'a [u8]) -> Result<Self, DecodeError> {
        let header: Header = take(record, 0, 0)?;
        let kind = header.kind;
        let body = size_of::<Header>();
        let payload = |fixed: usize| {
            let start = body + fixed;
            record
                .get(start..start.saturating_add(header.len as usize))
                .ok_or(DecodeError::Short { kind, len: record.len() })
        };
        Ok(match kind {
            KIND_EXEC => Self::Exec(header, Box::new(take(record, body, kind)?)),
            KIND_ARGS => Self::Args(header, take(record, body, kind)?, payload(size_of::<Chunk>())?),
            KIND_ENVIRONMENT => {
                Self::Environment(header, take(record, body, kind)?, payload(size_of::<Chunk>())?)
            }
            KIND_READ => Self::Read(header, take(record, body, kind)?, payload(size_of::<Read>())?),
            KIND_PATH => Self::Path(header, take(record, body, kind)?, payload(size_of::<Path>())?),
            KIND_TEXT => Self::Text(header, take(record, body, kind)?, payload(size_of::<Text>())?),
            KIND_CGROUP => Self::Cgroup(header, take(record, body, kind)?, payload(size_of::<Cgroup>())?),
            KIND_FORK => Self::Fork(header, take(record, body, kind)?),
            KIND_EXIT => Self::Exit(header, take(record, body, kind)?),
            KIND_HOLD => Self::Hold(header, take(record, body, kind)?),
            KIND_WRITER => Self::Writer(header, take(record, body, kind)?),
            other => return Err(DecodeError::Kind(other)),
        })
    }

    /// The record that decodes to this event: for events that have to wait.
    pub fn encode(&self) -> Vec<u8> {
        let (body, payload): (&[u8], &[u8]) = match self {
            Self::Exec(_, exec) => (bytes_of(&**exec), &[]),
            Self::Args(_, chunk, payload) | Self::Environment(_, chunk, payload) => {
                (bytes_of(chunk), payload)
            }
            Self::Read(_, read, payload) => (bytes_of(read), payload),
            Self::Path(_, path, payload) => (bytes_of(path), payload),
            Self::Text(_, text, payload) => (bytes_of(text), payload),
            Self::Cgroup(_, cgroup, payload) => (bytes_of(cgroup), payload),
            Self::Fork(_, fork) => (bytes_of(fork), &[]),
            Self::Exit(_, exit) => (bytes_of(exit), &[]),
            Self::Hold(_, hold) => (bytes_of(hold), &[]),
            Self::Writer(_, writer) => (bytes_of(writer), &[]),
        };
        let header = Header { len: payload.len() as u32, ..*self.header() };
        [bytes_of(&header), body, payload].concat()
    }

    /// What every event begins with.
    pub fn header(&self) -> &Header {
        match self {
            Self::Exec(header, _)
            | Self::Args(header, ..)
            | Self::Environment(header, ..)
            | Self::Read(header, ..)
            | Self::Path(header, ..)
            | Self::Text(header, ..)
            | Self::Cgroup(header, ..)
            | Self::Fork(header, _)
            | Self::Exit(header, _)
            | Self::Hold(header, _)
            | Self::Writer(header, _) => header,
        }
    }
}

fn take<T: Pod>(record: &[u8], at: usize, kind: u16) -> Result<T, DecodeError> {
    record
        .get(at..at + size_of::<T>())
        .map(bytemuck::pod_read_unaligned)
        .ok_or(DecodeError::Short { kind, len: record.len() })
}

/// Puts a path together from the components of a [`Event::Path`].
pub fn absolute_path(components: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(components.len() + 1);
    for name in components.split(|b| *b == 0).rev().filter(|name| !name.is_empty()) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

/// Bytes up to the first NUL.
pub fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_shorter_than_its_payload_is_refused() {
        let header = Header { kind: KIND_READ, len: 5, ..Header::default() };
        let mut record = bytemuck::bytes_of(&header).to_vec();
        record.extend_from_slice(bytemuck::bytes_of(&Read::default()));
        record.extend_from_slice(b"1234");
        assert!(matches!(Event::decode(&record), Err(DecodeError::Short { kind: KIND_READ, .. })));
        record.push(b'5');
        assert!(matches!(Event::decode(&record), Ok(Event::Read(_, _, b"12345"))));
        assert_eq!(Event::decode(&record).unwrap().encode(), record);
    }

    #[test]
    fn paths_are_put_together_from_the_leaf() {
        assert_eq!(absolute_path(b"run.sh\0my dir\0tmp\0"), b"/tmp/my dir/run.sh");
        assert_eq!(absolute_path(b""), b"/");
    }
}
