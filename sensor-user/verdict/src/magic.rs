//! Files known by their first bytes, where a script carries one within itself.

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    /// The beginning of a program, or a very small one.
    Elf,
    /// A program of some size.
    Program,
    /// Something compressed.
    Packed,
}

/// Smaller ones only try what a processor can.
const PROGRAM_MIN: usize = 1024;
/// Stands for a program of some size.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01program";

/// First bytes, as `file` knows them. A program's four alone say nothing: installers compare them with those of what is
/// there already.
const BEGINNINGS: [(&[u8], Magic); 9] = [
    (PROGRAM, Magic::Program),
    (b"\x7fELF\x01\x01\x01", Magic::Elf),
    (b"\x7fELF\x02\x01\x01", Magic::Elf),
    (b"\x1f\x8b", Magic::Packed),
    (b"\xfd7zXZ", Magic::Packed),
    (b"BZh91AY", Magic::Packed),
    (b"PK\x03\x04", Magic::Packed),
    (b"(\xb5/\xfd", Magic::Packed),
    (b"7z\xbc\xaf", Magic::Packed),
];

impl Magic {
    /// What something that begins so is, if that is known.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, magic)| *magic)
    }

    /// What a decoded layer is.
    pub(super) fn of_layer(bytes: &[u8]) -> Option<Self> {
        match Self::of(bytes) {
            Some(Self::Elf) if bytes.len() >= PROGRAM_MIN => Some(Self::Program),
            other => other,
        }
    }

    /// The bytes that stand for it in a layer.
    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Elf => b"\x7fELF\x02\x01\x01",
            Self::Program => PROGRAM,
            Self::Packed => b"\x1f\x8b",
        }
    }

    /// Its class among words.
    pub(super) fn class(self) -> &'static [u8] {
        match self {
            Self::Elf => b"<elf>",
            Self::Program => b"<program>",
            Self::Packed => b"<packed>",
        }
    }
}
