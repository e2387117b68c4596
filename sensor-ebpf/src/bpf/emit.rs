//! Handing bytes of user memory to the ring buffer, in the smallest of four record sizes that holds them.

use aya_ebpf::{
    bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::generated::bpf_probe_read_user,
};
use ebpf::{
    counter,
    event::{FLAG_CUT, FLAG_MORE, Header, KIND_EXEC, Record},
    limit::{CHUNK_BYTES, CHUNK_LARGE_BYTES, CHUNK_MEDIUM_BYTES, CHUNK_SMALL_BYTES},
    map::Shell,
};

use crate::{
    maps::{AWAKE, EVENTS, count, header, note_lost},
    share,
    verifier::{any, bounded},
};

/// Chunks of a train that are sent without another look at the ring: 1 MiB.
const CHUNKS_FREELY: usize = 32;

/// What `bpf_ringbuf_submit` is told about waking the reader. A wake-up costs the shell more than its records do, so
/// the reader looks by itself while there is something going on; only what comes after a pause wakes it.
#[inline(always)]
pub(crate) fn wakeup() -> u64 {
    if is_awake() { u64::from(BPF_RB_NO_WAKEUP) } else { FORCED }
}

/// Wakes the reader whatever it has taken so far.
pub(crate) const FORCED: u64 = BPF_RB_FORCE_WAKEUP as u64;

#[inline(always)]
fn is_awake() -> bool {
    AWAKE.get(0).is_some_and(|awake| unsafe { core::ptr::read_volatile(awake) } != 0)
}

/// Sends `total` bytes at the user address `from` as a train of at most `CHUNKS` records. `body` is given the
/// offset of each record's payload. What is beyond is counted as cut, and the last record says so.
#[inline(always)]
pub(crate) fn train<B: Copy + 'static, const CHUNKS: usize>(
    shell: &mut Shell,
    kind: u16,
    tgid: u32,
    from: u64,
    total: usize,
    body: impl Fn(usize) -> B,
) {
    // Whole chunks have one size, so the verifier sees one path through this loop; choosing among record sizes
    // in here would multiply its paths with every turn. Where a turn left off is hidden from it, or what follows
    // the loop would be walked once for each turn.
    let mut at = 0;
    for turn in 0..CHUNKS {
        if total - at <= CHUNK_BYTES {
            break;
        }
        let mut head = header(kind, tgid, shell);
        head.flags = FLAG_MORE;
        let rest = total - at - CHUNK_BYTES;
        // Whether there is room was asked before the first of them. Long trains of several processors at once must not fill the ring.
        let is_cut = turn == CHUNKS - 1 || turn >= CHUNKS_FREELY && share::is_tight();
        if is_cut {
            head.flags = FLAG_CUT;
            count(counter::CUT_BYTES, rest as u64);
        }
        sized::<B, CHUNK_BYTES>(shell, head, body(at), from + at as u64, CHUNK_BYTES);
        if is_cut {
            return;
        }
        at = any((at + CHUNK_BYTES) as u64) as usize;
    }
    if at >= CHUNKS * CHUNK_BYTES {
        return;
    }
    let head = header(kind, tgid, shell);
    user_bytes(shell, head, body(at), from + at as u64, total - at);
}

/// Sends at most a chunk's bytes, in the smallest record that holds them.
#[inline(always)]
pub(crate) fn user_bytes<B: Copy + 'static>(
    shell: &mut Shell,
    header: Header,
    body: B,
    from: u64,
    len: usize,
) {
    if len <= CHUNK_SMALL_BYTES {
        sized::<B, CHUNK_SMALL_BYTES>(shell, header, body, from, len);
    } else if len <= CHUNK_MEDIUM_BYTES {
        sized::<B, CHUNK_MEDIUM_BYTES>(shell, header, body, from, len);
    } else if len <= CHUNK_LARGE_BYTES {
        sized::<B, CHUNK_LARGE_BYTES>(shell, header, body, from, len);
    } else {
        sized::<B, CHUNK_BYTES>(shell, header, body, from, len);
    }
}

#[inline(always)]
fn sized<B: Copy + 'static, const N: usize>(
    shell: &mut Shell,
    header: Header,
    body: B,
    from: u64,
    len: usize,
) {
    let Some(mut entry) = EVENTS.reserve::<Record<B, N>>(0) else {
        lose(shell, &header);
        return;
    };
    let record = entry.as_mut_ptr();
    let len = bounded(len as u64, N as u64);
    unsafe {
        (&raw mut (*record).header).write(header);
        (*record).header.len = len as u32;
        (&raw mut (*record).body).write(body);
        if len != 0
            && bpf_probe_read_user((&raw mut (*record).payload).cast(), len as u32, from as *const _) != 0
        {
            count(counter::SHORT_READ, 1);
            entry.discard(0);
            shell.lost += header.lost + 1;
            return;
        }
    }
    entry.submit(wakeup());
}

/// Sends a record without payload.
#[inline(always)]
pub(crate) fn bare<B: Copy + 'static>(shell: &mut Shell, header: Header, body: B) {
    let Some(mut entry) = EVENTS.reserve::<Record<B, 0>>(0) else {
        lose(shell, &header);
        return;
    };
    let record = entry.as_mut_ptr();
    unsafe {
        (&raw mut (*record).header).write(header);
        (&raw mut (*record).body).write(body);
    }
    entry.submit(wakeup());
}

/// Accounts for an event that did not fit into the ring buffer.
#[inline(always)]
pub(crate) fn lose(shell: &mut Shell, header: &Header) {
    count(counter::RING_FULL, 1);
    if header.kind == KIND_EXEC {
        count(counter::LOST_EXECS, 1);
    }
    note_lost(shell, header.lost + 1);
}
