//! The ring buffer's reader.

use std::{
    io,
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use aya::maps::{Array, MapData, RingBuf};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::{EfdFlags, EventFd},
};

use event::{DecodeError, Event};

/// Reads events one by one. Dropping it detaches the programs.
pub struct Reader {
    ring: RingBuf<MapData>,
    awake: Array<MapData, u32>,
    is_awake: bool,
    last_event: Instant,
    waker: Waker,
}

/// Ends a reader's wait from another thread.
#[derive(Clone)]
pub struct Waker(Arc<EventFd>);

impl Waker {
    /// Ends the wait that is under way, or the next.
    pub fn wake(&self) {
        // The counter of an event descriptor does not overflow in the life of a machine.
        let _ = self.0.write(1);
    }
}

/// How often the reader looks for records by itself while there are some.
const LOOK: Duration = Duration::from_millis(2);
/// Without records for so long it goes to sleep, until an execution wakes it.
const DROWSY: Duration = Duration::from_millis(100);

impl Reader {
    pub(super) fn new(ring: RingBuf<MapData>, awake: Array<MapData, u32>) -> io::Result<Self> {
        let waker = Waker(Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?));
        Ok(Self { ring, awake, is_awake: false, last_event: Instant::now(), waker })
    }

    /// What ends a wait from another thread.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits a moment for more, or until an execution when there was nothing for a while; `timeout` at most.
    pub fn wait(&mut self, timeout: Duration) {
        let awake = self.last_event.elapsed() < DROWSY;
        if awake != self.is_awake {
            // Where the map cannot be written, records wait for the next look.
            self.is_awake = awake && self.awake.set(0, 1, 0).is_ok();
            if !awake && self.awake.set(0, 0, 0).is_ok() {
                // What came just before the kernel half knew is found now, not after a sleep.
                return;
            }
        }
        let timeout = if awake { timeout.min(LOOK) } else { timeout };
        let mut fds = [
            PollFd::new(self.ring.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.waker.0.as_fd(), PollFlags::POLLIN),
        ];
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        // An interrupted wait is a short wait.
        let _ = poll(&mut fds, timeout);
        let _ = self.waker.0.read();
    }

    /// Hands every event that is there to `on_event`, at most `limit` of them; returns how many there were.
    pub fn drain(&mut self, limit: usize, on_event: &mut dyn FnMut(Result<Event<'_>, DecodeError>)) -> usize {
        let mut seen = 0;
        while seen < limit {
            let Some(item) = self.ring.next() else { break };
            on_event(Event::decode(&item));
            seen += 1;
        }
        if seen > 0 {
            self.last_event = Instant::now();
        }
        seen
    }
}
