//! Byte strings in JSON: a string when they are UTF-8, and `{"base64": "…"}` when they are not, so that they are kept exactly
//! and ordinary text can be read by eye. For serde's `with`; [`optional`] and [`list`] are for options and lists of them.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<'a> {
    #[serde(borrow)]
    Text(std::borrow::Cow<'a, str>),
    Encoded {
        base64: String,
    },
}

impl<'a> Form<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Encoded { base64: BASE64_STANDARD.encode(bytes) },
        }
    }

    fn decode<E: Error>(self) -> Result<Vec<u8>, E> {
        match self {
            Self::Text(text) => Ok(text.into_owned().into_bytes()),
            Self::Encoded { base64 } => BASE64_STANDARD.decode(base64).map_err(E::custom),
        }
    }
}

/// Writes bytes.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    Form::of(bytes).serialize(serializer)
}

/// Reads bytes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    Form::deserialize(deserializer)?.decode()
}

/// An optional byte string.
pub mod optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Form;

    /// Writes bytes or null.
    #[allow(clippy::ref_option, reason = "the form serde asks for")]
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(Form::of).serialize(serializer)
    }

    /// Reads bytes or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<Form<'de>>::deserialize(deserializer)?.map(Form::decode).transpose()
    }
}

/// A list of byte strings.
pub mod list {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Form;

    /// Writes a list.
    pub fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| Form::of(bytes)))
    }

    /// Reads a list.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        Vec::<Form<'de>>::deserialize(deserializer)?.into_iter().map(Form::decode).collect()
    }
}
