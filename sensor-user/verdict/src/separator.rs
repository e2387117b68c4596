//! Bytes of the normal form that stand between words.

/// Marks the beginning of a decoded layer in the normal form: a byte that no text holds.
pub(super) const LAYER: u8 = 0x0e;

/// What a byte is between words. Looked up and not compared: each byte of a script is asked for several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Part of a word.
    Word,
    /// White space.
    Space,
    /// An operator of the shell.
    Operator,
    /// [`LAYER`].
    Layer,
}

static KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Word; 256];
    let mut b = 0;
    while b < kinds.len() {
        let byte = b as u8;
        if byte.is_ascii_whitespace() {
            kinds[b] = Kind::Space;
        } else if matches!(
            byte,
            b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>' | b'`' | b'{' | b'}' | b'=' | b','
        ) {
            kinds[b] = Kind::Operator;
        } else if byte == LAYER {
            kinds[b] = Kind::Layer;
        }
        b += 1;
    }
    kinds
};

/// What a byte is.
pub(super) fn kind(b: u8) -> Kind {
    KINDS[usize::from(b)]
}

/// Does this text hold this byte? Most words and gaps are shorter than what a search with vectors pays for.
pub(super) fn holds(text: &[u8], byte: u8) -> bool {
    const SHORT: usize = 16;
    if text.len() < SHORT { text.contains(&byte) } else { memchr::memchr(byte, text).is_some() }
}

/// Is it an operator of the shell?
pub(super) fn is_operator(b: u8) -> bool {
    kind(b) == Kind::Operator
}
