//! Shares of the ring buffer. While there is room everybody sends what they like; when it is half full, a cgroup that floods
//! it has to make do with its share, so that there is room for the others.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE},
    helpers::bpf_ktime_get_boot_ns,
};
use ebpf::{
    counter,
    map::{Share, Shell},
};

use crate::maps::{EVENTS, SHARES, count, note_lost};

/// From so many quarters of the ring in use on, shares count. What may be data is given up first, then files and
/// strings, and executions only when nothing fits any more.
pub(crate) const DATA: u64 = 2;
pub(crate) const SCRIPT: u64 = 3;

/// A share at rest is so many parts of the ring, and what is used of it comes back within a second.
const PARTS: u64 = 16;
const SECOND_NS: u64 = 1_000_000_000;

/// May a shell send records of these bytes? If not, they are accounted for as lost.
#[inline(always)]
pub(crate) fn admits(shell: &mut Shell, bytes: u64, quarters: u64) -> bool {
    let size = EVENTS.query(u64::from(BPF_RB_RING_SIZE));
    let used = EVENTS.query(u64::from(BPF_RB_AVAIL_DATA));
    if used * 4 < size * quarters {
        return true;
    }
    let full = size / PARTS;
    // A read can be longer than a share; it takes all of it then.
    let bytes = if bytes > full { full } else { bytes };
    let now = unsafe { bpf_ktime_get_boot_ns() };
    let cgroup = shell.cgroup;
    let Some(share) = SHARES.get_ptr_mut(cgroup) else {
        let _ = SHARES.insert(cgroup, Share { left: full - bytes, time_ns: now }, 0);
        return true;
    };
    let share = unsafe { &mut *share };
    // Another processor may have reckoned a moment later.
    let then = share.time_ns;
    let passed = if now > then { now - then } else { 0 };
    let left = if passed >= SECOND_NS { full } else { share.left + full * passed / SECOND_NS };
    let left = if left > full { full } else { left };
    if left < bytes {
        count(counter::OVER_SHARE, 1);
        note_lost(shell, 1);
        return false;
    }
    share.left = left - bytes;
    share.time_ns = if now > then { now } else { then };
    true
}
