//! `google.protobuf.Timestamp` with Protobuf's JSON mapping: RFC 3339 in UTC, with `Z`.

use jiff::Timestamp as Instant;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// A point in time.
#[derive(Clone, Copy, Eq, Hash, PartialEq, ::prost::Message)]
pub struct Timestamp {
    /// Seconds of Unix time.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = Instant::new(self.seconds, self.nanos).map_err(ser::Error::custom)?;
        serializer.collect_str(&at)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let at: Instant = text.parse().map_err(de::Error::custom)?;
        let nanos = at.as_nanosecond();
        let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).map_err(de::Error::custom)?;
        Ok(Self { seconds, nanos: nanos.rem_euclid(1_000_000_000) as i32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_z_and_is_read_with_any_offset() {
        let at = Timestamp { seconds: 1_700_000_000, nanos: 5 };
        let json = serde_json::to_string(&at).unwrap();
        assert_eq!(json, "\"2023-11-14T22:13:20.000000005Z\"");
        for text in [json.as_str(), "\"2023-11-14T23:13:20.000000005+01:00\""] {
            assert_eq!(serde_json::from_str::<Timestamp>(text).unwrap(), at);
        }
        // Before 1970 the nanoseconds still count forwards.
        let before = Timestamp { seconds: -1, nanos: 999_999_999 };
        let json = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), before);
        assert!(serde_json::to_string(&Timestamp { seconds: i64::MAX, nanos: 0 }).is_err());
    }
}
