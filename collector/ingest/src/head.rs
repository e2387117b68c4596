//! What a finding says of whom it is of, decoded without the rest, which is long.

use bytes::Bytes;
use prost::Message;
use proto::well_known::{Value, value::Kind};

/// Some fields of `google.cloud.securitycenter.v2.Finding`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Head {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    pub(crate) parent: String,
    #[prost(string, tag = "4")]
    pub(crate) resource_name: String,
    #[prost(message, repeated, tag = "9")]
    source_properties: Vec<Property>,
    #[prost(message, optional, tag = "36")]
    kubernetes: Option<Kubernetes>,
}

/// An entry of the map; what is in it is decoded when it is asked for.
#[derive(Clone, PartialEq, Message)]
struct Property {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Kubernetes {
    #[prost(message, repeated, tag = "2")]
    nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "1")]
    name: String,
}

impl Head {
    /// A source property that is a text.
    pub(crate) fn text_property(&self, name: &str) -> Option<String> {
        // Of an entry that is there twice the last counts.
        let entry = self.source_properties.iter().rev().find(|entry| entry.key == name.as_bytes())?;
        match Value::decode(entry.value.clone()).ok()?.kind? {
            Kind::StringValue(text) => Some(text),
            _ => None,
        }
    }

    /// The names of the nodes in `kubernetes`.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.kubernetes.iter().flat_map(|kubernetes| &kubernetes.nodes).map(|node| node.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proto::scc::{Finding, Kubernetes, kubernetes};

    use super::*;

    #[test]
    fn it_says_what_the_finding_says() {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let node = |name: &str| kubernetes::Node { name: name.to_owned() };
        let finding = Finding {
            name: "projects/p/findings/a".to_owned(),
            parent: "projects/p".to_owned(),
            resource_name: "//x".to_owned(),
            category: "Malicious Script Executed".to_owned(),
            source_properties: [
                ("Node_Name".to_owned(), text("n")),
                ("Count".to_owned(), Value { kind: Some(Kind::NumberValue(1.0)) }),
            ]
            .into(),
            kubernetes: Some(Kubernetes { nodes: vec![node("n"), node("m")], ..Kubernetes::default() }),
            ..Finding::default()
        };
        let twice =
            Finding { source_properties: [("Node_Name".to_owned(), text("o"))].into(), ..Finding::default() };
        let head = |bytes: Vec<u8>| Head::decode(Bytes::from(bytes)).expect("a head");
        let once = head(finding.encode_to_vec());
        assert_eq!(
            (once.name.as_str(), once.parent.as_str(), once.resource_name.as_str()),
            ("projects/p/findings/a", "projects/p", "//x")
        );
        assert_eq!(once.text_property("Node_Name").as_deref(), Some("n"));
        assert_eq!((once.text_property("Count"), once.text_property("Pod_Name")), (None, None));
        assert_eq!(once.nodes().collect::<Vec<_>>(), ["n", "m"]);
        let bytes = [finding.encode_to_vec(), twice.encode_to_vec()].concat();
        let decoded = Finding::decode(&bytes[..]).expect("a finding");
        assert_eq!(decoded.text_property("Node_Name"), Some("o"));
        assert_eq!(head(bytes).text_property("Node_Name").as_deref(), Some("o"));
    }
}
