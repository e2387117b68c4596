//! A finding as a message: the encoded `google.cloud.securitycenter.v2.Finding` that its sensor made, and what the store needs in
//! headers.

use async_nats::{
    HeaderMap,
    jetstream::message::{OutboundMessage, PublishMessage},
};
use bytes::Bytes;
use prost::Message as _;
use proto::scc::Finding;
use store::Incoming;

const CONTENT_TYPE: &str = "Content-Type";
const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const NODE: &str = "Scriptwatch-Node";
const REVISION: &str = "Scriptwatch-Revision";

/// The subjects of a stream.
pub(crate) fn all(stream: &str) -> String {
    format!("{stream}.findings.>")
}

/// The subject of a node's findings. A node's name is one word of it.
fn subject(stream: &str, node: &str) -> String {
    let word: String = node
        .chars()
        .map(|c| if matches!(c, '.' | '*' | '>') || c.is_whitespace() || c.is_control() { '_' } else { c })
        .collect();
    format!("{stream}.findings.{word}")
}

/// The message of a finding: its bytes as its sensor encoded them. A finding's version is one message, however often it is
/// published; another node's of that name is another.
pub(crate) fn encode(stream: &str, node: &str, incoming: &Incoming) -> OutboundMessage {
    PublishMessage::build()
        .message_id(format!("{node}/{}/{}", incoming.name(), incoming.revision()))
        .header(CONTENT_TYPE, PROTOBUF)
        .header(NODE, node)
        .header(REVISION, incoming.revision().to_string())
        .payload(incoming.message().clone())
        .outbound_message(subject(stream, node))
}

/// The node and the finding of a message. Earlier collectors published JSON.
pub(crate) fn decode(headers: Option<&HeaderMap>, payload: &Bytes) -> Result<(String, Incoming), String> {
    let header = |name: &str| headers.and_then(|h| h.get(name)).map(|v| v.as_str().to_owned());
    let node = header(NODE).ok_or("it does not say which node it is from")?;
    let revision = header(REVISION)
        .and_then(|text| text.parse().ok())
        .ok_or("it does not say which version of its finding it is")?;
    if header(CONTENT_TYPE).as_deref() == Some(JSON) {
        let finding: Finding = serde_json::from_slice(payload).map_err(|e| e.to_string())?;
        let message = finding.encode_to_vec().into();
        return Ok((node, Incoming::new(finding.name.clone(), message, revision)));
    }
    let finding = Finding::decode(payload.clone()).map_err(|e| e.to_string())?;
    Ok((node, Incoming::new(finding.name.clone(), payload.clone(), revision)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_comes_out_as_it_went_in() {
        let finding = Finding {
            name: "projects/p/sources/s/locations/l/findings/a".to_owned(),
            description: "\u{0}\u{1b}[2J \"x\" \u{10ffff}".to_owned(),
            ..Finding::default()
        };
        let bytes: bytes::Bytes = finding.encode_to_vec().into();
        let message = encode("s", "n.example", &Incoming::new(finding.name.clone(), bytes.clone(), 7));
        assert_eq!(message.subject.as_str(), "s.findings.n_example");
        assert_eq!(message.payload, bytes, "passed on as they came");
        let (node, incoming) = decode(message.headers.as_ref(), &message.payload).expect("a finding");
        assert_eq!((node.as_str(), incoming.revision(), incoming.message()), ("n.example", 7, &bytes));
        // As the first collectors published it.
        let mut headers = message.headers.expect("headers");
        headers.insert(CONTENT_TYPE, JSON);
        let json = serde_json::to_vec(&finding).expect("JSON").into();
        let (_, incoming) = decode(Some(&headers), &json).expect("a finding");
        assert_eq!(incoming.message(), &bytes);
    }

    #[test]
    fn what_others_publish_is_named() {
        let mut headers = HeaderMap::new();
        assert!(decode(None, &Bytes::new()).expect_err("a refusal").contains("node"));
        headers.insert(NODE, "n");
        headers.insert(REVISION, "x");
        assert!(decode(Some(&headers), &Bytes::new()).expect_err("a refusal").contains("version"));
        headers.insert(REVISION, "1");
        assert!(decode(Some(&headers), &Bytes::from_static(b"[")).is_err());
    }
}
