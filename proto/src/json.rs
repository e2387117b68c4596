//! `google.protobuf.Value` with Protobuf's JSON mapping: the JSON value itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use value::Kind;

/// A JSON value.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Value {
    /// What it is. Absent is invalid, and becomes `null` in JSON.
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<Kind>,
}

/// The kinds of values.
pub mod value {
    /// A value by its kind.
    #[derive(Clone, PartialEq, ::prost::Oneof)]
    pub enum Kind {
        /// `null`; the number is 0.
        #[prost(int32, tag = "1")]
        NullValue(i32),
        /// A number. JSON has none that is not finite.
        #[prost(double, tag = "2")]
        NumberValue(f64),
        /// A text.
        #[prost(string, tag = "3")]
        StringValue(String),
        /// `true` or `false`.
        #[prost(bool, tag = "4")]
        BoolValue(bool),
        /// An object.
        #[prost(message, tag = "5")]
        StructValue(super::Struct),
        /// An array.
        #[prost(message, tag = "6")]
        ListValue(super::ListValue),
    }
}

/// A JSON object.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Struct {
    /// Its members by their names.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// A JSON array.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ListValue {
    /// Its elements.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            None | Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::NumberValue(number)) if !number.is_finite() => {
                Err(ser::Error::custom(format!("{number} is no number of JSON")))
            }
            Some(Kind::NumberValue(number)) => serializer.serialize_f64(*number),
            Some(Kind::StringValue(text)) => serializer.serialize_str(text),
            Some(Kind::BoolValue(truth)) => serializer.serialize_bool(*truth),
            Some(Kind::StructValue(object)) => serializer.collect_map(&object.fields),
            Some(Kind::ListValue(list)) => serializer.collect_seq(&list.values),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(Self::from)
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let kind = match json {
            Json::Null => Kind::NullValue(0),
            Json::Bool(truth) => Kind::BoolValue(truth),
            // Protobuf has 64-bit floating point numbers only.
            Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
            Json::String(text) => Kind::StringValue(text),
            Json::Array(elements) => {
                Kind::ListValue(ListValue { values: elements.into_iter().map(Self::from).collect() })
            }
            Json::Object(members) => Kind::StructValue(Struct {
                fields: members.into_iter().map(|(name, value)| (name, value.into())).collect(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn json_is_the_value_itself_and_the_wire_is_the_official_one() {
        let json = r#"{"a":[null,true,1.5,"t",{"b":[]}],"c":{}}"#;
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), json);
        let bytes = value.encode_to_vec();
        assert_eq!(Value::decode(&*bytes).unwrap(), value);
        let official = prost_types::Value::decode(&*bytes).unwrap();
        assert_eq!(official.encode_to_vec(), bytes);
        let Some(prost_types::value::Kind::StructValue(object)) = official.kind else { panic!("an object") };
        assert_eq!(object.fields.len(), 2);
    }

    #[test]
    fn what_json_cannot_say_is_an_error_and_what_is_absent_is_null() {
        for number in [f64::NAN, f64::INFINITY] {
            assert!(serde_json::to_string(&Value { kind: Some(Kind::NumberValue(number)) }).is_err());
        }
        assert_eq!(serde_json::to_string(&Value { kind: None }).unwrap(), "null");
    }
}
