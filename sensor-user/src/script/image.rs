//! An executed shell: what is known of it, and the scripts it reads.

use std::sync::Arc;

use sensor_ebpf::event::{Exec, Header, Read};

use super::{
    capture::{Interpreter, Origin},
    content::Content,
    invocation::{Invocation, Mode},
};
use crate::probe::{
    classify::{Executable, ShellKind},
    event::until_nul,
};

/// What a script is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The argument vector.
    Argument,
    /// A file, pipe, socket or terminal.
    Inode {
        /// Device number.
        dev: u32,
        /// Inode number.
        ino: u64,
    },
}

/// A script in the making.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) ordinal: u32,
    pub(super) origin: Origin,
    pub(super) source: Source,
    pub(super) path: Option<Vec<u8>>,
    pub(super) content: Content,
    /// Time of its first byte, boot time in ns.
    pub(super) first_ns: u64,
    /// Time of its last byte.
    pub(super) last_ns: u64,
    /// Bytes there were when it was last handed over.
    pub(super) handed_bytes: u64,
    /// When it was last handed over.
    pub(super) handed_ns: u64,
    /// Something changed since.
    pub(super) changed: bool,
    /// Events of its process were lost while it was read.
    pub(super) lossy: bool,
}

/// A shell from `execve` on, together with its subshells.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) exec: Box<Exec>,
    pub(super) header: Header,
    pub(super) kind: Option<ShellKind>,
    pub(super) executable: Arc<Executable>,
    pub(super) exe_path: Option<Vec<u8>>,
    /// The argument vector as far as it arrived, NUL-separated.
    pub(super) argument_bytes: Content,
    pub(super) arguments_cut: bool,
    pub(super) argv: Vec<Vec<u8>>,
    pub(super) invocation: Option<Invocation>,
    pub(super) scripts: Vec<Script>,
    /// Path of the file that is about to be read.
    pub(super) announced: Option<(Source, Vec<u8>)>,
    /// Processes that run this image: it and its subshells.
    pub(super) processes: u32,
    /// Events lost since the image began.
    pub(super) lost: u64,
}

impl Image {
    pub(super) fn new(header: Header, exec: Box<Exec>, executable: Arc<Executable>) -> Self {
        Self {
            header,
            kind: executable.kind,
            exec,
            executable,
            exe_path: None,
            argument_bytes: Content::default(),
            arguments_cut: false,
            argv: Vec::new(),
            invocation: None,
            scripts: Vec::new(),
            announced: None,
            processes: 1,
            lost: 0,
        }
    }

    /// The interpreter as captures show it.
    pub(super) fn interpreter(&self) -> Interpreter {
        let path = self.exe_path.clone().unwrap_or_else(|| until_nul(&self.exec.interp).to_vec());
        Interpreter {
            kind: self.kind.unwrap_or(ShellKind::Posix),
            path,
            size: self.executable.size,
            sha256: self.executable.sha256.map(hex::encode),
        }
    }

    /// Takes a piece of the argument vector in; true when the vector is whole and was parsed.
    pub(super) fn take_arguments(&mut self, at: u32, bytes: &[u8], total: u32, cut: bool) -> bool {
        self.argument_bytes.write(u64::from(at), bytes, total as usize);
        self.arguments_cut |= cut;
        let whole = self.argument_bytes.is_complete(u64::from(total), usize::MAX);
        if self.invocation.is_some() || !(whole || cut) {
            return false;
        }
        self.parse_arguments();
        true
    }

    /// Makes do with the arguments that arrived.
    pub(super) fn parse_arguments(&mut self) {
        let bytes = self.argument_bytes.bytes();
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        if !bytes.is_empty() {
            self.argv = bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
        }
        let kind = self.kind.unwrap_or(ShellKind::Posix);
        self.invocation = Some(Invocation::parse(kind, &self.argv));
    }

    /// Which script a read belongs to, if any: an existing one by its index, or the origin of a new one.
    pub(super) fn place(&self, read: &Read) -> Option<Place> {
        let source = Source::Inode { dev: read.dev, ino: read.ino };
        if let Some(index) = self.scripts.iter().position(|s| s.source == source) {
            // A descriptor of its own may read a script's file as data, but the bytes are the same.
            return Some(Place::Existing(index));
        }
        let main_known = self.scripts.iter().any(|s| matches!(s.origin, Origin::File | Origin::Stdin));
        let regular = read.pos >= 0;
        let mode = match &self.invocation {
            Some(invocation) => invocation.mode,
            // The arguments were lost; a shell that has its script from a file does not read another from 0.
            None if read.fd == 0 => Mode::Stdin,
            None => Mode::File(1),
        };
        match mode {
            Mode::NotAShell => None,
            Mode::Stdin if read.fd == 0 && !main_known => Some(Place::New(Origin::Stdin)),
            // A shell's script is moved to a high descriptor, or looked at before (bash, with few descriptors).
            Mode::File(_) if !main_known && (read.fd >= 10 || regular && read.count == 80) => {
                Some(Place::New(Origin::File))
            }
            _ if read.fd == 0 => None,
            _ if self.kind == Some(ShellKind::Bash) => {
                (regular && read.pos == 0 && read.count == read.size && read.size > 0)
                    .then_some(Place::New(Origin::Sourced))
            }
            // dash and ash read nothing but scripts from high descriptors.
            _ => (read.fd >= 10).then_some(Place::New(Origin::Sourced)),
        }
    }
}

/// Where a read belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The image's script of this index.
    Existing(usize),
    /// A script not seen before.
    New(Origin),
}
