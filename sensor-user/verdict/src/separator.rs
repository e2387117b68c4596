//! Bytes of the normal form that stand between words.

/// Marks the beginning of a decoded layer in the normal form: a byte that no text holds.
pub(super) const LAYER: u8 = 0x0e;

/// Is it an operator of the shell?
pub(super) fn is_operator(b: u8) -> bool {
    matches!(b, b'|' | b'&' | b';' | b'(' | b')' | b'<' | b'>' | b'`' | b'{' | b'}' | b'=' | b',')
}
