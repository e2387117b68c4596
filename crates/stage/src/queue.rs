//! The queue between two stages: bounded by the bytes of what waits in it, and not by how many items that are.
//!
//! A sender never waits unless it asks to. What does not fit is dropped and counted, by the queue's name and by its owner.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};
use tracing::warn;

/// Something that takes memory while it waits, on behalf of somebody.
pub trait Weigh {
    /// Bytes that it holds, about; never less than it has on the heap.
    fn weight_bytes(&self) -> usize;

    /// On whose behalf: the id of a cgroup; 0 is the node itself.
    fn owner(&self) -> u64 {
        0
    }
}

/// Labels of a queue's metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    queue: &'static str,
}

/// What all queues of a process count.
#[derive(Clone, Default)]
pub struct QueueMetrics {
    dropped: Family<Named, Counter>,
    dropped_bytes: Family<Named, Counter>,
    waiting: Family<Named, Gauge>,
    waiting_bytes: Family<Named, Gauge>,
}

impl QueueMetrics {
    /// Metrics that are shown in this registry.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "queue_items_dropped",
            "Items that did not fit into the queue to the next stage",
            metrics.dropped.clone(),
        );
        registry.register_with_unit(
            "queue_dropped",
            "Size of the items that did not fit",
            Unit::Bytes,
            metrics.dropped_bytes.clone(),
        );
        registry.register("queue_items", "Items waiting for the next stage", metrics.waiting.clone());
        registry.register_with_unit(
            "queue_size",
            "Size of the items waiting for the next stage",
            Unit::Bytes,
            metrics.waiting_bytes.clone(),
        );
        metrics
    }
}

/// Owners whose drops are told apart; those with the latest drops stay.
const OWNERS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

struct Shared {
    room: Arc<Semaphore>,
    capacity_bytes: usize,
    name: &'static str,
    dropped: Counter,
    dropped_bytes: Counter,
    waiting: Gauge,
    waiting_bytes: Gauge,
    by_owner: Mutex<LruCache<u64, u64>>,
}

/// An item and its share of the queue's room, which is given back with it.
struct Slot<T> {
    item: T,
    bytes: i64,
    _room: Option<OwnedSemaphorePermit>,
}

/// A queue of this many bytes. An item larger than all of it goes in alone.
pub fn queue<T: Weigh>(
    name: &'static str,
    capacity_bytes: usize,
    metrics: &QueueMetrics,
) -> (Sender<T>, Receiver<T>) {
    let capacity_bytes = capacity_bytes.clamp(1, (u32::MAX as usize).min(Semaphore::MAX_PERMITS));
    let of = Named { queue: name };
    let shared = Arc::new(Shared {
        room: Arc::new(Semaphore::new(capacity_bytes)),
        capacity_bytes,
        name,
        dropped: metrics.dropped.get_or_create_owned(&of),
        dropped_bytes: metrics.dropped_bytes.get_or_create_owned(&of),
        waiting: metrics.waiting.get_or_create_owned(&of),
        waiting_bytes: metrics.waiting_bytes.get_or_create_owned(&of),
        by_owner: Mutex::new(LruCache::new(OWNERS)),
    });
    // The bytes bound it; the channel itself does not.
    let (slots, waiting) = mpsc::unbounded_channel();
    (Sender { slots, shared: shared.clone() }, Receiver { slots: waiting, shared })
}

/// Where items go in. Cheap to clone; the receiver ends when all are gone.
pub struct Sender<T> {
    slots: mpsc::UnboundedSender<Slot<T>>,
    shared: Arc<Shared>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), shared: self.shared.clone() }
    }
}

/// The receiver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the next stage is gone")]
pub struct Closed;

impl<T: Weigh> Sender<T> {
    /// Puts an item in, or drops and counts it when there is no room. True when it went in.
    pub fn try_send(&self, item: T) -> Result<bool, Closed> {
        let bytes = item.weight_bytes();
        match self.shared.room.clone().try_acquire_many_owned(self.permits(bytes)) {
            Ok(room) => self.put(item, bytes, Some(room)).map(|()| true),
            Err(TryAcquireError::NoPermits) => {
                self.drop_item(&item, bytes);
                Ok(false)
            }
            Err(TryAcquireError::Closed) => Err(Closed),
        }
    }

    /// Puts an item in that takes no room and is never dropped: a note about others, smaller than what it saves.
    pub fn send_note(&self, note: T) -> Result<(), Closed> {
        self.put(note, 0, None)
    }

    /// Puts an item in as soon as there is room.
    pub async fn send(&self, item: T) -> Result<(), Closed> {
        let bytes = item.weight_bytes();
        let room =
            self.shared.room.clone().acquire_many_owned(self.permits(bytes)).await.map_err(|_| Closed)?;
        self.put(item, bytes, Some(room))
    }

    fn permits(&self, bytes: usize) -> u32 {
        bytes.clamp(1, self.shared.capacity_bytes) as u32
    }

    fn put(&self, item: T, bytes: usize, room: Option<OwnedSemaphorePermit>) -> Result<(), Closed> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        // Before it can be received, or the receiver would count it out first.
        self.shared.waiting.inc();
        self.shared.waiting_bytes.inc_by(bytes);
        self.slots.send(Slot { item, bytes, _room: room }).map_err(|_| {
            self.shared.waiting.dec();
            self.shared.waiting_bytes.dec_by(bytes);
            Closed
        })
    }

    fn drop_item(&self, item: &T, bytes: usize) {
        let shared = &self.shared;
        let before = shared.dropped.inc();
        shared.dropped_bytes.inc_by(bytes as u64);
        let mut by_owner = shared.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        *by_owner.get_or_insert_mut(item.owner(), || 0) += 1;
        // The 1st, 2nd, 4th, 8th …: a flood fills the queue and must not fill the log, too.
        if (before + 1).is_power_of_two() {
            let (owner, most) = by_owner.iter().max_by_key(|(_, n)| **n).map_or((0, 0), |(o, n)| (*o, *n));
            warn!(
                queue = shared.name,
                dropped = before + 1,
                cgroup = owner,
                "the queue is full: items are dropped, {most} of them from this cgroup"
            );
        }
    }

    /// Owners whose items were dropped, and how many, the latest first.
    #[cfg(test)]
    fn drops_by_owner(&self) -> Vec<(u64, u64)> {
        let by_owner = self.shared.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        by_owner.iter().map(|(owner, count)| (*owner, *count)).collect()
    }
}

/// Where items come out, in their order.
pub struct Receiver<T> {
    slots: mpsc::UnboundedReceiver<Slot<T>>,
    shared: Arc<Shared>,
}

/// What a wait brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// The next item.
    Item(T),
    /// Nothing in time.
    Nothing,
    /// All senders are gone, and nothing waits any more.
    Ended,
}

impl<T> Receiver<T> {
    /// The next item; `None` when all senders are gone and nothing waits any more.
    pub async fn recv(&mut self) -> Option<T> {
        self.slots.recv().await.map(|slot| self.take(slot))
    }

    /// The next item if one waits.
    pub fn try_recv(&mut self) -> Option<T> {
        self.slots.try_recv().ok().map(|slot| self.take(slot))
    }

    /// For threads: the next item, at most this long from now. `runtime` keeps the time.
    pub fn recv_within(&mut self, limit: Duration, runtime: &tokio::runtime::Runtime) -> Received<T> {
        if let Some(item) = self.try_recv() {
            return Received::Item(item);
        }
        match runtime.block_on(async { tokio::time::timeout(limit, self.slots.recv()).await }) {
            Ok(Some(slot)) => Received::Item(self.take(slot)),
            Ok(None) => Received::Ended,
            Err(_) => Received::Nothing,
        }
    }

    fn take(&self, slot: Slot<T>) -> T {
        self.shared.waiting.dec();
        self.shared.waiting_bytes.dec_by(slot.bytes);
        slot.item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Text(&'static str, u64);

    impl Weigh for Text {
        fn weight_bytes(&self) -> usize {
            self.0.len()
        }

        fn owner(&self) -> u64 {
            self.1
        }
    }

    #[test]
    fn bytes_bound_it_and_drops_are_counted_for_their_owner() {
        let metrics = QueueMetrics::default();
        let (sender, mut receiver) = queue("test", 10, &metrics);
        assert_eq!(sender.try_send(Text("123456", 1)), Ok(true));
        assert_eq!(sender.try_send(Text("12345", 2)), Ok(false));
        assert_eq!(sender.try_send(Text("12345", 2)), Ok(false));
        assert_eq!(sender.try_send(Text("1234", 1)), Ok(true));
        assert_eq!(sender.drops_by_owner(), [(2, 2)]);
        let of = Named { queue: "test" };
        assert_eq!(metrics.dropped.get_or_create(&of).get(), 2);
        assert_eq!(metrics.dropped_bytes.get_or_create(&of).get(), 10);
        assert_eq!(metrics.waiting_bytes.get_or_create(&of).get(), 10);
        assert_eq!(receiver.try_recv(), Some(Text("123456", 1)));
        assert_eq!(sender.try_send(Text("123456", 3)), Ok(true));
        assert_eq!(metrics.waiting.get_or_create(&of).get(), 2);
        // A note goes in although there is no room.
        assert_eq!(sender.send_note(Text("note", 0)), Ok(()));
        assert_eq!(receiver.try_recv(), Some(Text("1234", 1)));
        assert_eq!(receiver.try_recv(), Some(Text("123456", 3)));
        assert_eq!(receiver.try_recv(), Some(Text("note", 0)));
        assert_eq!(metrics.waiting_bytes.get_or_create(&of).get(), 0);
    }

    #[test]
    fn what_is_larger_than_the_queue_goes_in_alone() {
        let (sender, mut receiver) = queue("test", 4, &QueueMetrics::default());
        assert_eq!(sender.try_send(Text("1234567890", 0)), Ok(true));
        assert_eq!(sender.try_send(Text("1", 0)), Ok(false));
        assert_eq!(receiver.try_recv(), Some(Text("1234567890", 0)));
        assert_eq!(sender.try_send(Text("1", 0)), Ok(true));
    }

    #[test]
    fn a_thread_waits_for_items_and_learns_that_all_senders_are_gone() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sender, mut receiver) = queue("test", 4, &QueueMetrics::default());
        assert_eq!(receiver.recv_within(Duration::from_millis(1), &runtime), Received::Nothing);
        let sending = std::thread::spawn(move || sender.try_send(Text("1", 0)));
        assert_eq!(receiver.recv_within(Duration::from_secs(30), &runtime), Received::Item(Text("1", 0)));
        assert_eq!(sending.join().unwrap(), Ok(true));
        assert_eq!(receiver.recv_within(Duration::from_secs(30), &runtime), Received::Ended);
    }

    #[test]
    fn a_receiver_that_is_gone_is_told() {
        let (sender, receiver) = queue("test", 4, &QueueMetrics::default());
        drop(receiver);
        assert_eq!(sender.try_send(Text("1", 0)), Err(Closed));
    }
}
