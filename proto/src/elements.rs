//! Whether bytes are a message, and how many elements it has, without decoding it: an empty one takes two bytes on the wire and
//! hundreds in memory, so a small message could become a large one.

use std::sync::LazyLock;

use bytes::Buf;
use prost::{
    DecodeError, Message,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use crate::DESCRIPTORS;

/// What a field of a message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Number(WireType),
    /// A list of them, each by itself or all packed together.
    Numbers(WireType),
    Text,
    Bytes,
    /// The message at this place.
    Message(usize),
}

/// The fields of a message, by their numbers.
type Fields = Vec<(u32, Holds)>;

/// The messages of the wire.
struct Messages {
    /// Their full names.
    names: Vec<String>,
    fields: Vec<Fields>,
}

impl Messages {
    fn of(&self, name: &str) -> Option<&Fields> {
        self.fields.get(self.names.iter().position(|other| other == name)?)
    }
}

static MESSAGES: LazyLock<Messages> = LazyLock::new(|| {
    // They are built in; without them nothing is known.
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default();
    let mut all = Vec::new();
    for file in &set.file {
        for message in &file.message_type {
            add(&mut all, &format!(".{}", file.package()), message);
        }
    }
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let fields = all.iter().map(|(_, message)| fields(message, &names));
    Messages { fields: fields.collect(), names }
});
static FINDING: LazyLock<Option<&'static Fields>> =
    LazyLock::new(|| MESSAGES.of(".google.cloud.securitycenter.v2.Finding"));
static BATCH: LazyLock<Option<&'static Fields>> =
    LazyLock::new(|| MESSAGES.of(".scriptwatch.ingest.v1.Batch"));

fn add<'a>(all: &mut Vec<(String, &'a DescriptorProto)>, within: &str, message: &'a DescriptorProto) {
    let name = format!("{within}.{}", message.name());
    for nested in &message.nested_type {
        add(all, &name, nested);
    }
    all.push((name, message));
}

fn fields(message: &DescriptorProto, names: &[String]) -> Fields {
    let fields = message.field.iter().filter_map(|field| {
        let number = if field.label() == Label::Repeated { Holds::Numbers } else { Holds::Number };
        let holds = match field.r#type() {
            Type::Message | Type::Group => {
                Holds::Message(names.iter().position(|name| name == field.type_name())?)
            }
            Type::String => Holds::Text,
            Type::Bytes => Holds::Bytes,
            Type::Double | Type::Fixed64 | Type::Sfixed64 => number(WireType::SixtyFourBit),
            Type::Float | Type::Fixed32 | Type::Sfixed32 => number(WireType::ThirtyTwoBit),
            _ => number(WireType::Varint),
        };
        Some((u32::try_from(field.number()).ok()?, holds))
    });
    fields.collect()
}

/// How many elements an encoded `google.cloud.securitycenter.v2.Finding` has, at any depth; `None` when more than `most`, or when
/// the bytes are no finding: what decodes them notices that late, and has made room for what it read until then.
pub fn of_finding(bytes: &[u8], most: usize) -> Option<usize> {
    count(*FINDING, bytes, most)
}

/// How many elements an encoded `scriptwatch.ingest.v1.Batch` has, with those of its envelopes but not of the findings in them.
pub(crate) fn of_batch(bytes: &[u8], most: usize) -> Option<usize> {
    count(*BATCH, bytes, most)
}

fn count(message: Option<&Fields>, bytes: &[u8], most: usize) -> Option<usize> {
    let mut left = most;
    walk(message, bytes, &mut left, DEPTH).ok()?;
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

/// Skips a field that is not known, as what decodes it does, which counts depth there, too.
fn skip(wire: WireType, number: u32, bytes: &mut &[u8], depth: u32) -> Result<(), Refused> {
    let depth = depth.checked_sub(1).ok_or(Refused)?;
    if wire != WireType::StartGroup {
        return Ok(skip_field(wire, number, bytes, DecodeContext::default())?);
    }
    loop {
        let (inner, wire) = decode_key(bytes)?;
        if wire == WireType::EndGroup {
            return if inner == number { Ok(()) } else { Err(Refused) };
        }
        skip(wire, inner, bytes, depth)?;
    }
}

/// Goes through what decodes a message goes through, and refuses what that refuses.
fn walk(fields: Option<&Fields>, mut bytes: &[u8], left: &mut usize, depth: u32) -> Result<(), Refused> {
    while !bytes.is_empty() {
        let (number, wire) = decode_key(&mut bytes)?;
        *left = left.checked_sub(1).ok_or(Refused)?;
        let known = fields.into_iter().flatten().find(|(of, _)| *of == number).map(|(_, holds)| *holds);
        let expected = match known {
            None => wire,
            Some(Holds::Numbers(_)) if wire == WireType::LengthDelimited => wire,
            Some(Holds::Number(expected) | Holds::Numbers(expected)) => expected,
            Some(_) => WireType::LengthDelimited,
        };
        if wire != expected {
            return Err(Refused);
        }
        if known.is_none() {
            skip(wire, number, &mut bytes, depth)?;
            continue;
        }
        if wire != WireType::LengthDelimited {
            skip_field(wire, number, &mut bytes, DecodeContext::default())?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut bytes)?).map_err(|_| Refused)?;
        let inner = bytes.get(..length).ok_or(Refused)?;
        match known {
            Some(Holds::Message(of)) => {
                let depth = depth.checked_sub(1).ok_or(Refused)?;
                walk(MESSAGES.fields.get(of), inner, left, depth)?;
            }
            Some(Holds::Numbers(of)) => {
                let mut packed = inner;
                while !packed.is_empty() {
                    *left = left.checked_sub(1).ok_or(Refused)?;
                    skip_field(of, number, &mut packed, DecodeContext::default())?;
                }
            }
            Some(Holds::Text) => drop(std::str::from_utf8(inner).map_err(|_| Refused)?),
            _ => {}
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
        scc::{Finding, MitreAttack, Process},
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

    #[test]
    fn what_is_refused_is_what_cannot_be_decoded() {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let whole = Finding {
            name: "projects/p/findings/a".to_owned(),
            state: 1,
            event_time: Some(crate::well_known::Timestamp { seconds: 5, nanos: -1 }),
            mitre_attack: Some(MitreAttack { additional_tactics: vec![1, 2, 300], ..MitreAttack::default() }),
            processes: vec![Process { args: vec!["é".to_owned(); 3], pid: 7, ..Process::default() }],
            source_properties: [
                ("number".to_owned(), Value { kind: Some(Kind::NumberValue(0.5)) }),
                ("text".to_owned(), text("x")),
            ]
            .into(),
            ..Finding::default()
        };
        let whole = whole.encode_to_vec();
        let mut random = fastrand::Rng::with_seed(7);
        let mut counts = [0_u32; 2];
        for _ in 0..200_000 {
            let mut bytes = whole.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => bytes[at] ^= 1 << random.u8(..8),
                    2 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, random.u8(..)),
                }
            }
            let is_decoded = Finding::decode(&bytes[..]).is_ok();
            counts[usize::from(is_decoded)] += 1;
            assert_eq!(of_finding(&bytes, usize::MAX).is_some(), is_decoded, "{bytes:02x?}");
        }
        assert!(counts.iter().all(|count| *count > 10_000), "{counts:?}");
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_as_what_decodes_it_refuses_it() {
        let tail =
            [&[0x98, 0x7d, 0][..], &[0x9b, 0x7d, 0x9c, 0x7d], &[0x9b, 0x7d, 0x98, 0x7d, 0, 0x9c, 0x7d], &[]];
        let mut counts = [0; 2];
        for (lists, end) in (40..60).flat_map(|lists| tail.map(|end| (lists, end))) {
            // A list in a value, a value in a list, and so on, with a field at the innermost place that nobody knows.
            let mut value = end.to_vec();
            for _ in 0..lists {
                for tag in [0x0a_u8, 0x32] {
                    let mut outer = vec![tag];
                    prost::encoding::encode_varint(value.len() as u64, &mut outer);
                    outer.extend(&value);
                    value = outer;
                }
            }
            let mut entry = vec![0x0a, 1, b'k', 0x12];
            prost::encoding::encode_varint(value.len() as u64, &mut entry);
            entry.extend(&value);
            let mut bytes = vec![0x4a];
            prost::encoding::encode_varint(entry.len() as u64, &mut bytes);
            bytes.extend(&entry);
            let is_decoded = Finding::decode(&bytes[..]).is_ok();
            counts[usize::from(is_decoded)] += 1;
            assert_eq!(of_finding(&bytes, usize::MAX).is_some(), is_decoded, "{lists} lists, {end:02x?}");
        }
        assert!(counts.iter().all(|count| *count > 10), "{counts:?}");
    }
}
