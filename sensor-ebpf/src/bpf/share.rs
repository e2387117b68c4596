//! Shares of the ring buffer. While there is room everybody sends what they like; when it is half full, a cgroup that floods
//! it has to make do with its share, so that there is room for the others. What is used of a share comes back as the reader
//! takes records out, and not with time: a reader that is kept from running finds no less room for the others. And as with the
//! shares of tables, a cgroup has used no more of it than is free: so it does not fill the ring, and neither do several.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_CONS_POS, BPF_RB_RING_SIZE};
use ebpf::{
    counter,
    limit::{CHUNK_BYTES, CHUNK_LARGE_BYTES, CHUNK_MEDIUM_BYTES, CHUNK_SMALL_BYTES},
    map::{Share, Shell},
};

use crate::{
    maps::{EVENTS, SHARES, count, note_lost},
    verifier::any,
};

/// From so many sixteenths of the ring in use on, shares count. What may be data is given up first, then files, strings and
/// arguments, then executions, then forks and ends.
pub(crate) const DATA: u64 = 8;
pub(crate) const SCRIPT: u64 = 12;
pub(crate) const EXECUTION: u64 = 14;
pub(crate) const LIFE: u64 = 15;

/// From so many sixteenths on a long text is cut behind its first megabyte.
const TIGHT: u64 = 10;

/// A share at rest is so many parts of the ring, and of what the reader takes so many parts come back. A script of 1 MiB that is
/// read block by block fits.
const PARTS: u64 = 12;
/// What the ring needs for a record beside its payload, at most: its own head, ours, and the body.
pub(crate) const RECORD: u64 = 128;

/// May a shell send records that take so much of the ring? If not, they are accounted for as lost.
#[inline(always)]
pub(crate) fn admits(shell: &mut Shell, bytes: u64, sixteenths: u64) -> bool {
    let size = EVENTS.query(u64::from(BPF_RB_RING_SIZE));
    let used = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    if (used + bytes) * 16 < size * sixteenths {
        return true;
    }
    let free = if used < size { size - used } else { 0 };
    let full = (size / PARTS) as i64;
    let now = EVENTS.query(u64::from(BPF_RB_CONS_POS));
    let cgroup = shell.cgroup;
    let Some(share) = SHARES.get_ptr_mut(cgroup) else {
        let _ = SHARES.insert(cgroup, Share { left: full - bytes as i64, read: now }, 0);
        return true;
    };
    let share = unsafe { &mut *share };
    // Another processor may have reckoned a moment later.
    let then = share.read;
    let taken = if now > then { now - then } else { 0 };
    let left = if taken >= size { full } else { share.left + (taken / PARTS) as i64 };
    let left = if left > full { full } else { left };
    // What is longer than what is left is taken in advance.
    if left <= 0 || (full - left) as u64 + bytes > free {
        count(counter::OVER_SHARE, 1);
        note_lost(shell, 1);
        return false;
    }
    share.left = left - bytes as i64;
    share.read = if now > then { now } else { then };
    true
}

/// Is more of the ring in use than long texts may take?
#[inline(always)]
pub(crate) fn is_tight() -> bool {
    EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) * 16 >= EVENTS.query(u64::from(BPF_RB_RING_SIZE)) * TIGHT
}

/// Is there room for a hint? Nothing is lost without it.
#[inline(always)]
pub(crate) fn has_room_for_hints() -> bool {
    EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) * 16 < EVENTS.query(u64::from(BPF_RB_RING_SIZE)) * DATA
}

/// What the records take by which so many bytes are sent: a record of 32 KiB for each so many, and one for the rest.
#[inline(always)]
pub(crate) fn cost(bytes: u64) -> u64 {
    let rest = bytes % CHUNK_BYTES as u64;
    let rest = if rest <= CHUNK_SMALL_BYTES as u64 {
        CHUNK_SMALL_BYTES
    } else if rest <= CHUNK_MEDIUM_BYTES as u64 {
        CHUNK_MEDIUM_BYTES
    } else if rest <= CHUNK_LARGE_BYTES as u64 {
        CHUNK_LARGE_BYTES
    } else {
        CHUNK_BYTES
    };
    let whole = bytes / CHUNK_BYTES as u64;
    any(whole * (CHUNK_BYTES as u64 + RECORD) + rest as u64 + RECORD)
}
