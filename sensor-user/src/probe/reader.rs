//! The ring buffer's reader, and the table of executables' classes.

use std::{os::fd::AsFd, time::Duration};

use aya::maps::{HashMap, MapData, RingBuf};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use sensor_ebpf::map::FileKey;

use super::event::{DecodeError, Event};

/// Tells the kernel half what executables are.
pub struct Classes {
    map: HashMap<MapData, FileKey, u32>,
}

impl Classes {
    /// Sets an executable's class. Failing to only means that it is asked about again.
    pub fn set(&mut self, key: FileKey, class: u32) {
        if let Err(e) = self.map.insert(key, class, 0) {
            tracing::debug!("class of an executable not stored: {e}");
        }
    }
}

/// Reads events one by one.
pub struct Reader {
    ring: RingBuf<MapData>,
    classes: Classes,
}

impl Reader {
    pub(super) fn new(ring: RingBuf<MapData>, classes: HashMap<MapData, FileKey, u32>) -> Self {
        Self { ring, classes: Classes { map: classes } }
    }

    /// The table of classes.
    pub fn classes(&mut self) -> &mut Classes {
        &mut self.classes
    }

    /// Waits until there is something to read or the time is over.
    pub fn wait(&self, timeout: Duration) {
        let mut fds = [PollFd::new(self.ring.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        // An interrupted wait is a short wait.
        let _ = poll(&mut fds, timeout);
    }

    /// Hands every event that is there to `on_event`, at most `limit` of them; returns how many there were.
    pub fn drain(
        &mut self,
        limit: usize,
        mut on_event: impl FnMut(Result<Event<'_>, DecodeError>, &mut Classes),
    ) -> usize {
        let mut seen = 0;
        while seen < limit {
            let Some(item) = self.ring.next() else { break };
            on_event(Event::decode(&item), &mut self.classes);
            seen += 1;
        }
        seen
    }
}
