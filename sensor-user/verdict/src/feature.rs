//! A feature: a hashed fact about a word, and where it stands.

/// Size of the hash space.
pub const BUCKETS: u32 = 1 << 20;
/// A feature and the place in the script that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Below [`BUCKETS`].
    pub id: u32,
    /// Byte position in the script.
    pub at: u32,
}
