//! How buffers grow. What is doubled may take twice what it needs, and a script decides how much that is.

/// Room for so many more: what is large grows by a quarter.
#[inline]
pub(super) fn make_room<T>(buffer: &mut Vec<T>, more: usize) {
    if buffer.capacity() - buffer.len() < more {
        buffer.reserve_exact((buffer.len() / 4).max(more).max(64));
    }
}
