//! How many elements an encoded message has, counted without decoding it: an empty one takes two bytes on the wire and hundreds in
//! memory, so a small message could become a large one.

use std::{collections::HashMap, sync::LazyLock};

use bytes::Buf;
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use prost_types::{DescriptorProto, FileDescriptorSet, field_descriptor_proto::Type};

use crate::DESCRIPTORS;

/// Fields of a message that are messages, by number.
type Fields = HashMap<u32, String>;

/// Of each message of the wire, by its full name.
static MESSAGES: LazyLock<HashMap<String, Fields>> = LazyLock::new(|| {
    let mut messages = HashMap::new();
    // They are built in; without them nothing is nested.
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default();
    for file in &set.file {
        for message in &file.message_type {
            add(&mut messages, &format!(".{}", file.package()), message);
        }
    }
    messages
});

fn add(messages: &mut HashMap<String, Fields>, within: &str, message: &DescriptorProto) {
    let name = format!("{within}.{}", message.name());
    for nested in &message.nested_type {
        add(messages, &name, nested);
    }
    let of_messages = message.field.iter().filter(|field| field.r#type() == Type::Message);
    let fields = of_messages
        .filter_map(|field| Some((u32::try_from(field.number()).ok()?, field.type_name().to_owned())));
    messages.insert(name, fields.collect());
}

/// How many elements an encoded `google.cloud.securitycenter.v2.Finding` has, at any depth; `None` when more than `most`, or when
/// the bytes are no finding: what decodes them notices that late, and has made room for what it read until then.
pub fn of_finding(bytes: &[u8], most: usize) -> Option<usize> {
    count(".google.cloud.securitycenter.v2.Finding", bytes, most)
}

/// How many elements an encoded `scriptwatch.ingest.v1.Batch` has, with those of its envelopes but not of the findings in them.
pub(crate) fn of_batch(bytes: &[u8], most: usize) -> Option<usize> {
    count(".scriptwatch.ingest.v1.Batch", bytes, most)
}

fn count(message: &str, bytes: &[u8], most: usize) -> Option<usize> {
    let mut left = most;
    walk(MESSAGES.get(message), bytes, &mut left, DEPTH).ok()?;
    Some(most - left)
}

/// How deep messages may be nested; what decodes them stops there, too.
const DEPTH: u32 = 100;

/// They are more, or no such message.
struct Refused;

impl From<DecodeError> for Refused {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

fn walk(fields: Option<&Fields>, mut bytes: &[u8], left: &mut usize, depth: u32) -> Result<(), Refused> {
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes)?;
        *left = left.checked_sub(1).ok_or(Refused)?;
        if wire != WireType::LengthDelimited {
            skip_field(wire, number, &mut bytes, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes)?).map_err(|_| Refused)?;
        let inner = bytes.get(..length).ok_or(Refused)?;
        if let Some(of) = fields.and_then(|fields| fields.get(&number)) {
            let depth = depth.checked_sub(1).ok_or(Refused)?;
            walk(MESSAGES.get(of), inner, left, depth)?;
        }
        bytes.advance(length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ingest::{Batch, Envelope},
        scc::{Finding, Process},
        well_known::{ListValue, Value, value::Kind},
    };

    #[test]
    fn elements_are_counted_at_any_depth() {
        let value = |kind| Value { kind: Some(kind) };
        let list = ListValue { values: vec![value(Kind::BoolValue(true)); 5] };
        let finding = Finding {
            // Three.
            processes: vec![Process { args: vec![String::new(); 2], ..Process::default() }],
            // The entry, its key, its value, the list, and five values with a kind each.
            source_properties: [("k".to_owned(), value(Kind::ListValue(list)))].into(),
            // One, whatever is in it.
            description: "\u{a}\u{1}".repeat(1000),
            ..Finding::default()
        };
        let bytes = finding.encode_to_vec();
        assert_eq!(of_finding(&bytes, 100), Some(3 + 4 + 10 + 1));
        assert_eq!(of_finding(&bytes, 17), None);
        assert_eq!(of_finding(&bytes[..bytes.len() - 1], 100), None);
        // Kubernetes of five bytes, whose pod says that it goes on far behind them: what decodes it believes the pod first.
        let liar = [&[0x82, 0x02, 5, 0x0a, 0x80, 0x80, 0x40][..], &[0x22, 0].repeat(1000)].concat();
        assert_eq!(of_finding(&liar, 100), None);
        let batch = Batch { findings: vec![Envelope::default(); 300], ..Batch::default() };
        assert_eq!(of_batch(&batch.encode_to_vec(), 1000), Some(300));
    }
}
