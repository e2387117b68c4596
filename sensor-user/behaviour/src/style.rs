//! How a script is written, in numbers.

use crate::syntax::{Kind, Script, literal};

/// What the numbers are.
pub(crate) const NAMES: [&str; 12] = [
    "length",
    "statements",
    "comments",
    "functions",
    "conditions",
    "loops",
    "prints",
    "long-words",
    "quoted",
    "one-line",
    "pipes",
    "background",
];

pub(crate) fn of(script: &Script) -> [f32; NAMES.len()] {
    let length = script.text.len().max(1) as f32;
    let statements = script.statements.len().max(1) as f32;
    let count = |is: &dyn Fn(&Kind) -> bool| script.statements.iter().filter(|s| is(&s.kind)).count() as f32;
    let prints = script.statements.iter().filter(|s| {
        let name = s.words.first().and_then(literal);
        matches!(name.as_deref(), Some(b"echo" | b"printf" | b"print"))
    });
    let longest = script.text.split(u8::is_ascii_whitespace).map(<[u8]>::len).max().unwrap_or(0) as f32;
    let quotes = script.text.iter().filter(|b| matches!(b, b'"' | b'\'' | b'\\')).count() as f32;
    let lines = memchr::memchr_iter(b'\n', &script.text).count() as f32 + 1.0;
    [
        length.log10() / 2.0,
        statements.log10(),
        (script.layout.comments as f32 / length * 4.0).min(4.0),
        (count(&|k| matches!(k, Kind::Function(..))) + 1.0).log10() * 2.0,
        ((script.layout.conditions + script.layout.branches) as f32 / statements * 4.0).min(4.0),
        (count(&|k| matches!(k, Kind::Loop(_) | Kind::For(..))) / statements * 10.0).min(4.0),
        (prints.count() as f32 / statements * 4.0).min(4.0),
        (longest.max(1.0).log10() / 1.5).min(4.0),
        (quotes / length * 10.0).min(4.0),
        f32::from(u8::from(lines < 2.5)),
        (script.statements.iter().filter(|s| s.piped).count() as f32 / statements * 4.0).min(4.0),
        (script.statements.iter().filter(|s| s.background).count() as f32 / statements * 10.0).min(4.0),
    ]
}
