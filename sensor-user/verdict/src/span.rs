//! The lines that carried a verdict.

use serde::{Deserialize, Serialize};

/// A part of a script that carried the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Line of the first byte, from 1.
    pub first_line: u32,
    /// Line of the last byte.
    pub last_line: u32,
    /// How much of the score rests on it, 0 to 1.
    pub weight: f32,
}
