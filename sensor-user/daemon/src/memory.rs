//! Memory that only the start needed.

use procfs::process::{MMPermissions, MMapPath, Process};
use tracing::debug;

/// Gives it back: freed heap, and code and constants that were read from files and are not written to. What is needed again is
/// read from there again.
pub(crate) fn give_back() {
    // SAFETY: malloc_trim has no preconditions.
    unsafe { libc::malloc_trim(0) };
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
