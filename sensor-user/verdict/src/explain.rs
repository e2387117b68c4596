//! Why a verdict is what it is: the lines without which the score would fall.

use crate::{
    feature::Feature,
    features::FeatureSet,
    model::{Model, ModelError},
    span::Span,
};

/// Lines that are tried by leaving them out; more are tried in groups.
const TRIALS: usize = 64;
/// Spans named.
const SPANS: usize = 5;
/// A span that carries less is not named.
const WEIGHT_MIN: f32 = 0.05;

/// Names the parts of `script` that carried the score of these features of it.
pub(super) fn spans(
    model: &mut Model,
    features: &[Feature],
    set: &mut FeatureSet,
    script: &[u8],
) -> Result<Vec<Span>, ModelError> {
    let mut lines: Vec<(u32, u32)> = Vec::new();
    let mut last = None;
    for feature in features {
        let at = feature.at.min(script.len().saturating_sub(1) as u32);
        if last.replace(at) == Some(at) {
            continue;
        }
        if lines.iter().any(|(start, end)| (*start..*end).contains(&at)) {
            continue;
        }
        lines.push(line_around(script, at));
    }
    lines.sort_unstable();
    lines.dedup();
    // Neighbouring lines go together when there are many.
    let group = lines.len().div_ceil(TRIALS).max(1);
    let groups: Vec<(u32, u32)> = lines.chunks(group).map(|g| (g[0].0, g[g.len() - 1].1)).collect();

    // The whole, and then all but each group.
    let mut logits = vec![0.0; 1 + groups.len()];
    let left_out = |set: usize| set.checked_sub(1).map(|i| groups[i]);
    model.score(
        logits.len(),
        |i, ids| {
            let kept = |f: &Feature| left_out(i).is_none_or(|(start, end)| !(start..end).contains(&f.at));
            set.distinct(features, kept, ids);
        },
        |i, scores| logits[i] = logit(scores.malicious),
    )?;
    let mut drops: Vec<(f32, u32, u32)> = groups
        .iter()
        .zip(&logits[1..])
        .map(|((start, end), without)| {
            (if groups.len() == 1 { 1.0 } else { (logits[0] - without).max(0.0) }, *start, *end)
        })
        .collect();
    let total: f32 = drops.iter().map(|d| d.0).sum::<f32>().max(f32::MIN_POSITIVE);
    drops.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut spans: Vec<Span> = drops
        .into_iter()
        .take(SPANS)
        .map(|(drop, start, end)| Span {
            start,
            end,
            first_line: line_number(script, start),
            last_line: line_number(script, end.saturating_sub(1).max(start)),
            weight: drop / total,
        })
        .filter(|span| span.weight >= WEIGHT_MIN)
        .collect();
    spans.sort_by_key(|span| span.start);
    Ok(spans)
}

/// The logit of a probability, within what float32 tells apart.
pub(super) fn logit(p: f32) -> f32 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// The line that holds a byte, without its break unless that is the byte.
fn line_around(script: &[u8], at: u32) -> (u32, u32) {
    let at = at as usize;
    let start = memchr::memrchr(b'\n', &script[..at]).map_or(0, |i| i + 1);
    let end = memchr::memchr(b'\n', &script[at..]).map_or(script.len(), |i| at + i);
    (start as u32, end.max(at + 1) as u32)
}

pub(super) fn line_number(script: &[u8], at: u32) -> u32 {
    1 + memchr::memchr_iter(b'\n', &script[..(at as usize).min(script.len())]).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_in_its_line() {
        let script = b"ab\n\ncd";
        let lines: Vec<(u32, u32)> = (0..script.len() as u32).map(|at| line_around(script, at)).collect();
        assert_eq!(lines, [(0, 2), (0, 2), (0, 3), (3, 4), (4, 6), (4, 6)]);
        assert_eq!(line_around(b"", 0), (0, 1));
    }
}
