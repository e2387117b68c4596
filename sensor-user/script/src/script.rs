//! A script in the making: what is read of it, and what of that was judged.

use std::ops::Range;

use ebpf::event::{Header, Text, Writer};

use crate::{capture::Origin, content::Content};

/// What a script is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The argument vector.
    Argument,
    /// Lines that the shell's own editor returned.
    Editor,
    /// A string in the shell's memory.
    Memory,
    /// What is behind the kept bytes of another script of the shell.
    Part {
        /// Its ordinal.
        of: u32,
        /// Which part, from 1.
        number: u64,
    },
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
    /// Who wrote what it is read from.
    pub(super) writer: Option<Writer>,
    pub(super) content: Content,
    /// Where its content begins in the whole, bytes.
    pub(super) offset: u64,
    /// Time of its first byte, boot time in ns.
    pub(super) first_ns: u64,
    /// Time of its last byte.
    pub(super) last_ns: u64,
    /// Bytes there were when it was last emitted.
    pub(super) emitted_bytes: u64,
    /// When it was last emitted.
    pub(super) emitted_ns: u64,
    /// What was written since it was last emitted, as positions.
    pub(super) news: Option<Range<u64>>,
    /// Some of it may have been read as script; the builtin `read` takes single bytes also from files.
    pub(super) news_may_run: bool,
    /// It was emitted, or became longer than what is kept, since it was last emitted to be judged as a whole.
    pub(super) is_whole_due: bool,
    /// Bytes there were then.
    pub(super) whole_bytes: u64,
    /// When that was.
    pub(super) whole_ns: u64,
    /// What its text tells: it evaluates what nobody saw; it reads its own standard input. As of then.
    pub(super) tells: (bool, bool),
    /// Something changed since.
    pub(super) changed: bool,
    /// Events of its process were lost while it was read.
    pub(super) lossy: bool,
    /// Holds keystrokes behind the first `entered` bytes.
    pub(super) keystrokes: bool,
    /// Bytes that are finished lines.
    pub(super) entered: usize,
    /// Read as a sourced file is, by a shell that tells what it evaluates and has not yet told of this: it may be data,
    /// such as the history.
    pub(super) candidate: bool,
    /// Process that read the last of it: the shell's, or a subshell's.
    pub(super) reader: u32,
    /// It is read from a regular file.
    pub(super) is_file: bool,
    /// It was read from a descriptor that scripts are read from.
    pub(super) by_script_descriptor: bool,
    /// Why it was evaluated.
    pub(super) evaluated_by: Option<Vec<u8>>,
}

impl Script {
    /// No word will come any more on whether it is a script: it is taken for one unless the shell tells of those and did not. True if
    /// it is one from here on.
    pub(super) fn settle(&mut self, is_told: bool) -> bool {
        let is_one = self.candidate && (!is_told || self.by_script_descriptor);
        self.candidate &= !is_one;
        is_one
    }

    /// Bytes of it were written here that it did not have.
    pub(super) fn learn(&mut self, pos: u64, bytes: usize) {
        // What is behind the kept bytes changes only how long it is.
        if pos >= self.content.bytes().len() as u64 {
            self.is_whole_due = true;
            return;
        }
        self.changed = true;
        let end = pos.saturating_add(bytes as u64).min(self.content.bytes().len() as u64);
        self.news = Some(match self.news.take() {
            Some(news) => news.start.min(pos)..news.end.max(end),
            None => pos..end,
        });
    }

    pub(super) fn new(ordinal: u32, origin: Origin, source: Source, time_ns: u64) -> Self {
        Self {
            ordinal,
            origin,
            source,
            path: None,
            writer: None,
            content: Content::default(),
            offset: 0,
            first_ns: time_ns,
            last_ns: time_ns,
            emitted_bytes: 0,
            emitted_ns: 0,
            news: None,
            news_may_run: false,
            is_whole_due: false,
            whole_bytes: 0,
            whole_ns: 0,
            tells: (false, false),
            changed: false,
            lossy: false,
            keystrokes: false,
            entered: 0,
            candidate: false,
            reader: 0,
            is_file: false,
            by_script_descriptor: false,
            evaluated_by: None,
        }
    }
}

/// A string that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) content: Content,
    pub(super) lossy: bool,
    /// What came with its last piece.
    pub(super) of: Option<(Header, Text)>,
}

impl Partial {
    /// Has no piece come since then?
    pub(super) fn is_late(&self, before_ns: u64) -> bool {
        self.of.is_none_or(|(header, _)| header.time_ns < before_ns)
    }
}
