//! What is known of a value: its text, and where it comes from.

/// Stands in a value's text for what is not known. No argument of a command holds this byte.
pub(crate) const UNKNOWN: u8 = 0;
/// The longest text that is kept of a value.
const TEXT_MAX: usize = 64 * 1024;

/// Where something comes from, or what it is: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taint(u32);

impl Taint {
    pub(crate) const REMOTE: Self = Self(1);
    pub(crate) const SECRET: Self = Self(1 << 1);
    pub(crate) const HOST: Self = Self(1 << 2);
    pub(crate) const DECODED: Self = Self(1 << 3);
    pub(crate) const ENCRYPTED: Self = Self(1 << 4);
    /// Names of files everywhere on the machine.
    pub(crate) const EVERY_FILE: Self = Self(1 << 5);
    /// Contents of files that were packed.
    pub(crate) const ARCHIVE: Self = Self(1 << 6);
    /// Names of other hosts.
    pub(crate) const HOSTS: Self = Self(1 << 7);
    /// Bytes without a meaning: zeros, or at random.
    pub(crate) const NOISE: Self = Self(1 << 8);
    /// What a command printed.
    pub(crate) const OUTPUT: Self = Self(1 << 9);
    /// What the user typed.
    pub(crate) const TYPED: Self = Self(1 << 10);
    /// Numbers of processes.
    pub(crate) const PROCESSES: Self = Self(1 << 11);
    /// Processes that were chosen by their name as a miner's, or by their load.
    pub(crate) const RIVALS: Self = Self(1 << 12);
    /// A connection that the shell opened itself.
    pub(crate) const SOCKET: Self = Self(1 << 13);
    /// Put together from single characters.
    pub(crate) const ASSEMBLED: Self = Self(1 << 14);
    /// Names of files.
    pub(crate) const FILES: Self = Self(1 << 15);
    /// A list of words to try as passwords.
    pub(crate) const PASSWORDS: Self = Self(1 << 16);
    /// What a shell printed that was given commands from elsewhere.
    pub(crate) const SHELL: Self = Self(1 << 17);
    /// Read from a named pipe.
    pub(crate) const FIFO: Self = Self(1 << 18);
    /// Came from a bare public address.
    pub(crate) const ADDRESS: Self = Self(1 << 20);
    /// The text of the script itself.
    pub(crate) const ITSELF: Self = Self(1 << 21);
    /// The value of a variable that nothing sets here and that is named like a secret.
    pub(crate) const NAMED_SECRET: Self = Self(1 << 22);
    /// Lines of a log, without some.
    pub(crate) const LOG_LINES: Self = Self(1 << 23);
    /// Source code of a program that wants root's rights.
    pub(crate) const SOURCE: Self = Self(1 << 19);

    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// A value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    /// Its text as far as it is known.
    pub(crate) text: Vec<u8>,
    /// Where it comes from.
    pub(crate) taint: Taint,
}

impl Value {
    pub(crate) fn text(text: &[u8]) -> Self {
        Self { text: text.to_vec(), taint: Taint::default() }
    }

    pub(crate) fn unknown(taint: Taint) -> Self {
        Self { text: vec![UNKNOWN], taint }
    }

    pub(crate) fn is_known(&self) -> bool {
        !self.text.contains(&UNKNOWN)
    }

    pub(crate) fn append(&mut self, other: &Self) {
        let room = TEXT_MAX.saturating_sub(self.text.len());
        self.text.extend_from_slice(&other.text[..other.text.len().min(room)]);
        self.taint = self.taint.and(other.taint);
    }

    pub(crate) fn with(mut self, taint: Taint) -> Self {
        self.taint = self.taint.and(taint);
        self
    }
}
