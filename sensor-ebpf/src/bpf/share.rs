//! Shares of the ring buffer. While there is room everybody sends what they like; when it is half full, a cgroup that floods
//! it has to make do with its share, so that there is room for the others. What is used of a share comes back as the reader
//! takes records out, and not with time: a reader that is kept from running finds no less room for the others.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_CONS_POS, BPF_RB_RING_SIZE};
use ebpf::{
    counter,
    map::{Share, Shell},
};

use crate::maps::{EVENTS, SHARES, count, note_lost};

/// From so many eighths of the ring in use on, shares count. What may be data is given up first, then files, strings and
/// arguments, then executions.
pub(crate) const DATA: u64 = 4;
pub(crate) const SCRIPT: u64 = 6;
pub(crate) const EXECUTION: u64 = 7;

/// A share at rest is so many parts of the ring, and of what the reader takes so many parts come back.
const PARTS: u64 = 16;

/// May a shell send records of these bytes? If not, they are accounted for as lost.
#[inline(always)]
pub(crate) fn admits(shell: &mut Shell, bytes: u64, eighths: u64) -> bool {
    let size = EVENTS.query(u64::from(BPF_RB_RING_SIZE));
    let used = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    if used * 8 < size * eighths {
        return true;
    }
    let full = size / PARTS;
    // A read can be longer than a share; it takes all of it then.
    let bytes = if bytes > full { full } else { bytes };
    let now = EVENTS.query(u64::from(BPF_RB_CONS_POS));
    let cgroup = shell.cgroup;
    let Some(share) = SHARES.get_ptr_mut(cgroup) else {
        let _ = SHARES.insert(cgroup, Share { left: full - bytes, read: now }, 0);
        return true;
    };
    let share = unsafe { &mut *share };
    // Another processor may have reckoned a moment later.
    let then = share.read;
    let taken = if now > then { now - then } else { 0 };
    let left = if taken >= size { full } else { share.left + taken / PARTS };
    let left = if left > full { full } else { left };
    if left < bytes {
        count(counter::OVER_SHARE, 1);
        note_lost(shell, 1);
        return false;
    }
    share.left = left - bytes;
    share.read = if now > then { now } else { then };
    true
}
