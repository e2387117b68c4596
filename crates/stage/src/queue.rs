//! The queue between two stages: bounded by the bytes of what waits in it, and not by how many items that are.
//!
//! A sender never waits unless it asks to. What does not fit is dropped and counted, by the queue's name and by its owner.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, TryAcquireError};
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

/// Is told which queue dropped an item, and on whose behalf it was sent.
pub type OnDrop = Arc<dyn Fn(&'static str, u64) + Send + Sync>;

/// What all queues of a process count.
#[derive(Clone, Default)]
pub struct QueueMetrics {
    on_drop: Option<OnDrop>,
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

    /// The queues made from now on tell of every drop.
    pub fn on_drop(&mut self, on_drop: OnDrop) {
        self.on_drop = Some(on_drop);
    }
}

/// Owners whose drops are told apart; those with the latest drops stay.
const OWNERS: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// An item and its share of the queue's room, which is given back with it.
struct Slot<T> {
    item: T,
    bytes: usize,
    room: Option<OwnedSemaphorePermit>,
}

/// What waits on behalf of one owner.
struct Line<T> {
    slots: VecDeque<Slot<T>>,
    bytes: usize,
}

/// What waits on behalf of all.
struct Lines<T> {
    of: HashMap<u64, Line<T>>,
    /// Owners of whom something waits, in the order in which they have their turn.
    turns: VecDeque<u64>,
    senders: usize,
    receiver_is_gone: bool,
}

impl<T> Lines<T> {
    fn push(&mut self, owner: u64, slot: Slot<T>) {
        let line = self.of.entry(owner).or_insert_with(|| {
            self.turns.push_back(owner);
            Line { slots: VecDeque::new(), bytes: 0 }
        });
        line.bytes += slot.bytes;
        line.slots.push_back(slot);
    }

    /// The first item of the owner whose turn it is.
    fn pop(&mut self) -> Option<Slot<T>> {
        let owner = self.turns.pop_front()?;
        let line = self.of.get_mut(&owner)?;
        let slot = line.slots.pop_front();
        line.bytes -= slot.as_ref().map_or(0, |slot| slot.bytes);
        if line.slots.is_empty() {
            self.of.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        slot
    }

    /// Takes out the newest item of whoever has the most, if that is more than `owner` would have with `bytes` on top. Notes
    /// stay.
    fn push_out(&mut self, owner: u64, bytes: usize) -> Option<(u64, Slot<T>)> {
        let own = self.of.get(&owner).map_or(0, |line| line.bytes);
        let (most, line) = self.of.iter_mut().max_by_key(|(_, line)| line.bytes)?;
        if *most == owner || line.bytes <= own + bytes {
            return None;
        }
        let at = line.slots.iter().rposition(|slot| slot.room.is_some())?;
        let slot = line.slots.remove(at)?;
        line.bytes -= slot.bytes;
        let most = *most;
        if line.slots.is_empty() {
            self.of.remove(&most);
            self.turns.retain(|turn| *turn != most);
        }
        Some((most, slot))
    }
}

struct Shared<T> {
    lines: Mutex<Lines<T>>,
    news: Notify,
    room: Arc<Semaphore>,
    capacity_bytes: usize,
    name: &'static str,
    dropped: Counter,
    dropped_bytes: Counter,
    waiting: Gauge,
    waiting_bytes: Gauge,
    by_owner: Mutex<LruCache<u64, u64>>,
    on_drop: Option<OnDrop>,
}

impl<T> Shared<T> {
    fn lines(&self) -> MutexGuard<'_, Lines<T>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_out(&self, slot: &Slot<T>) {
        self.waiting.dec();
        self.waiting_bytes.dec_by(i64::try_from(slot.bytes).unwrap_or(i64::MAX));
    }
}

/// A queue of this many bytes. An item larger than all of it goes in alone.
///
/// Items of one owner come out in their order. Owners take turns, so that one who sends much does not hold up one who sends
/// little; and where there is no room, who has the most in the queue gives way.
pub fn queue<T: Weigh>(
    name: &'static str,
    capacity_bytes: usize,
    metrics: &QueueMetrics,
) -> (Sender<T>, Receiver<T>) {
    let capacity_bytes = capacity_bytes.clamp(1, (u32::MAX as usize).min(Semaphore::MAX_PERMITS));
    let of = Named { queue: name };
    let lines = Lines { of: HashMap::new(), turns: VecDeque::new(), senders: 1, receiver_is_gone: false };
    let shared = Arc::new(Shared {
        lines: Mutex::new(lines),
        news: Notify::new(),
        room: Arc::new(Semaphore::new(capacity_bytes)),
        capacity_bytes,
        name,
        dropped: metrics.dropped.get_or_create_owned(&of),
        dropped_bytes: metrics.dropped_bytes.get_or_create_owned(&of),
        waiting: metrics.waiting.get_or_create_owned(&of),
        waiting_bytes: metrics.waiting_bytes.get_or_create_owned(&of),
        by_owner: Mutex::new(LruCache::new(OWNERS)),
        on_drop: metrics.on_drop.clone(),
    });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// Where items go in. Cheap to clone; the receiver ends when all are gone.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lines().senders += 1;
        Self { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.lines().senders -= 1;
        self.shared.news.notify_one();
    }
}

/// The receiver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the next stage is gone")]
pub struct Closed;

impl<T: Weigh> Sender<T> {
    /// Puts an item in. Where there is no room, whoever has the most in the queue loses the newest of it; if that would be
    /// the item's own owner, the item is dropped. What is dropped is counted. True when the item went in.
    pub fn try_send(&self, item: T) -> Result<bool, Closed> {
        let (bytes, owner) = (item.weight_bytes(), item.owner());
        loop {
            match self.shared.room.clone().try_acquire_many_owned(self.permits(bytes)) {
                Ok(room) => return self.put(item, bytes, Some(room)).map(|()| true),
                Err(TryAcquireError::Closed) => return Err(Closed),
                Err(TryAcquireError::NoPermits) => {
                    let pushed_out = self.shared.lines().push_out(owner, bytes);
                    let Some((from, slot)) = pushed_out else {
                        self.count_drop(owner, bytes);
                        return Ok(false);
                    };
                    self.shared.count_out(&slot);
                    self.count_drop(from, slot.bytes);
                }
            }
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
        let shared = &self.shared;
        let owner = item.owner();
        {
            let mut lines = shared.lines();
            if lines.receiver_is_gone {
                return Err(Closed);
            }
            lines.push(owner, Slot { item, bytes, room });
            // Before it can be received, or the receiver would count it out first.
            shared.waiting.inc();
            shared.waiting_bytes.inc_by(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        shared.news.notify_one();
        Ok(())
    }

    fn count_drop(&self, owner: u64, bytes: usize) {
        let shared = &self.shared;
        let before = shared.dropped.inc();
        shared.dropped_bytes.inc_by(bytes as u64);
        if let Some(on_drop) = &shared.on_drop {
            on_drop(shared.name, owner);
        }
        let mut by_owner = shared.by_owner.lock().unwrap_or_else(PoisonError::into_inner);
        *by_owner.get_or_insert_mut(owner, || 0) += 1;
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

/// Where items come out, those of one owner in their order.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Who waits for room learns that there is nobody to make some.
        self.shared.room.close();
        let mut lines = self.shared.lines();
        lines.receiver_is_gone = true;
        lines.of.clear();
        lines.turns.clear();
    }
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
        loop {
            match self.look() {
                Received::Item(item) => return Some(item),
                Received::Ended => return None,
                // What came since the look has left a permit there.
                Received::Nothing => self.shared.news.notified().await,
            }
        }
    }

    /// The next item if one waits.
    pub fn try_recv(&mut self) -> Option<T> {
        match self.look() {
            Received::Item(item) => Some(item),
            _ => None,
        }
    }

    /// For threads: the next item, at most this long from now. `runtime` keeps the time.
    pub fn recv_within(&mut self, limit: Duration, runtime: &tokio::runtime::Runtime) -> Received<T> {
        match self.look() {
            Received::Nothing => {}
            found => return found,
        }
        match runtime.block_on(async { tokio::time::timeout(limit, self.recv()).await }) {
            Ok(Some(item)) => Received::Item(item),
            Ok(None) => Received::Ended,
            Err(_) => Received::Nothing,
        }
    }

    fn look(&self) -> Received<T> {
        let mut lines = self.shared.lines();
        match lines.pop() {
            Some(slot) => {
                drop(lines);
                self.shared.count_out(&slot);
                Received::Item(slot.item)
            }
            None if lines.senders == 0 => Received::Ended,
            None => Received::Nothing,
        }
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
        assert_eq!(sender.try_send(Text("12345", 1)), Ok(false));
        assert_eq!(sender.try_send(Text("12345", 1)), Ok(false));
        assert_eq!(sender.try_send(Text("1234", 1)), Ok(true));
        assert_eq!(sender.drops_by_owner(), [(1, 2)]);
        let of = Named { queue: "test" };
        assert_eq!(metrics.dropped.get_or_create(&of).get(), 2);
        assert_eq!(metrics.dropped_bytes.get_or_create(&of).get(), 10);
        assert_eq!(metrics.waiting_bytes.get_or_create(&of).get(), 10);
        assert_eq!(receiver.try_recv(), Some(Text("123456", 1)));
        assert_eq!(sender.try_send(Text("123456", 3)), Ok(true));
        assert_eq!(metrics.waiting.get_or_create(&of).get(), 2);
        // A note goes in although there is no room.
        assert_eq!(sender.send_note(Text("note", 1)), Ok(()));
        assert_eq!(receiver.try_recv(), Some(Text("1234", 1)));
        assert_eq!(receiver.try_recv(), Some(Text("123456", 3)));
        assert_eq!(receiver.try_recv(), Some(Text("note", 1)));
        assert_eq!(metrics.waiting_bytes.get_or_create(&of).get(), 0);
    }

    #[test]
    fn owners_take_turns_and_keep_their_order() {
        let (sender, mut receiver) = queue("test", 100, &QueueMetrics::default());
        for text in ["a1", "a2", "a3", "a4"] {
            assert_eq!(sender.try_send(Text(text, 1)), Ok(true));
        }
        assert_eq!(sender.try_send(Text("b1", 2)), Ok(true));
        assert_eq!(sender.try_send(Text("c1", 3)), Ok(true));
        assert_eq!(sender.try_send(Text("b2", 2)), Ok(true));
        let order: Vec<_> = std::iter::from_fn(|| receiver.try_recv()).map(|text| text.0).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
    }

    #[test]
    fn who_has_the_most_gives_way() {
        let metrics = QueueMetrics::default();
        let (sender, mut receiver) = queue("test", 10, &metrics);
        for text in ["aaaa", "bbbb", "cc"] {
            assert_eq!(sender.try_send(Text(text, 1)), Ok(true));
        }
        assert_eq!(sender.send_note(Text("note", 1)), Ok(()));
        assert_eq!(sender.try_send(Text("qqq", 2)), Ok(true), "the one who fills it loses the newest");
        assert_eq!(sender.drops_by_owner(), [(1, 2)]);
        assert_eq!(sender.try_send(Text("rrr", 2)), Ok(true));
        assert_eq!(sender.try_send(Text("sss", 2)), Ok(false), "now both have as much");
        let order: Vec<_> = std::iter::from_fn(|| receiver.try_recv()).map(|text| text.0).collect();
        assert_eq!(order, ["aaaa", "qqq", "note", "rrr"], "the note about what was before it stays");
        let of = Named { queue: "test" };
        assert_eq!(
            (metrics.waiting.get_or_create(&of).get(), metrics.waiting_bytes.get_or_create(&of).get()),
            (0, 0)
        );
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
