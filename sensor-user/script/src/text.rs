//! A script's bytes, shared by all who look at them.

use std::{fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::byte_string;

/// Bytes of a script. A clone is another handle to the same bytes; they are copied only when a script grows while an
/// earlier capture of it is still in use.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ScriptText(Arc<Vec<u8>>);

impl ScriptText {
    /// Bytes of memory that it takes.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The bytes, to be changed: in place when nobody else holds them.
    pub(crate) fn make_mut(&mut self) -> &mut Vec<u8> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Vec<u8>> for ScriptText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl From<&[u8]> for ScriptText {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl Deref for ScriptText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ScriptText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl Serialize for ScriptText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        byte_string::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ScriptText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        byte_string::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_shares_the_bytes_and_keeps_them_when_the_script_grows() {
        let mut growing = ScriptText::from(&b"echo one\n"[..]);
        let captured = growing.clone();
        assert_eq!(growing.as_ptr(), captured.as_ptr());
        growing.make_mut().extend_from_slice(b"echo two\n");
        assert_eq!(&*captured, b"echo one\n");
        drop(captured);
        let before = growing.as_ptr();
        growing.make_mut()[0] = b'E';
        assert_eq!(growing.as_ptr(), before, "nobody else held it");
    }
}
