//! Texts by which binaries are known, masked: this program holds all of them and is no shell, and another sensor on its node, or a
//! later version, must not take it for one.

/// A text, masked.
#[derive(Clone, Copy, Debug)]
pub struct Mark(pub(crate) &'static [u8]);

/// The highest bit of each byte: no text has it.
const MASK: u8 = 0x80;

/// Masks a text when the program is compiled.
pub(crate) const fn masked<const N: usize>(text: &[u8; N]) -> [u8; N] {
    let mut bytes = *text;
    let mut at = 0;
    while at < N {
        bytes[at] ^= MASK;
        at += 1;
    }
    bytes
}

impl Mark {
    /// The text.
    pub fn text(self) -> Vec<u8> {
        self.0.iter().map(|byte| byte ^ MASK).collect()
    }
}

/// Masked texts.
macro_rules! marks {
    ($($text:literal),* $(,)?) => {
        &[$($crate::mark::Mark(const { &$crate::mark::masked($text) })),*]
    };
}
pub(crate) use marks;
