//! The volume that a file is on.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long what was seen is good.
const FRESH: Duration = Duration::from_millis(200);

/// How much room there is.
pub(crate) struct Volume {
    path: PathBuf,
    seen: Option<(Instant, u64)>,
}

impl Volume {
    /// That of a file.
    pub(crate) fn of(file: &Path) -> Self {
        Self { path: file.to_owned(), seen: None }
    }

    /// Bytes that are free, as they were a moment ago. What cannot be seen is no limit.
    pub(crate) fn free(&mut self) -> u64 {
        if let Some((at, free)) = self.seen
            && at.elapsed() < FRESH
        {
            return free;
        }
        let free =
            rustix::fs::statvfs(&self.path).map_or(u64::MAX, |of| of.f_bavail.saturating_mul(of.f_frsize));
        self.seen = Some((Instant::now(), free));
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_has_some_room_and_what_is_not_there_no_limit() {
        assert!((1..1 << 60).contains(&Volume::of(Path::new(".")).free()));
        assert_eq!(Volume::of(Path::new("/nowhere/at/all")).free(), u64::MAX);
    }
}
