//! The maps, and the two questions every hook asks of them.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use ebpf::{
    counter,
    event::{Header, Read, Record, Writer},
    limit::{
        CGROUPS_MAX, CHUNK_BYTES, DESCENDANTS_MAX, EXES_MAX, HOLDS_MAX, LINE_BYTES, LINES_MAX, PID_PAGES,
        PIDS_PER_PAGE, SHELLS_MAX, WRITERS_MAX,
    },
    map::{DataSource, Descendant, Entries, Exe, FileKey, Held, Holding, Share, Shell, Stop, Written},
};

use crate::quota::{self, Table};

/// Records for userspace. The size is set when the programs are loaded.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(16 * 1024 * 1024, 0);

/// 1 while userspace looks for records by itself every other millisecond.
#[map]
pub(crate) static AWAKE: Array<u32> = Array::with_max_entries(1, 0);

/// Followed processes by thread group id.
#[map]
pub(crate) static SHELLS: HashMap<u32, Shell> = HashMap::with_max_entries(SHELLS_MAX, 0);

/// How many entries that table has room for. Set by userspace before loading.
#[unsafe(no_mangle)]
pub(crate) static MAX_SHELLS: u32 = 0;

/// Entries of the tables of shells and lines, all together.
#[map]
pub(crate) static ENTRIES: Array<Entries> = Array::with_max_entries(1, 0);

/// And of each cgroup.
#[map]
pub(crate) static ENTRIES_OF: LruHashMap<u64, Entries> = LruHashMap::with_max_entries(CGROUPS_MAX, 0);

/// One byte a process: is it followed ([`IS_FOLLOWED`]), does it descend from one that was ([`DESCENDS`])? An array lookup is inlined by the JIT, so a process that is no shell
/// pays a few instructions where a hash lookup would cost it tens of nanoseconds.
#[map]
pub(crate) static FOLLOWED: Array<[u8; PIDS_PER_PAGE]> = Array::with_max_entries(PID_PAGES, 0);

/// Of a process: it is followed. Userspace writes it, too, for itself.
const IS_FOLLOWED: u8 = 1;
/// Of a process: it is followed, was followed, or descends from one that was.
const DESCENDS: u8 = 2;
/// Of a process: the first of two programs has dealt with its execution, with its being forked.
pub(crate) const EXECUTED: u8 = 4;
pub(crate) const FORKED: u8 = 8;

/// Not zero where there are two programs on a hook. Set by userspace before loading.
#[unsafe(no_mangle)]
pub(crate) static TWICE: u32 = 0;

/// Who forked whom, of what descends from shells: a parent may have ended before its script is judged.
#[map]
pub(crate) static DESCENDANTS: LruHashMap<u32, Descendant> = LruHashMap::with_max_entries(DESCENDANTS_MAX, 0);

/// What executables are, written by userspace.
#[map]
pub(crate) static EXES: LruHashMap<FileKey, Exe> = LruHashMap::with_max_entries(EXES_MAX, 0);

/// Cgroups that userspace has been told the place of.
#[map]
pub(crate) static CGROUPS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(CGROUPS_MAX, 0);

/// Events lost, by the cgroup whose they were. Userspace takes them out.
#[map]
pub(crate) static LOST: LruHashMap<u64, u64> = LruHashMap::with_max_entries(CGROUPS_MAX, 0);

/// What each cgroup may still send while the ring buffer fills.
#[map]
pub(crate) static SHARES: LruHashMap<u64, Share> = LruHashMap::with_max_entries(CGROUPS_MAX, 0);

/// Bytes read one by one and not yet handed over, by thread group id.
#[map]
pub(crate) static LINES: HashMap<u32, Record<Read, LINE_BYTES>> = HashMap::with_max_entries(LINES_MAX, 0);

/// A zeroed line to insert from; too large for the BPF stack.
#[map]
pub(crate) static EMPTY_LINE: PerCpuArray<Record<Read, LINE_BYTES>> = PerCpuArray::with_max_entries(1, 0);

/// Where strings are copied to be measured. What it holds is never used: another process may overwrite it.
#[map]
pub(crate) static MEASURE: PerCpuArray<[u8; CHUNK_BYTES]> = PerCpuArray::with_max_entries(1, 0);

/// Whether shells are stopped until they are judged; written by userspace.
#[map]
pub(crate) static HOLDING: Array<Holding> = Array::with_max_entries(1, 0);

/// Stops that have not ended. Userspace takes them out.
#[map]
pub(crate) static HOLDS: HashMap<Stop, Held> = HashMap::with_max_entries(HOLDS_MAX, 0);

/// When somebody else last continued a stopped process (boot time, ns), by thread group id. Written where the stop that follows
/// may come late (`signal_generate`).
#[map]
pub(crate) static MEDDLED: LruHashMap<u32, u64> = LruHashMap::with_max_entries(HOLDS_MAX, 0);

/// Whether shells of a cgroup are stopped (`HOLD_*`), written by userspace.
#[map]
pub(crate) static HOLD_CGROUPS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(CGROUPS_MAX, 0);

/// What a process reads as data, by thread group id, written by userspace: it is not stopped for it.
#[map]
pub(crate) static HOLD_DATA: LruHashMap<u32, DataSource> = LruHashMap::with_max_entries(HOLDS_MAX, 0);

/// Who wrote to a pipe or a file last, as far as that was looked at.
#[map]
pub(crate) static WRITERS: LruHashMap<Written, Writer> = LruHashMap::with_max_entries(WRITERS_MAX, 0);

/// `ebpf::counter` indexes.
#[map]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(counter::COUNT, 0);

#[inline(always)]
pub(crate) fn count(index: u32, n: u64) {
    if let Some(value) = COUNTERS.get_ptr_mut(index) {
        unsafe { *value += n };
    }
}

/// What this processor has counted.
#[inline(always)]
pub(crate) fn counted(index: u32) -> u64 {
    COUNTERS.get(index).copied().unwrap_or(0)
}

#[inline(always)]
fn followed_byte(tgid: u32) -> Option<*mut u8> {
    let page = FOLLOWED.get_ptr_mut(tgid / PIDS_PER_PAGE as u32)?;
    Some(unsafe { page.cast::<u8>().add(tgid as usize % PIDS_PER_PAGE) })
}

/// Is this process followed?
#[inline(always)]
pub(crate) fn is_followed(tgid: u32) -> bool {
    followed_byte(tgid).is_some_and(|byte| unsafe { *byte } & IS_FOLLOWED != 0)
}

/// Is it, or does it descend from one that was?
#[inline(always)]
pub(crate) fn descends(tgid: u32) -> bool {
    followed_byte(tgid).is_some_and(|byte| unsafe { *byte } & (IS_FOLLOWED | DESCENDS) != 0)
}

#[inline(always)]
fn mark(tgid: u32, value: u8) {
    if let Some(byte) = followed_byte(tgid) {
        unsafe { *byte = value };
    }
}

/// Starts to follow; false when the table is full, or the cgroup's share of it.
#[inline(always)]
pub(crate) fn follow(tgid: u32, shell: &Shell) -> bool {
    const BPF_NOEXIST: u64 = 1;
    if let Some(before) = SHELLS.get_ptr_mut(tgid) {
        // It counts for whom it counted before.
        unsafe { *before = Shell { counted: (*before).counted, ..*shell } };
    } else {
        let is_in =
            quota::admits(Table::Shells, shell.counted) && SHELLS.insert(tgid, shell, BPF_NOEXIST).is_ok();
        if !is_in {
            count(counter::SHELLS_FULL, 1);
            return false;
        }
        quota::account(Table::Shells, shell.counted, 1);
    }
    mark(tgid, IS_FOLLOWED | DESCENDS);
    true
}

/// Stops following; what it forks is still remembered.
#[inline(always)]
pub(crate) fn unfollow(tgid: u32) {
    mark(tgid, DESCENDS);
    let Some(shell) = (unsafe { SHELLS.get(tgid) }) else { return };
    let cgroup = shell.counted;
    if LINES.remove(tgid).is_ok() {
        quota::account(Table::Lines, cgroup, -1);
    }
    if SHELLS.remove(tgid).is_ok() {
        quota::account(Table::Shells, cgroup, -1);
    }
}

/// Stops following what turned out to be no shell.
#[inline(always)]
pub(crate) fn is_no_shell(tgid: u32) {
    unfollow(tgid);
    // Whoever had this id before it does no harm: a few more are remembered.
    if unsafe { DESCENDANTS.get(tgid) }.is_none() {
        forget(tgid);
    }
}

/// A process has ended.
#[inline(always)]
pub(crate) fn forget(tgid: u32) {
    mark(tgid, 0);
}

/// Remembers who forked a process.
#[inline(always)]
pub(crate) fn descend(child: u32, descendant: &Descendant) {
    mark(child, DESCENDS);
    let _ = DESCENDANTS.insert(child, descendant, 0);
}

/// The first of two programs on a hook says that it ran. From 7.0 on programs on tracepoints can be preempted, and the kernel skips a
/// program that is running on that processor already. So there the second one does what the first one could not.
#[inline(always)]
pub(crate) fn dealt_with(tgid: u32, what: u8) {
    if unsafe { core::ptr::read_volatile(&raw const TWICE) } == 0 {
        return;
    }
    if let Some(byte) = followed_byte(tgid) {
        unsafe { *byte |= what };
    }
}

/// Did the first one run? Asked once.
#[inline(always)]
pub(crate) fn was_dealt_with(tgid: u32, what: u8) -> bool {
    // Processes that cannot be marked are not followed.
    let Some(byte) = followed_byte(tgid) else { return true };
    let was = unsafe { *byte } & what != 0;
    unsafe { *byte &= !what };
    was
}

/// Accounts for an event that userspace does not get, in its process and in its cgroup.
#[inline(always)]
pub(crate) fn note_lost(shell: &mut Shell, events: u32) {
    shell.lost += events;
    if let Some(lost) = LOST.get_ptr_mut(shell.cgroup) {
        unsafe { *lost += 1 };
    } else {
        let _ = LOST.insert(shell.cgroup, 1, 0);
    }
}

/// A header for an event of `tgid`, taking over the count of events lost before it.
#[inline(always)]
pub(crate) fn header(kind: u16, tgid: u32, shell: &mut Shell) -> Header {
    let lost = shell.lost;
    shell.lost = 0;
    Header {
        kind,
        flags: 0,
        tgid,
        time_ns: unsafe { aya_ebpf::helpers::bpf_ktime_get_boot_ns() },
        exec_ns: shell.exec_ns,
        lost,
        len: 0,
    }
}
