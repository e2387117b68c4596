//! Findings that wait for the collector, on disk, and in memory where the disk cannot be written.
//!
//! What was appended is synced: it is there after a kill and a power cut. It is bounded in bytes and age, and gives way
//! from its oldest end, of whoever has the most in it.

mod disk;
mod entry;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proto::ingest::Envelope;
use tracing::{info, warn};

use crate::metrics::DeliveryMetrics;
use disk::Disk;

pub(crate) use entry::Entry;
pub use entry::Limits;

/// Bytes of findings kept in memory when the disk cannot be written.
const MEMORY_BYTES: u64 = 32 * 1024 * 1024;

/// How long a sensor waits at its start for its predecessor to let go of the spool.
const HAND_OVER: Duration = Duration::from_secs(5);
/// How often it tries again afterwards.
const RETRY: Duration = Duration::from_secs(1);

/// At most after this long, where it is not another sensor that has it.
const RETRY_MAX: Duration = Duration::from_mins(1);

/// What a spool has to tell.
pub struct Notices {
    /// It is one of a run that did not end as it was asked to.
    pub unclean_end: Box<dyn Fn() + Send>,
    /// So many findings of a cgroup were dropped, since they took too much room.
    pub dropped: Box<dyn Fn(u64, u64) + Send>,
}

impl Notices {
    /// Nobody is told.
    pub fn none() -> Self {
        Self { unclean_end: Box::new(|| {}), dropped: Box::new(|_, _| {}) }
    }
}

/// Findings that wait.
pub struct Spool {
    disk: Option<Disk>,
    /// Where the disk is, as long as it cannot be used.
    wanted: Option<PathBuf>,
    tried: Instant,
    pause: Duration,
    notices: Notices,
    /// Newer than everything on disk.
    memory: VecDeque<Entry>,
    memory_bytes: u64,
    next: u64,
    limits: Limits,
    metrics: DeliveryMetrics,
    /// The disk's failure was told.
    told: bool,
}

impl Spool {
    /// Opens the spool in a directory, which is made where it is not there; without one, findings wait in memory. A
    /// directory that cannot be used is told, and never fatal.
    pub fn open(
        directory: Option<&Path>,
        limits: Limits,
        metrics: DeliveryMetrics,
        notices: Notices,
    ) -> Self {
        let mut spool = Self {
            disk: None,
            wanted: directory.map(Path::to_owned),
            tried: Instant::now(),
            pause: RETRY,
            notices,
            memory: VecDeque::new(),
            memory_bytes: 0,
            next: 1,
            limits,
            metrics,
            told: false,
        };
        if let Err(e) = spool.take_over(HAND_OVER) {
            warn!(
                "findings wait in memory for now, the spool in {} cannot be used yet: {e}",
                directory.unwrap_or(Path::new("")).display()
            );
        }
        spool.expire();
        spool.tell_levels();
        spool
    }

    /// Tries again to use the disk where that was not possible: another sensor may have let go of it.
    pub(crate) fn retry(&mut self) {
        if self.wanted.is_none() || self.tried.elapsed() < self.pause {
            return;
        }
        match self.take_over(Duration::ZERO) {
            Ok(()) => info!("the spool on disk is in use now"),
            Err(e) => {
                // One that is in use is free again in a moment; what else is wrong takes longer, and trying costs.
                self.pause = if e.is_busy() { RETRY } else { (self.pause * 2).min(RETRY_MAX) };
                tracing::debug!("the spool cannot be used yet: {e}");
            }
        }
        self.tried = Instant::now();
        self.expire();
        self.tell_levels();
    }

    /// Opens the disk, and puts behind what waits in memory what an earlier run left there: the stream may be sending
    /// from memory, and acknowledges by sequence number.
    fn take_over(&mut self, wait: Duration) -> Result<(), disk::DiskError> {
        let Some(directory) = &self.wanted else { return Ok(()) };
        let (mut disk, opened) = Disk::open(directory, wait)?;
        if self.next > 1 {
            disk.move_behind(self.next - 1)?;
            disk.append(self.memory.make_contiguous())?;
            self.memory.clear();
            self.memory_bytes = 0;
        }
        if opened.damaged > 0 {
            warn!("{} damaged records were cut off the spool in {}", opened.damaged, directory.display());
        }
        self.metrics.damaged.inc_by(opened.damaged);
        if let Err(e) = disk.begin_run() {
            warn!("the spool cannot note that a run is under way: {e}");
        }
        self.next = self.next.max(disk.last() + 1);
        if opened.left > 0 {
            info!("{} findings of an earlier run wait to be delivered", opened.left);
        }
        if opened.unclean_end {
            (self.notices.unclean_end)();
        }
        self.disk = Some(disk);
        self.wanted = None;
        Ok(())
    }

    /// The run ends as it was asked to.
    pub(crate) fn end(&mut self) {
        if let Some(disk) = &mut self.disk
            && let Err(e) = disk.end()
        {
            warn!("the spool does not know that the sensor ended as it was asked to: {e}");
        }
    }

    /// What happens here is counted there.
    pub(crate) fn metrics(&self) -> &DeliveryMetrics {
        &self.metrics
    }

    /// Writes findings down, in their order, each with its owner. They are on disk when this returns, or in memory where that fails.
    pub(crate) fn append(&mut self, findings: Vec<(u64, Envelope)>) {
        for (owner, envelope) in findings {
            let entry = Entry { sequence: self.next, owner, envelope };
            self.next += 1;
            self.memory_bytes += entry.bytes();
            self.memory.push_back(entry);
        }
        self.retry();
        if let Some(disk) = &mut self.disk {
            match disk.append(self.memory.make_contiguous()) {
                Ok(()) => {
                    self.memory.clear();
                    self.memory_bytes = 0;
                    if std::mem::take(&mut self.told) {
                        info!("the spool can be written again");
                    }
                }
                Err(e) => {
                    if !std::mem::replace(&mut self.told, true) {
                        warn!("findings wait in memory for now, the spool cannot be written: {e}");
                    }
                }
            }
        }
        self.expire();
        self.tell_levels();
    }

    /// The oldest findings after a sequence number: at most `count`, and at most `bytes` unless the first is larger.
    pub(crate) fn after(&mut self, sequence: u64, count: usize, bytes: u64) -> Vec<Entry> {
        let mut found = Vec::new();
        if let Some(disk) = &mut self.disk {
            match disk.after(sequence, count, bytes) {
                Ok((entries, damaged)) => {
                    if damaged > 0 {
                        warn!("{damaged} damaged records of the spool were dropped");
                    }
                    self.metrics.damaged.inc_by(damaged);
                    found = entries;
                }
                Err(e) => {
                    warn!("the spool cannot be read: {e}");
                }
            }
        }
        let mut room = bytes.saturating_sub(found.iter().map(Entry::bytes).sum());
        let last = found.last().map_or(sequence, |entry| entry.sequence);
        // What is in memory is newer than all on disk, so it comes when the disk has no more.
        let more_on_disk = self.disk.as_ref().is_some_and(|disk| disk.newest() > last);
        if !more_on_disk {
            for entry in self.memory.iter().filter(|entry| entry.sequence > last) {
                if found.len() >= count || !found.is_empty() && entry.bytes() > room {
                    break;
                }
                room = room.saturating_sub(entry.bytes());
                found.push(entry.clone());
            }
        }
        self.tell_levels();
        found
    }

    /// Everything up to a sequence number is stored elsewhere.
    pub(crate) fn remove_up_to(&mut self, sequence: u64) {
        if let Some(disk) = &mut self.disk
            && let Err(e) = disk.remove_up_to(sequence)
        {
            // It is sent again after a restart, which is harmless.
            warn!("delivered findings stay in the spool: {e}");
        }
        while self.memory.front().is_some_and(|entry| entry.sequence <= sequence) {
            self.drop_from_memory();
        }
        self.tell_levels();
    }

    /// How many findings wait, and for how long the oldest has.
    pub(crate) fn waiting(&mut self) -> (u64, Option<Duration>) {
        let oldest = self.after(0, 1, 0);
        let now = clock::now_boot_ns();
        let age = |entry: &Entry| {
            // One of before this boot is older than that.
            Duration::from_nanos(now.checked_sub(entry.envelope.revision).unwrap_or(now))
        };
        (self.len(), oldest.first().map(age))
    }

    /// Findings that wait.
    pub(crate) fn len(&self) -> u64 {
        self.disk.as_ref().map_or(0, Disk::len) + self.memory.len() as u64
    }

    fn drop_from_memory(&mut self) {
        if let Some(entry) = self.memory.pop_front() {
            self.memory_bytes = self.memory_bytes.saturating_sub(entry.bytes());
        }
    }

    /// Drops from memory what is more than so many bytes, the oldest of whoever has the most there; returns of whom how many.
    fn drop_from_memory_down_to(&mut self, bytes: u64) -> HashMap<u64, u64> {
        let mut held: HashMap<u64, u64> = HashMap::new();
        for entry in &self.memory {
            *held.entry(entry.owner).or_default() += entry.bytes();
        }
        let level = stage::level(held.values().copied(), bytes);
        let mut dropped: HashMap<u64, u64> = HashMap::new();
        self.memory.retain(|entry| {
            let Some(own) = held.get_mut(&entry.owner).filter(|own| **own > level) else { return true };
            *own = own.saturating_sub(entry.bytes());
            self.memory_bytes = self.memory_bytes.saturating_sub(entry.bytes());
            *dropped.entry(entry.owner).or_default() += 1;
            false
        });
        dropped
    }

    /// Drops what is too much, of whoever has the most, or too old, from the oldest end.
    fn expire(&mut self) {
        let mut dropped = Vec::new();
        if let Some(disk) = &mut self.disk {
            match disk.expire(self.limits) {
                Ok(of) => dropped = of,
                Err(e) => warn!("the spool cannot be shortened: {e}"),
            }
        }
        let most = MEMORY_BYTES.min(self.limits.bytes);
        if self.memory_bytes > most {
            dropped.extend(self.drop_from_memory_down_to(most - most / 16));
        }
        for (owner, count) in &dropped {
            (self.notices.dropped)(*owner, *count);
        }
        let expired: u64 = dropped.iter().map(|(_, count)| count).sum();
        if expired > 0 {
            self.metrics.expired.inc_by(expired);
            warn!(
                "{expired} findings were dropped: the spool is full, or they waited too long; is the collector reachable?"
            );
        }
    }

    fn tell_levels(&self) {
        let (disk_len, disk_bytes) = self.disk.as_ref().map_or((0, 0), |disk| (disk.len(), disk.bytes()));
        let level = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.metrics.waiting.set(level(disk_len + self.memory.len() as u64));
        self.metrics.waiting_bytes.set(level(disk_bytes + self.memory_bytes));
        self.metrics.in_memory.set(self.memory.len() as i64);
    }
}
