//! A finding as a message: its JSON as SCC writes it, for whoever reads the stream, and what the store needs in headers.

use async_nats::{HeaderMap, jetstream::message::OutboundMessage, jetstream::message::PublishMessage};
use prost::Message as _;
use proto::scc::Finding;

use crate::store::Incoming;

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

/// The message of a finding. A finding's version is one message, however often it is published.
pub(crate) fn encode(
    stream: &str,
    node: &str,
    incoming: &Incoming,
) -> Result<OutboundMessage, Box<dyn std::error::Error + Send + Sync>> {
    let finding = Finding::decode(incoming.message().clone())?;
    let json = serde_json::to_vec(&finding)?;
    Ok(PublishMessage::build()
        .message_id(format!("{}/{}", incoming.name(), incoming.revision()))
        .header("Content-Type", "application/json")
        .header(NODE, node)
        .header(REVISION, incoming.revision().to_string())
        .payload(json.into())
        .outbound_message(subject(stream, node)))
}

/// The node and the finding of a message.
pub(crate) fn decode(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<(String, Incoming), String> {
    let header = |name: &str| headers.and_then(|h| h.get(name)).map(|v| v.as_str().to_owned());
    let node = header(NODE).ok_or("it does not say which node it is from")?;
    let revision = header(REVISION)
        .and_then(|text| text.parse().ok())
        .ok_or("it does not say which version of its finding it is")?;
    let finding: Finding = serde_json::from_slice(payload).map_err(|e| e.to_string())?;
    let message = finding.encode_to_vec().into();
    Ok((node, Incoming::new(&finding, message, revision)))
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
        let message =
            encode("s", "n.example", &Incoming::new(&finding, bytes.clone(), 7)).expect("a message");
        assert_eq!(message.subject.as_str(), "s.findings.n_example");
        let (node, incoming) = decode(message.headers.as_ref(), &message.payload).expect("a finding");
        assert_eq!((node.as_str(), incoming.revision(), incoming.message()), ("n.example", 7, &bytes));
    }

    #[test]
    fn what_others_publish_is_named() {
        let mut headers = HeaderMap::new();
        assert!(decode(None, b"{}").expect_err("a refusal").contains("node"));
        headers.insert(NODE, "n");
        headers.insert(REVISION, "x");
        assert!(decode(Some(&headers), b"{}").expect_err("a refusal").contains("version"));
        headers.insert(REVISION, "1");
        assert!(decode(Some(&headers), b"[").is_err());
    }
}
