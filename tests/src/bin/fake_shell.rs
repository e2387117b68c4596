//! Passes for a shell by the texts in its binary, and takes away what it has read while the kernel half is about to
//! copy it: the one way to make a read that cannot be copied. With `calm` it only reads, as fast as it can.

use std::sync::atomic::{AtomicBool, Ordering};

/// Words that a shell's binary cannot do without: so many that it counts as one.
#[used]
static MARKS: &[u8] = b"\0alias\0bg\0break\0case\0cd\0command\0continue\0done\0elif\0esac\0eval\0exec\0\
OPTIND\0OPTARG\0PS1\0PS2\0PS4\0IFS\0PPID\0CDPATH\0MAILPATH\0";

const PAGE: usize = 4096;
/// Bytes of one read when nothing is taken away.
const LINE: usize = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let calm = arguments.first().is_some_and(|a| a == "calm");
    let turns: usize = arguments.last().and_then(|n| n.parse().ok()).unwrap_or(2000);
    // SAFETY: a fresh private mapping; its bytes are never looked at.
    let buffer = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(buffer, libc::MAP_FAILED, "no memory");
    let address = buffer as usize;
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !calm && running.load(Ordering::Relaxed) {
                // SAFETY: the range is the mapping above, and nobody relies on its content.
                unsafe { libc::madvise(address as *mut libc::c_void, PAGE, libc::MADV_DONTNEED) };
            }
        });
        for _ in 0..turns {
            // SAFETY: the buffer is a page long.
            unsafe { libc::read(0, address as *mut libc::c_void, if calm { LINE } else { PAGE }) };
            if !calm {
                // SAFETY: no memory is touched. There is always something to read.
                unsafe { libc::lseek(0, 0, libc::SEEK_SET) };
            }
        }
        running.store(false, Ordering::Relaxed);
    });
}
