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

/// So many times as much as waits must be free on the disk, for the database.
const DISK: u64 = 2;

/// Whether what comes finds room on the disk. Once it does not, nothing does until there is room for that.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Bytes that found none.
    refused: Option<u64>,
}

impl Room {
    /// Is there room for so many bytes beside those that wait?
    pub(crate) fn is_for(&mut self, bytes: u64, waiting: u64, free: u64) -> bool {
        if self.refused.is_none() && free / DISK < waiting.saturating_add(bytes) {
            self.refused = Some(bytes);
        }
        self.refused.is_none()
    }

    /// Was anything refused?
    pub(crate) fn is_lacking(&self) -> bool {
        self.refused.is_some()
    }

    /// Looks again, by what waits now. Returns whether there is room since.
    pub(crate) fn is_found(&mut self, waiting: u64, free: u64) -> bool {
        let is_found = self.refused.is_some_and(|bytes| free / DISK >= waiting.saturating_add(bytes));
        if is_found {
            self.refused = None;
        }
        is_found
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

    #[test]
    fn what_waited_when_there_was_no_room_does_not_count_when_it_is_gone() {
        let mut room = Room::default();
        assert!(room.is_for(10, 90, 200) && !room.is_lacking());
        assert!(!room.is_for(11, 90, 200) && room.is_lacking());
        assert!(!room.is_for(1, 0, 1000), "the first one is waited for");
        assert!(!room.is_found(90, 201));
        // The database has it, and less is free than was wanted then.
        assert!(room.is_found(0, 22) && !room.is_found(0, 22));
        assert!(room.is_for(1, 0, 2));
    }
}
