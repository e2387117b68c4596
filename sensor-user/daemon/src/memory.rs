//! What memory the process keeps.

use procfs::process::{MMPermissions, MMapPath, Process};
use tracing::debug;

/// What one thread allocates another frees; an arena for each would keep megabytes that nobody uses.
const ARENAS: i32 = 2;

/// What is larger has pages of its own, which go back when it is freed, bytes. By itself the allocator would after the first such
/// block (the model's file) put the next ones into the heap, where what comes behind them keeps their room.
const OWN_PAGES: i32 = 4 * 1024 * 1024;

/// To be called before any thread is started.
pub(crate) fn set_up() {
    // SAFETY: mallopt only sets parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES);
    }
}

/// Gives freed heap back. The start leaves room in the middle of it, and executables that are inspected later, of tens of megabytes
/// some, are read into that room.
pub(crate) fn trim() {
    // SAFETY: malloc_trim has no preconditions.
    unsafe { libc::malloc_trim(0) };
}

/// Gives back what only the start needed: freed heap, and code and constants that were read from files and are not written to. What
/// is needed again is read from there again.
pub(crate) fn give_back() {
    trim();
    let maps = match Process::myself().and_then(|own| own.maps()) {
        Ok(maps) => maps,
        Err(e) => {
            debug!("mappings cannot be read: {e}");
            return;
        }
    };
    let of_files = maps
        .into_iter()
        .filter(|map| matches!(map.pathname, MMapPath::Path(_)) && !map.perms.contains(MMPermissions::WRITE));
    for map in of_files {
        let (from, to) = map.address;
        // SAFETY: the advice changes no content: pages of a private mapping that was never written to are the file's.
        unsafe { libc::madvise(from as *mut libc::c_void, (to - from) as usize, libc::MADV_PAGEOUT) };
    }
}
